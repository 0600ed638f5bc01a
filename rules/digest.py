"""Digests: when one comes, by what number it ranks a contact, what it says. No I/O."""

from __future__ import annotations

from datetime import tzinfo
from decimal import Decimal
from typing import Final

from jinja2 import TemplateError

from rules.contact import Contact, Millis
from rules.decide import advance
from rules.expression import EVALUATION_FAULTS
from rules.facts import facts_now
from rules.history import History
from rules.local_time import every, moment_at
from rules.moment import DAY
from rules.planning import plan_of
from rules.rulebook import At, Digest, Rulebook
from rules.score import score_at
from rules.template import render

__all__ = ["belongs", "digest_text", "last_occurrence", "next_occurrence", "value_of"]

_LONGEST: Final[Millis] = 9 * DAY  # between two occurrences, gaps of clocks included


def last_occurrence(digest: Digest, after: Millis, now: Millis, where: tzinfo) -> Millis | None:
    """The latest moment later than `after`, and not later than `now`, at which a digest comes; None where none is.

    So of several that an outage swallowed, one comes after all.
    """
    occasion = digest.occasion
    if isinstance(occasion, At):
        moment = moment_at(occasion.moment, where)
        return moment if after < moment <= now else None
    latest = None
    following = every(occasion.day, occasion.time, where, max(after, now - _LONGEST))
    while following <= now:
        latest = following
        following = every(occasion.day, occasion.time, where, following)
    return latest


def next_occurrence(digest: Digest, now: Millis, where: tzinfo) -> Millis | None:
    """When a digest comes next; None where its moment is past."""
    occasion = digest.occasion
    if isinstance(occasion, At):
        moment = moment_at(occasion.moment, where)
        return moment if moment > now else None
    return every(occasion.day, occasion.time, where, now)


def belongs(contact: Contact, digest: Digest, book: Rulebook) -> bool:
    """Whether a contact, as it is now, is in what the digest ranks."""
    return digest.of in (contact.segments if digest.of in book.segments else contact.lists)


def value_of(contact: Contact, digest: Digest, book: Rulebook, now: Millis, timezone: str) -> Decimal | None:
    """The number by which a contact is ranked now; None where it has none, or the expression meets an error.

    The contact is a copy, and is brought up to the moment. Where its state is of another version of the rulebook, the
    caller has brought it under this one.
    """
    advance(contact, book, now, entry_id="", timezone=timezone)
    if not belongs(contact, digest, book):
        return None
    contact.tenths = score_at(contact, book, now, timezone)
    facts = facts_now(contact, book, now, History(contact.index, plan_of(book).kept, now, contact.tail))
    try:
        value = digest.by.expression.evaluate(facts)
        number = None if value is None or isinstance(value, str) else Decimal(value)
    except (*EVALUATION_FAULTS, TypeError, ValueError, ArithmeticError):
        return None
    return number if number is not None and number.is_finite() else None


def digest_text(digest: Digest, book: Rulebook, now: Millis) -> str:
    """What the digest's alert says; it speaks of no contact."""
    plan = plan_of(book)
    nobody = Contact(id="")
    facts = facts_now(nobody, book, now, History({}, plan.kept, now, []))
    template = plan.templates[digest.alert.text]
    if template.broken:
        return digest.alert.text
    try:
        return render(template, facts, book.attributes, lambda _: iter(()))
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError):
        return digest.name
