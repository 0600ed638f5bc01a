"""Which rules send which messages."""

from __future__ import annotations

import msgspec

from rules.rulebook import Rulebook, Scenario, Send, Trigger
from rules.walk import steps_in

__all__ = ["Sent", "sends"]


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a trigger or a scenario that sends a message, for a purpose ("": for none)."""

    kind: str  # "trigger" or "scenario"
    rule: str
    purpose: str = ""
    line: int = 0


def sends(book: Rulebook) -> dict[tuple[str, str], list[Sent]]:
    """The lines that send each message, by its name and channel."""
    found: dict[tuple[str, str], list[Sent]] = {}
    rules: list[Trigger | Scenario] = [*book.triggers.values(), *book.scenarios.values()]
    for rule in rules:
        kind = "trigger" if isinstance(rule, Trigger) else "scenario"
        for step in steps_in(rule.actions if isinstance(rule, Trigger) else rule.steps):
            if isinstance(step, Send):
                sent = Sent(kind=kind, rule=rule.name, purpose=step.purpose or rule.purpose or "", line=step.line)
                found.setdefault((step.message, step.channel), []).append(sent)
    return found
