"""Text → statements with positions: what a line is, where it goes on, what is a comment, what is quoted.

A statement starts at the left margin and owns the indented lines under it. A line that ends in a backslash goes on in
the next. `#` starts a comment outside quotes. A double quote opens a text; a single quote opens one where another
closes it in the same line (only expressions have those).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from rules.errors import Problem

__all__ = ["Comment", "Cut", "Line", "Statement", "cut", "excerpt_at", "normalise", "quote", "tidy", "unquote"]

MAXIMUM_TEXT = 1_000_000
MAXIMUM_LINE = 16_000
MAXIMUM_STATEMENTS = 5_000
MAXIMUM_DEPTH = 20

_MARK = re.compile(r"""["'#]""")
_QUOTED = re.compile(r"""(?s:"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')""")
_SPACED = re.compile(rf"({_QUOTED.pattern})|[ \t\u00a0\u202f]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One logical line: its text without indentation and comment, and where each piece of it stands.

    `pieces` are (offset in the text, line, column) where a physical line begins, the first at offset 0.
    """

    text: str
    indent: str = ""
    pieces: tuple[tuple[int, int, int], ...]
    end: int  # the last physical line

    @property
    def number(self) -> int:
        return self.pieces[0][1]

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column (from 1) of an offset in the text."""
        start, line, column = next(piece for piece in reversed(self.pieces) if piece[0] <= offset)
        return line, column + offset - start


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A line at the left margin with the indented lines that belong to it; `text` as it was written."""

    header: Line
    body: tuple[Line, ...] = ()
    text: str = ""


class Comment(msgspec.Struct, frozen=True):
    """A comment with its mark; `alone` where its line holds nothing else."""

    line: int
    text: str
    alone: bool


class Cut(msgspec.Struct, kw_only=True):
    """A text cut into statements, with its comments and what is wrong with its lines."""

    lines: list[str]  # as written
    statements: list[Statement] = msgspec.field(default_factory=list)
    comments: list[Comment] = msgspec.field(default_factory=list)
    blank: set[int] = msgspec.field(default_factory=set)
    problems: list[Problem] = msgspec.field(default_factory=list)
    broken: set[int] = msgspec.field(default_factory=set)  # first lines of logical lines not worth parsing

    def report(self, line: int, column: int, length: int, message: str, code: str, **arguments: str) -> None:
        self.problems.append(
            excerpt_at(
                self.lines,
                Problem(line=line, column=column, length=length, message=message, code=code, arguments=arguments),
            )
        )


def cut(text: str) -> Cut:
    """Cut a rulebook into its statements. Never raises: what is wrong is listed in `problems`."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > MAXIMUM_TEXT:
        result = Cut(lines=[])
        result.report(1, 1, 1, f"the rulebook is longer than {MAXIMUM_TEXT:,} characters", "too long")
        return result
    result = Cut(lines=text.split("\n"))
    header: Line | None = None
    body: list[Line] = []
    for line in _logical_lines(result):
        if not line.indent:
            _finish(result, header, body)
            if len(result.statements) >= MAXIMUM_STATEMENTS:
                result.report(
                    line.number,
                    1,
                    1,
                    f"a rulebook has at most {MAXIMUM_STATEMENTS:,} statements",
                    "too many statements",
                )
                return result
            header, body = line, []
        elif header is None:
            result.report(
                line.number,
                1,
                len(line.indent),
                "an indented line belongs to a statement, and none is above it",
                "indent",
            )
        else:
            body.append(line)
    _finish(result, header, body)
    return result


def _finish(result: Cut, header: Line | None, body: list[Line]) -> None:
    """Close the statement that was being read."""
    if header is None:
        return
    if len({letter for line in body for letter in line.indent}) > 1:
        odd = next(line for line in body if set(line.indent) != {body[0].indent[0]})
        result.report(
            odd.number, 1, len(odd.indent), "indent a statement with spaces or with tabs, not with both", "mixed indent"
        )
        body = [line for line in body if set(line.indent) == {body[0].indent[0]}]
    last = body[-1].end if body else header.end
    text = "\n".join(result.lines[header.number - 1 : last])
    result.statements.append(Statement(header=header, body=tuple(body), text=text))


def _logical_lines(result: Cut) -> Iterator[Line]:
    """Join continued lines, take comments off, and leave blank lines out."""
    number = 0
    while number < len(result.lines):
        first, text, pieces = number, "", []
        goes_on = True
        while goes_on:
            raw = result.lines[number]
            number += 1
            stripped = raw.rstrip()
            goes_on = stripped.endswith("\\") and number < len(result.lines)
            if len(text) <= MAXIMUM_LINE:  # what is over the limit is not read
                goes_on = goes_on and not _in_comment(text + stripped)
                pieces.append((len(text), number, 1))
                text += stripped[:-1] if goes_on else raw
        line = _line(result, first + 1, number, text, pieces)
        if line is not None:
            yield line


def _line(result: Cut, first: int, last: int, text: str, pieces: list[tuple[int, int, int]]) -> Line | None:
    """A logical line, or None where nothing is left of it."""
    indent = text[: len(text) - len(text.lstrip(" \t"))]
    where = Line(text="", pieces=tuple(pieces), end=last)
    if len(text) > MAXIMUM_LINE:
        result.report(first, 1, 1, f"a line has at most {MAXIMUM_LINE:,} characters", "line too long")
        result.broken.add(first)
        text = text[:MAXIMUM_LINE]
    if control := _CONTROL.search(text):
        line, column = where.place(control.start())
        result.report(line, column, 1, "a control character has no place here", "control character")
        result.broken.add(first)
    end, unclosed = _scan(text)
    if unclosed is not None:
        line, column = where.place(unclosed)
        result.report(line, column, 1, "this text is not closed: its second quote is missing", "unclosed text")
        result.broken.add(first)
    content = text[len(indent) : end].rstrip()
    if end < len(text):
        result.comments.append(Comment(where.place(end)[0], text[end:].rstrip(), not content))
    if not content:
        if end == len(text):
            result.blank.add(first)
        return None
    width = len(indent)
    shifted = [(max(offset - width, 0), line, column + max(width - offset, 0)) for offset, line, column in pieces]
    kept = [piece for at, piece in enumerate(shifted) if at + 1 == len(shifted) or shifted[at + 1][0] > 0]
    return Line(text=content, indent=indent, pieces=tuple(kept), end=last)


def _scan(text: str) -> tuple[int, int | None]:
    """Where the comment begins (else the end of the text), and where a text begins that is not closed."""
    at, singles = 0, True
    while found := _MARK.search(text, at):
        start = found.start()
        if found[0] == "#":
            return start, None
        end = _closing(text, start) if found[0] == '"' or singles else 0
        if not end and found[0] == '"':
            return len(text), start
        singles = singles and bool(end)  # one that nothing closes: so is every later one
        at = end or start + 1
    return len(text), None


def _closing(text: str, start: int) -> int:
    """Where the quoted text that starts here ends; 0 where nothing closes it."""
    found = _QUOTED.match(text, start)
    return found.end() if found else 0


def _in_comment(text: str) -> bool:
    return "#" in text and _scan(text)[0] < len(text)


def excerpt_at(lines: list[str], problem: Problem) -> Problem:
    """The problem with the line it is in, for showing; of a very long line the part around the place."""
    if not 1 <= problem.line <= len(lines):
        return problem
    text = _CONTROL.sub(" ", lines[problem.line - 1].replace("\t", " "))
    start = max(problem.column - 100, 0) if len(text) > 300 else 0
    length = max(1, min(problem.length, len(text) - problem.column + 1, 300))
    return msgspec.structs.replace(
        problem, excerpt=text[start : start + 300].rstrip(), caret=problem.column - start, length=length
    )


def quote(text: str) -> str:
    """A text as it is written in a rulebook."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def tidy(expression: str) -> str:
    """An expression with single spaces outside its quotes, as it is after a line that went on."""
    return _SPACED.sub(lambda found: found[1] or " ", expression)


def unquote(written: str) -> str:
    """The text that is written in double quotes; a backslash that stands before neither of the two stays."""
    return re.sub(r'\\(["\\])', r"\1", written[1:-1])


# --- text from chat ---

_PAIRS = {"“": "”", "„": "“”", "«": "»", "‘": "’"}
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u202f\u2009"), " ")
_PLAIN = {**_DASHES, **_SPACES}
_OPENING = re.compile("[\"'#" + "".join(_PAIRS) + "]")
_SLACK = re.compile(r"<([#@!]|mailto:|tel:|https?://)([^<>|\n]*)(?:\|([^<>\n]*))?>")


def normalise(text: str, slack: bool = False) -> str:
    """Text from a chat as the language writes it; nothing inside plain quotes changes, but for Slack's own escapes.

    Typographic quotes that pair within a line become plain ones; outside quotes dashes become plain and non-breaking
    spaces become spaces. With `slack`, links, channels and entities are put back to what was typed.
    """
    if slack:
        text = _SLACK.sub(_typed, text)
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "\n".join(_plain_line(line) for line in text.split("\n"))


def _typed(found: re.Match[str]) -> str:
    """What was typed where Slack shows a link, a channel or an address."""
    kind, target, label = found.groups()
    if kind == "#":
        return f"#{label}" if label else found[0]
    if kind in "@!":
        return found[0]
    if label:
        return label
    return target if kind in ("mailto:", "tel:") else kind + target


def _plain_line(line: str) -> str:
    """One line with plain quotes, dashes and spaces."""
    out, at, hopeless = [], 0, ""
    while found := _OPENING.search(line, at):
        start, mark = found.start(), found[0]
        out.append(line[at:start].translate(_PLAIN))
        if mark == "#":
            return "".join(out) + line[start:]
        end = 0 if mark in hopeless else _closing(line, start) if mark in "\"'" else _paired(line, start)
        if end:
            out.append(line[start:end] if mark in "\"'" else _plainly_quoted(line[start:end]))
        elif mark == '"':
            return "".join(out) + line[start:]  # not closed: the checker will say so
        else:
            out.append(mark)
            hopeless += mark
        at = end or start + 1
    return "".join(out) + line[at:].translate(_PLAIN)


def _paired(line: str, start: int) -> int:
    """Where the typographic text that starts here ends; 0 where nothing closes it."""
    ends = [line.find(closing, start + 1) for closing in _PAIRS[line[start]]]
    return min((end for end in ends if end >= 0), default=-1) + 1


def _plainly_quoted(text: str) -> str:
    inner = text[1:-1].strip("\u00a0\u202f") if text[0] == "«" else text[1:-1]
    return '"' + re.sub(r'(?<!\\)"', r'\\"', inner) + '"'
