"""A statement's lines, parsed but not yet understood."""

from __future__ import annotations

import re

import msgspec
from lark import Token, Tree

from rules.errors import Problem
from rules.near import nearest
from rules.parsing import HEADS, LineError, head_of, parse_line, value_of
from rules.reading import Desk, Reader
from rules.syntax import Line, Statement
from rules.words import LANGUAGES, Language, form

__all__ = ["Draft", "draft_of"]

_BODIES = {"trigger": "trigger_line", "scenario": "scenario_line", "digest": "digest_line"}
_NAME = re.compile(r"[a-z][a-z0-9_]*(?!\w)")


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A statement of a kind: its name (None where it cannot be told), its parsed lines."""

    kind: str
    name: str | None
    language: Language
    line: Line
    text: str
    header: Reader | None
    body: list[Reader]  # a line that could not be parsed is there as a tree `broken`


def draft_of(desk: Desk, statement: Statement) -> Draft | None:
    """Parse the lines of a statement; None where it is no statement at all. Mistakes are reported."""
    header = statement.header
    heads = head_of(header.text)
    if not heads:
        if header.number not in desk.cut.broken:
            _report_stranger(desk, header)
        return None
    language, tree, mistake = _parse_header(header, heads, desk.language)
    if len(heads) == 1:
        desk.language = language
    kind = heads[language]
    broken = header.number in desk.cut.broken
    if mistake is not None and not broken:
        _report(desk, header, mistake)
    return Draft(
        kind=kind,
        name=_name(header, kind, language, tree),
        language=language,
        line=header,
        text=statement.text,
        header=None if tree is None or broken else Reader(desk, header, tree, language),
        body=_parse_body(desk, statement, kind, language),
    )


def _parse_header(
    header: Line, heads: dict[Language, str], usual: Language
) -> tuple[Language, Tree[Token] | None, LineError | None]:
    """Parse in the language of the keyword; where both have it, in the usual one, else in the one that gets further."""
    furthest: tuple[Language, LineError] | None = None
    for language in sorted(heads, key=lambda one: one != usual):
        try:
            return language, parse_line(header.text, HEADS[heads[language]], language), None
        except LineError as error:
            if furthest is None or error.offset > furthest[1].offset:
                furthest = language, error
    assert furthest is not None
    return furthest[0], None, furthest[1]


def _name(header: Line, kind: str, language: Language, tree: Tree[Token] | None) -> str | None:
    """The name of a statement, also of one that could not be parsed."""
    if kind == "quiet hours":
        return ""
    if kind == "limit":
        return None if tree is None else value_of(str(tree.children[0]), "CHANNEL", language)
    if tree is not None:
        return str(next(child for child in tree.children if isinstance(child, Token) and child.type == "NAME"))
    rest = header.text[len(form(kind, language)) :].lstrip()
    found = _NAME.match(rest)
    return found[0] if found else None


def _parse_body(desk: Desk, statement: Statement, kind: str, language: Language) -> list[Reader]:
    if kind not in _BODIES:
        if statement.body:
            line = statement.body[0]
            message = f"a {kind} has no lines under it; a line that ends in \\ goes on in the next"
            problem = Problem(line=1, column=1, length=len(line.text), message=message, code="no body")
            desk.report(line, 0, problem)
        return []
    found: list[Reader] = []
    for line in statement.body:
        rule = "branch_line" if kind == "scenario" and re.match(r"\d+\s*%", line.text) else _BODIES[kind]
        tree, label = Tree[Token]("broken", []), None
        try:
            tree, label = _inner(parse_line(line.text, rule, language))
        except LineError as error:
            if line.number in desk.cut.broken:
                pass
            elif kind != "scenario" and _fits(line.text, "scenario_line", language):
                message = f"a {kind} acts at once: this step belongs under a scenario"
                desk.report(line, 0, Problem(line=1, column=1, length=len(line.text), message=message, code="step"))
            else:
                _report(desk, line, error)
        found.append(Reader(desk, line, tree, language, label))
    return found


def _fits(text: str, rule: str, language: Language) -> bool:
    try:
        parse_line(text, rule, language)
    except LineError:
        return False
    return True


def _inner(tree: Tree[Token]) -> tuple[Tree[Token], Token | None]:
    """The action, option or step in a line, and its label."""
    if tree.data == "branch_line":
        return tree, None
    first, *rest = tree.children
    assert isinstance(first, Tree)
    return first, next((token for token in rest if isinstance(token, Token)), None)


def _report(desk: Desk, line: Line, error: LineError) -> None:
    desk.report(
        line,
        error.offset,
        Problem(
            line=1,
            column=1,
            length=error.length,
            message=error.message,
            suggestion=error.suggestion,
            expected=error.expected,
            code="unexpected" if error.found else "too short",
            arguments={"found": error.found, "expected": ", ".join(error.expected)},
        ),
    )


def _report_stranger(desk: Desk, line: Line) -> None:
    """A line at the margin that begins no statement: a misspelt one, or a step that is not indented."""
    if any(_fits(line.text, "scenario_line", language) for language in LANGUAGES):
        message = "this line belongs under a trigger or a scenario: indent it"
        desk.report(line, 0, Problem(line=1, column=1, length=len(line.text), message=message, code="indent"))
        return
    if line.text[0].isspace():
        message = "this is no plain space: indent with spaces or tabs"
        desk.report(line, 0, Problem(line=1, column=1, message=message, code="indent"))
        return
    heads = [form(head, language) for language in LANGUAGES for head in HEADS]
    word = re.match(r"\w+|.", line.text)
    assert word is not None
    near = nearest(" ".join(line.text.split()[:2]), [head for head in heads if " " in head]) or nearest(word[0], heads)
    desk.report(
        line,
        0,
        Problem(
            line=1,
            column=1,
            length=len(word[0]),
            message=f"unknown statement {word[0][:60]}",
            suggestion=near,
            expected=tuple(form(head, "en") for head in HEADS),
            code="unknown statement",
            arguments={"name": word[0][:60]},
        ),
    )
