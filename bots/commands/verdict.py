"""Why a rule is, or is not, true of a contact, as an answer in a chat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bots.replies import Reply
from rules.verdict import Part, RuleWhy
from server.i18n import Translator, mark

__all__ = ["OUTCOMES", "REFUSED", "rule_why"]

REFUSED: Final = {
    "no consent": mark("No: the contact has not consented to its purpose."),
    "no such event": mark("No: there has been no such event."),
    "no occasion": mark("No: what it waits for has not come about."),
    "condition": mark("No: its condition is not true."),
    "at most": mark("No: it has fired as often as it may."),
}
OUTCOMES: Final = {
    "true": mark("✓ `{term}`"),
    "false": mark("✗ `{term}`"),
    "value": mark("· `{term}`"),
    "missing": mark("? `{term}`: something in it is not known"),
    "error": mark("! `{term}`: cannot be worked out"),
}

_MASK: Final = "•••"
_INDENT: Final = "\u2003"  # a space that chats keep
_BY_VERSION, _BY_TIME = "version ", "time "


def rule_why(rule: RuleWhy, who: str, t: Translator, timezone: str) -> Reply:
    """Whether the rule is true of the contact called `who` (a masked name), and each part of it with its value.

    Moments are shown as in `timezone`.
    """
    lines = [t("Yes, it is true of this contact.") if rule.true else t(REFUSED.get(rule.reason, REFUSED["condition"]))]
    alone = [part.text for part in rule.parts] == [rule.culprit]
    if rule.culprit and rule.reason == "condition" and not alone:
        lines.append(t("What decides: `{term}`", term=_flat(rule.culprit)))
    if rule.since:
        lines.append(_since(t.moment(rule.since, timezone), rule.entry, rule.version, t))
    if rule.at:
        lines.append(t("Tried with the event of {moment}.", moment=t.moment(rule.at, timezone)))
    if rule.hits:
        lines.append(t.count("One hit.", "{number} hits.", rule.hits))
    lines += [line for part in rule.parts for line in _lines(part, 0, t)]
    return Reply(
        title=f"{who} · {rule.rule}", lines=tuple(lines), code=rule.text, tone="good" if rule.true else "plain"
    )


def _since(moment: str, entry: str, version: int, t: Translator) -> str:
    if entry.startswith(_BY_VERSION):
        return t(
            "In the segment since {moment}, by the publication of version {version}.", moment=moment, version=version
        )
    if entry.startswith(_BY_TIME):
        return t(
            "In the segment since {moment}, as time passed, under version {version}.", moment=moment, version=version
        )
    return t("In the segment since {moment}, by entry {entry} of the log, under version {version}.", moment=moment,
             entry=entry, version=version)  # fmt: skip


def _lines(part: Part, depth: int, t: Translator) -> Iterator[str]:
    """A part with the values in it, and those parts of it that are true or false themselves."""
    values = ", ".join(_values(part))
    yield _INDENT * depth + t(OUTCOMES[part.outcome], term=_flat(part.text)) + (f" — {values}" if values else "")
    for inner in part.parts:
        if inner.outcome != "value":
            yield from _lines(inner, depth + 1, t)


def _values(part: Part) -> Iterator[str]:
    for inner in part.parts:
        if inner.outcome == "value":
            yield f"`{_flat(inner.text)}` = {_MASK if inner.personal else _flat(inner.value)}"
            yield from _values(inner)


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("`", "'")
