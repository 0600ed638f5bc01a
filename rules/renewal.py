"""A new rulebook that reaches many contacts at one moment: who of them stays as he is, said quickly."""

from __future__ import annotations

from typing import Any, get_type_hints

import msgspec

from rules.change import change_of
from rules.consent import ConsentsNow, consented
from rules.contact import Contact, Millis
from rules.course import EVALUATION_FAULTS
from rules.facts import ContactFacts
from rules.history import History
from rules.moment import instant
from rules.planning import plan_of
from rules.rulebook import Rulebook

__all__ = ["GLANCE", "Renewal"]

_PASSED_OVER = frozenset(
    ("identities", "trusted", "set_aside", "groups", "hits", "adjustments", "tail", "seen", "firings", "alerts",
     "merged", "former")
)  # fmt: skip


def _glance() -> Any:
    """A contact as it is stored, of which only that is decoded which `Renewal.stays` may ask for."""
    kinds = get_type_hints(Contact)
    blank = msgspec.structs.asdict(Contact(id=""))
    fields = [
        (name, msgspec.Raw, msgspec.Raw(b"\xc0")) if name in _PASSED_OVER
        else (name, kinds[name], msgspec.field(default_factory=type(blank[name])))
        if isinstance(blank[name], list | dict)
        else (name, kinds[name], blank[name])
        for name in Contact.__struct_fields__
    ]  # fmt: skip
    return msgspec.defstruct("Glance", fields, array_like=True, gc=False, kw_only=True)


GLANCE = _glance()


class Renewal:
    """A change from one rulebook to another. `quick`: `stays` can tell, and need not leave all to be worked out."""

    def __init__(self, former: Rulebook, book: Rulebook, now: Millis) -> None:
        change, plan = change_of(former, book), plan_of(book)
        self.quick = change.plain or change.nothing
        self._change = change
        self._version = former.version
        self._book = book
        self._now = now
        self._instant = instant(now)
        self._kept = plan.kept
        nodes = [plan.nodes[position] for position in change.nodes] if self.quick else []
        self._nodes = [(node.run, node.name, node.kind == "segment", node.purpose) for node in nodes]
        self._asks = any(node.expression.reads.functions for node in nodes)

    def stays(self, contact: Contact) -> bool:
        """Whether the state of a contact, or of a glance at one, is the same under the new rulebook: then it is brought
        under it by that. Where it is not, or that cannot be said quickly, `bring_up_to_date` is to be asked."""
        if not self.quick or contact.version != self._version:
            return False
        now = self._now
        if contact.changes_at is not None and contact.changes_at <= now:
            return False
        if self._change.moves_runs(contact):
            return False
        if self._nodes:
            segments = contact.segments
            facts = {
                "now": self._instant,
                "contact": ContactFacts(contact, self._book.attributes, now),
                "history": History(contact.index, self._kept, now) if self._asks else None,
                "segments": segments,
                "lists": contact.lists,
                "consents": ConsentsNow(contact),
                "entry": None,
                "arrived": None,
            }
            for run, name, segment, purpose in self._nodes:
                try:
                    true = (purpose is None or consented(contact, purpose)) and run(facts)
                except EVALUATION_FAULTS:
                    true = False
                if (name in segments if segment else name in contact.holds) is not bool(true):
                    return False
        contact.version = self._book.version
        return True
