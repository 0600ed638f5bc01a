"""Runs the benchmarks: `python -m tests.bench [ROW]`. Each module `rowNN_*.py` here has `run() -> Row | list[Row]`."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path

from tests.bench.table import Row, format_table


def main() -> int:
    """Run all rows, or those asked for by number; print one table."""
    wanted = {int(word) for word in (*sys.argv[1:], *os.environ.get("ROW", "").split())}
    rows: list[Row] = []
    for path in sorted(Path(__file__).parent.glob("row*.py")):
        number = int(path.stem[3:5])
        if wanted and number not in wanted:
            continue
        print(f"row {number}: {path.stem[6:]} …", file=sys.stderr, flush=True)
        try:
            found = importlib.import_module(f"tests.bench.{path.stem}").run()
        except Exception as error:
            traceback.print_exc()
            why = f"{type(error).__name__}: {error}".splitlines()[0]
            found = Row(number, path.stem[6:], f"could not run: {why[:100]}")
        rows += found if isinstance(found, list) else [found]
    print(format_table(rows))
    return 1 if any(row.met is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
