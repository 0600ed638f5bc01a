"""One row of `make bench`, and how a figure and its reference are measured side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

__all__ = ["Measured", "Row", "alternate", "format_table", "spread"]


@dataclass(frozen=True)
class Row:
    """A line of the table: `figure` and `reference` are texts with units, `target` says what their ratio must be."""

    row: int
    what: str
    figure: str
    reference: str = "—"
    ratio: str = "—"
    target: str = "—"
    met: bool | None = None  # None: nothing to meet (or it could not run, and `figure` says why)


@dataclass
class Measured:
    """Values of repeated runs, in the unit that the caller says."""

    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def text(self, unit: str, digits: int = 0) -> str:
        """Median with minimum and maximum."""
        low, high = min(self.values), max(self.values)
        return f"{self.median:,.{digits}f} {unit} ({low:,.{digits}f}–{high:,.{digits}f})"


def alternate(runs: Sequence[Callable[[], float]], repeats: int = 5) -> list[Measured]:
    """Run each once to warm up, then all in turn, `repeats` times; each run returns its own figure."""
    for run in runs:
        run()
    measured = [Measured() for _ in runs]
    for _ in range(repeats):
        for run, values in zip(runs, measured, strict=True):
            values.values.append(run())
    return measured


def spread(run: Callable[[], object], number: int) -> float:
    """Seconds a call takes, on average of `number` calls."""
    begun = time.perf_counter()
    for _ in range(number):
        run()
    return (time.perf_counter() - begun) / number


def format_table(rows: Sequence[Row]) -> str:
    """The table as text."""
    head = ("row", "what", "figure", "reference", "ratio", "target", "")
    lines = [head] + [
        (str(row.row), row.what, row.figure, row.reference, row.ratio, row.target, _MARK[row.met]) for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


_MARK = {True: "met", False: "NOT MET", None: ""}
