"""Text → Rulebook, or all its mistakes at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from rules.advice import advise
from rules.definitions import (
    read_attribute,
    read_goal,
    read_limit,
    read_list,
    read_purpose,
    read_quiet_hours,
    read_score,
    read_segment,
    read_team,
)
from rules.dependencies import cycles
from rules.drafts import Draft, draft_of
from rules.errors import Problem, RuleErrors
from rules.reactions import read_trigger
from rules.reading import Desk, Known, Reader
from rules.rulebook import (
    Attribute,
    Goal,
    QuietHours,
    Rulebook,
    Statement,
)
from rules.steps import read_digest, read_scenario
from rules.syntax import cut, excerpt_at

__all__ = ["Known", "not_run_yet", "parse_rulebook"]

_SINGLE: Mapping[str, Callable[[Reader], Statement]] = {
    "attribute": read_attribute,
    "purpose": read_purpose,
    "team": read_team,
    "list": read_list,
    "score": read_score,
    "segment": read_segment,
    "limit": read_limit,
    "quiet hours": read_quiet_hours,
    "goal": read_goal,
}
_WITH_BODY: Mapping[str, Callable[[Reader, list[Reader]], Statement | None]] = {
    "trigger": read_trigger,
    "scenario": read_scenario,
    "digest": read_digest,
}


def parse_rulebook(text: str, known: Known | Mapping[str, Any] | None = None) -> Rulebook:
    """Check a text as a whole and give its rulebook; `known` says what exists outside the text.

    Raises RuleErrors with all mistakes in order of place, and the warnings.
    """
    outside = known if isinstance(known, Known) else msgspec.convert(dict(known or {}), Known, strict=False)
    desk = Desk(cut=cut(text), known=outside)
    desk.problems.extend(desk.cut.problems)
    drafts: list[Draft] = []
    for statement in desk.cut.statements:
        if not desk.full and (draft := draft_of(desk, statement)) is not None:
            drafts.append(draft)
    _declare(desk, drafts)
    book = _build(desk, text, drafts)
    _check_cycles(desk, book, drafts)
    advise(desk, book, {(draft.kind, draft.name or ""): draft.line for draft in drafts})
    if desk.problems:
        raise RuleErrors(_in_order(desk.problems), _in_order(desk.warnings))
    return msgspec.structs.replace(book, warnings=tuple(_in_order(desk.warnings)))


def _in_order(problems: list[Problem]) -> list[Problem]:
    found = sorted(problems, key=lambda problem: (problem.line, problem.column))
    return [one for at, one in enumerate(found) if at == 0 or one != found[at - 1]]


def _declare(desk: Desk, drafts: list[Draft]) -> None:
    """Note the names of all statements, also of those that are wrong, so that one mistake is reported once."""
    for draft in drafts:
        if draft.name is None:
            continue
        names = desk.names.setdefault(draft.kind, {})
        first = names.setdefault(draft.name, draft.line.number)
        if first != draft.line.number:
            offset = max(draft.line.text.find(draft.name), 0)
            what = f"{draft.kind} {draft.name}".strip()
            problem = Problem(
                line=1, column=1, length=len(draft.name) or len(draft.kind), code="duplicate",
                message=f"{what} is already defined in line {first}",
                arguments={"kind": draft.kind, "name": draft.name, "line": str(first)},
            )  # fmt: skip
            desk.report(draft.line, offset, problem)


def _build(desk: Desk, text: str, drafts: list[Draft]) -> Rulebook:
    """Read the statements, attributes first: they are the types of the expressions."""
    found: dict[int, Statement] = {}
    for draft in drafts:
        if draft.kind == "attribute" and draft.name is not None:
            attribute = read_attribute(draft.header) if draft.header else None
            unread = Attribute(name=draft.name, type=cast(Any, "any"))
            desk.attributes.setdefault(draft.name, attribute or unread)
            if attribute is not None:
                found[draft.line.number] = attribute
    for draft in drafts:
        record = None if draft.kind == "attribute" or desk.full else _record(draft)
        if record is not None:
            found[draft.line.number] = record
    book = Rulebook(text=text)
    for draft in drafts:
        if (record := found.get(draft.line.number)) is not None:
            book = _put(book, draft, record)
    return book


def _record(draft: Draft) -> Statement | None:
    if draft.header is None:
        return None
    if draft.kind in _WITH_BODY:
        return _WITH_BODY[draft.kind](draft.header, draft.body)
    return _SINGLE[draft.kind](draft.header)


def _put(book: Rulebook, draft: Draft, record: Statement) -> Rulebook:
    """Add a statement to its table."""
    key = (draft.kind, draft.name or "")
    book.sources.setdefault(key, draft.text)
    book.languages.setdefault(key, draft.language)
    if isinstance(record, QuietHours):
        return msgspec.structs.replace(book, quiet_hours=record)
    table: dict[str, Statement] = getattr(book, f"{draft.kind}s")
    table.setdefault(draft.name or "", record)
    return book


def _check_cycles(desk: Desk, book: Rulebook, drafts: list[Draft]) -> None:
    lines = {(draft.kind, draft.name): draft.line for draft in drafts}
    for cycle in cycles(book.segments, book.scores):
        names = [name for _, name in cycle]
        chain = " → ".join([*names, names[0]])
        kind, name = cycle[0]
        line = lines[kind, name]
        named = re.search(rf"(?<!\w){name}(?!\w)", line.text)
        problem = Problem(
            line=1, column=1, length=len(name), code="cycle", message=f"{kind} {name} depends on itself: {chain}",
            arguments={"kind": kind, "name": name, "chain": chain},
        )  # fmt: skip
        desk.report(line, named.start() if named else 0, problem)


def not_run_yet(book: Rulebook) -> list[Problem]:
    """What a checked rulebook asks for that this version does not run: publishing refuses it, one problem a place."""
    found: list[Problem] = []

    def refuse(line: int, what: str) -> None:
        message = f"{what} are checked but not run by this version: take them out to publish"
        problem = Problem(line=line, column=1, message=message, code="not run yet", arguments={"what": what})
        found.append(excerpt_at(book.text.split("\n"), problem))

    for record in book.statements():
        if isinstance(record, Goal):
            refuse(record.line, "goals")
    return found
