"""Drafts as replies: what they change, what is wrong and where, what somebody else did meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bots.problems import told
from bots.replies import Button, Item
from rules.editing import Change
from rules.errors import Problem
from rules.words import WORDS, form
from server.i18n import Translator
from server.model.preview import MovedStep
from server.services.edits import Moved, Rival

__all__ = ["changed_names", "difference", "moved_lines", "problem_items", "rerouted_lines", "rival_lines", "rule_name"]

WIDTH: Final = 32  # characters of a line that a phone shows
LINES: Final = 120  # of a difference; more is counted
SHOWN: Final = 5  # mistakes at a time
NAMED: Final = 8  # changed rules
_KINDS: Final = frozenset(word.en for word in WORDS[:12])


def rule_name(kind: str, name: str, t: Translator) -> str:
    """`segment hot`; the kind as the language calls it."""
    if kind == "comment":
        return t("comments")
    if kind not in _KINDS:
        return t("a line that begins no rule")
    return f"{form(kind, 'fr' if t.language == 'fr' else 'en')} {name}".strip()


def changed_names(changes: Sequence[Change], t: Translator) -> str:
    """`segment hot, + trigger big_cart, − score visit`; of many, the first."""
    signs = {(True, False): "+ ", (False, True): "− "}
    names = [
        signs.get((change.before is None, change.after is None), "") + rule_name(change.kind, change.name, t)
        for change in changes[:NAMED]
    ]
    if len(changes) > NAMED:
        names.append(t("… and {number} more", number=t.number(len(changes) - NAMED)))
    return ", ".join(names)


def difference(changes: Iterable[Change], t: Translator) -> str:
    """The changes line by line, an empty line between two."""
    lines: list[str] = []
    for change in changes:
        lines += ([""] if lines else []) + list(change.lines())
    if len(lines) > LINES:
        more = t("… {number} more lines", number=t.number(len(lines) - LINES))
        lines = [*lines[:LINES], more]
    return "\n".join(lines)


def problem_items(problems: Iterable[Problem], t: Translator, *, buttons: bool = False) -> tuple[Item, ...]:
    """Each mistake with its place, the line and a caret under it; with `buttons`, one that asks for another text."""
    found = list(problems)
    items = [
        Item(
            title=place_of(problem, t),
            code=pointed(problem),
            buttons=(Button(t("Correct line {line}", line=problem.line), f"rules edit {problem.line}"),)
            if buttons
            else (),
        )
        for problem in found[:SHOWN]
    ]
    if len(found) > SHOWN:
        items.append(Item(title=t("… and {number} more", number=t.number(len(found) - SHOWN))))
    return tuple(items)


def place_of(problem: Problem, t: Translator) -> str:
    """`line 14, column 21: unknown attribute contact.contry — did you mean country?`"""
    return t("line {line}, column {column}: {message}", line=problem.line, column=problem.column,
             message=told(problem, t))  # fmt: skip


def pointed(problem: Problem) -> str:
    """The line with a caret under the mistake; of a long line the part around it."""
    if not problem.excerpt:
        return ""
    at = (problem.caret or problem.column) - 1
    text, length = problem.excerpt, max(1, problem.length)
    start = max(0, min(at - WIDTH // 3, len(text) - WIDTH)) if len(text) > WIDTH else 0
    shown = ("…" if start else "") + text[start : start + WIDTH] + ("…" if start + WIDTH < len(text) else "")
    place = at - start + (1 if start else 0)
    return f"{shown}\n{' ' * place}{'^' * min(length, max(1, len(shown) - place))}"


def moved_lines(moved: Moved | None, t: Translator) -> Iterator[str]:
    """What was published since the draft was begun."""
    if moved is None:
        return
    yield t("Version {version} was published meanwhile, by {author}: {changes}", version=moved.version,
            author=moved.author, changes=changed_names(moved.changes, t))  # fmt: skip
    if moved.same:
        yield t("It changes what you change: {rules}", rules=changed_names(moved.same, t))


def rerouted_lines(steps: Iterable[MovedStep], t: Translator) -> Iterator[str]:
    """Where the runs go on that wait at the steps of a scenario whose text is another one."""
    for step in steps:
        if step.after is None:
            yield t("Runs that wait at “{before}” stop: the step is removed.", before=step.before)
        elif step.after == step.before:
            yield t("Runs that wait at “{before}” go on there, in line {line}.", before=step.before, line=step.new_line)
        else:
            yield t("Runs that wait at “{before}” go on at “{after}”.", before=step.before, after=step.after)


def rival_lines(rivals: Iterable[Rival], t: Translator) -> Iterator[str]:
    """Who else has a draft that changes the same rule."""
    for rival in rivals:
        yield t("{name} is changing {rule} too, in a draft.", name=rival.name,
                rule=rule_name(rival.change.kind, rival.change.name, t))  # fmt: skip
