"""Files of rows: CSV, JSON lines and XLSX, read as a stream, each row with the number by which a person finds it."""

from __future__ import annotations

import csv
import itertools
from codecs import BOM_UTF8
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO, TypeAlias

from server.errors import Invalid
from server.services.strict import decode_object

__all__ = ["Cells", "Row", "Table", "open_table"]

Cells: TypeAlias = dict[str, Any]  # column → text, number, boolean, list, mapping, or None

_SAMPLE: Final = 64 * 1024  # characters by which a CSV file is judged
_DELIMITERS: Final = ",;\t|"
_CELL: Final = 1024 * 1024  # characters of a cell at most


class Row(NamedTuple):
    """A row: its number in the file, as a person counts there, what it says, what is wrong with it ("": nothing)."""

    number: int
    cells: Cells
    problem: str = ""


class Table:
    """A file of rows. `size` is its length in bytes, of which each row of `rows` tells how far the reading is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.done = 0
        self._kind = path.suffix.lower()
        if self._kind not in (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".xlsx"):
            raise Invalid(f"{path.name}: a .csv, .tsv, .jsonl or .xlsx file is wanted", code="wrong_file")
        self.columns = self._columns()

    def _columns(self) -> list[str]:
        """The names of the columns; those of JSON lines are the ones of the first thousand."""
        if self._kind in (".jsonl", ".ndjson"):
            return list(dict.fromkeys(name for row in itertools.islice(self.rows(), 1000) for name in row.cells))
        with closing(self._raw()) as lines:
            _, first = next(lines, (0, []))
        names = [str(name or "").strip() for name in first]
        while names and not names[-1]:
            names.pop()
        if not names:
            raise Invalid(f"{self.path.name} is empty: its first row must name the columns", code="wrong_file")
        doubled = {name for name in names if name and names.count(name) > 1}
        if doubled:
            raise Invalid(f"{self.path.name} has two columns named {min(doubled)!r}: rename one", code="wrong_file")
        return names

    def rows(self) -> Iterator[Row]:
        """The rows from the first one on."""
        if self._kind in (".jsonl", ".ndjson"):
            yield from self._json_rows()
            return
        width = len(self.columns)
        with closing(self._raw()) as lines:
            next(lines, None)
            for number, line in lines:
                if not any(line):
                    continue
                problem = ""
                if len(line) > width and any(line[width:]):
                    problem = f"has {len(line)} cells, and there are {width} columns"
                yield Row(number, {name: cell for name, cell in zip(self.columns, line, strict=False) if name}, problem)

    def _raw(self) -> Generator[tuple[int, list[Any]], None, None]:
        return self._sheet() if self._kind == ".xlsx" else self._csv()

    def _csv(self) -> Generator[tuple[int, list[Any]], None, None]:
        encoding = _encoding(self.path)
        with self.path.open(encoding=encoding, newline="", errors="strict") as file:
            delimiter = _delimiter(file, self.path)
            csv.field_size_limit(_CELL)
            reader = csv.reader(self._counted(file), delimiter=delimiter, strict=True)
            number = 1
            try:
                for line in reader:
                    yield number, line
                    number = reader.line_num + 1
            except csv.Error as problem:
                raise Invalid(f"{self.path.name}, line {reader.line_num}: {problem}", code="wrong_file") from None
            except UnicodeError:
                raise _unreadable(self.path) from None

    def _counted(self, file: TextIO) -> Iterator[str]:
        self.done = 0
        for line in file:
            self.done += len(line)
            yield line

    def _json_rows(self) -> Iterator[Row]:
        self.done = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                self.done += len(line)
                if not line.strip():
                    continue
                try:
                    yield Row(number, decode_object(line.removeprefix(BOM_UTF8) if number == 1 else line))
                except Invalid as wrong:
                    yield Row(number, {}, f"is no JSON object that can be taken: {wrong.errors[0].message}")

    def _sheet(self) -> Generator[tuple[int, list[Any]], None, None]:
        from openpyxl import load_workbook  # as large as all the rest, and rarely used

        try:
            book = load_workbook(self.path, read_only=True, data_only=True)
        except Exception as problem:
            raise Invalid(f"{self.path.name} is no XLSX file that can be read", code="wrong_file") from problem
        with closing(book):
            sheet = book.worksheets[0]
            rows = sheet.max_row or 1
            for number, line in enumerate(sheet.iter_rows(values_only=True), start=1):
                self.done = min(self.size, self.size * number // max(rows, 1))
                yield number, [_plain(cell) for cell in line]


def open_table(path: Path) -> Table:
    """A file of rows. Raises `Invalid`, saying what is wrong with it."""
    return Table(path)


def _encoding(path: Path) -> str:
    """UTF-8 or UTF-16 by its mark, UTF-8 where it is, else Windows-1252, which old spreadsheets write."""
    with path.open("rb") as file:
        start = file.read(4)
        if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16"
        file.seek(0)
        rest = b""
        while block := file.read(1 << 20):
            try:
                (rest + block).decode()
                rest = b""
            except UnicodeDecodeError as problem:
                if problem.reason != "unexpected end of data":
                    return "cp1252"
                rest = (rest + block)[problem.start :]
        return "cp1252" if rest else "utf-8-sig"


def _unreadable(path: Path) -> Invalid:
    return Invalid(f"{path.name} holds what is text in neither UTF-8, UTF-16 nor Windows-1252", code="wrong_file")


def _delimiter(file: TextIO, path: Path) -> str:
    try:
        sample = file.read(_SAMPLE)
        file.seek(0)
    except UnicodeError:
        raise _unreadable(path) from None
    if path.suffix.lower() == ".tsv":
        return "\t"
    head = sample.split("\n", 1)[0]
    found = max(_DELIMITERS, key=head.count)
    if head.count(found):
        return found
    with suppress(csv.Error):
        return csv.Sniffer().sniff(sample, _DELIMITERS).delimiter
    return ","


def _plain(cell: Any) -> Any:
    """A cell of a sheet as the other files would have it."""
    match cell:
        case datetime():
            return cell.isoformat() if cell.time() != time() else cell.date().isoformat()
        case date() | time():
            return cell.isoformat()
        case float() if cell.is_integer() and abs(cell) < 2**53:
            return int(cell)
        case None | str() | int() | float() | bool():
            return cell
        case _:
            return str(cell)
