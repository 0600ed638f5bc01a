"""What tests of scenarios share: a small shop, what goes out of a decision and when."""

from __future__ import annotations

from rules.contact import Contact, Event, Millis
from rules.decide import occur
from rules.decision import Decision
from rules.entry import Absorbed, Joined
from rules.occurrence import Occurrence
from tests.rules.story import HOUR, START, Story

__all__ = ["HEAD", "broadcast", "ends", "joined", "messages", "moments", "occurs", "shop", "timed"]

HEAD = """
attribute first_name: text, personal, shown in alerts
attribute country: text
attribute trial_ends: datetime
attribute birthday: date, personal
attribute wishlist: list of text
attribute level: number
purpose news: "News?"
list lost_carts: "Never came back"
list customers: "Bought"
team sales: slack "#s"
team managers: slack "#m"
"""


def shop(text: str, *, timezone: str = "UTC") -> Story:
    """A contact under the scenarios of a text."""
    return Story(HEAD + text, timezone=timezone)


def messages(decision: Decision) -> list[str]:
    """The messages of a decision, in order."""
    return [send.message for send in decision.sends]


def ends(*decisions: Decision) -> list[tuple[str, str]]:
    """Which runs ended and why: scenario, and "finished" or the reason."""
    return [
        (step.scenario, step.reason or step.what)
        for decision in decisions
        for step in decision.runs
        if step.what in ("finished", "stopped")
    ]


def timed(story: Story, span: Millis) -> list[tuple[str, float]]:
    """Time passes: the messages that go out, each with the hours after the start at which that was."""
    return [
        (send.message, (moment - START) / HOUR) for moment, decision in moments(story, span) for send in decision.sends
    ]


def moments(story: Story, span: Millis) -> list[tuple[Millis, Decision]]:
    """Time passes: the decisions that it brings, each with its moment."""
    end, found = story.now + span, []
    while story.contact.changes_at is not None and story.contact.changes_at <= end:
        step = max(story.contact.changes_at - story.now, 0)
        for decision in story.waits(step):
            found.append((story.now, decision))
    story.waits(end - story.now)
    return found


def occurs(story: Story, occurrence: Occurrence) -> Decision:
    """A sweep comes by the contact."""
    story.number += 1
    decision = occur(
        story.contact, occurrence, story.book, story.now, entry_id=f"sweep {story.number}", timezone=story.timezone
    )
    return story.keep(decision)


def broadcast(scenario: str, ident: str, name: str, time: Millis, **properties: object) -> Occurrence:
    """A broadcast as an engine lets a scenario take it."""
    return Occurrence(id=ident, statement="scenario", rules=(scenario,), event=Event(name, time, dict(properties)))


def joined(survivor: Story, other: Story) -> Decision:
    """The other contact is joined into the survivor."""
    now = max(survivor.now, other.now)
    decision = other.apply(Joined(time=now, merge="m1", into=survivor.contact.id), now)
    assert isinstance(decision.snapshot, Contact)
    assert other.contact.runs == []
    return survivor.apply(Absorbed(time=now, merge="m1", snapshot=decision.snapshot, past=other.past), now)
