"""Trying a rule of a draft on one contact, whose kept state is left as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from rules.contact import Contact, Event, Millis
from rules.decide import bring_up_to_date
from rules.rulebook import Rulebook
from rules.verdict import Kind, RuleWhy, explain_rule
from server.errors import NotFound

__all__ = ["Tested", "explained", "guarded", "kinds_of"]

_ENTRY: Final = "draft"
_KINDS: Final[tuple[Kind, ...]] = ("score", "segment", "trigger")


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a rule is true of a contact, and why. `who` is a masked name; `draft`: the rule is of a draft."""

    who: str
    contact: str
    rule: RuleWhy
    draft: bool


def kinds_of(book: Rulebook, name: str, kind: str = "") -> list[Kind]:
    """The kinds of rules that have this name and can be tried; raises `NotFound` where there are none."""
    found = [one for one in _KINDS if name in getattr(book, f"{one}s") and kind in ("", one)]
    if not found:
        raise NotFound("there is no score, segment or trigger of this name", code="no_rule_to_test", name=name)
    return found


def explained(
    contact: Contact, past: Sequence[Event], book: Rulebook, name: str, kind: Kind, now: Millis, timezone: str
) -> RuleWhy:
    """Why a rule is, or is not, true of a contact under a rulebook that is not published.

    The contact, which is changed, is brought under it first: its scores and segments are as they would be.
    """
    bring_up_to_date(contact, past, book, now, entry_id=_ENTRY, timezone=timezone)
    why = explain_rule(contact, past, book, name, now, kind, timezone)
    assert why is not None  # `kinds_of` found it
    if why.entry == _ENTRY:  # it is in the segment by this trial alone
        return replace(why, since=None, entry="", version=0)
    return why


def guarded(book: Rulebook, live: Rulebook) -> Rulebook:
    """A rulebook that keeps every attribute masked that the published one masks: a draft does not unmask anything."""
    attributes = {
        name: replace(attribute, personal=True, shown_in_alerts=False)
        if name in live.attributes and live.attributes[name].personal and not live.attributes[name].shown_in_alerts
        else attribute
        for name, attribute in book.attributes.items()
    }
    return replace(book, attributes=attributes)
