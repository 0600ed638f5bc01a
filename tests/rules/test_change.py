"""Under a new rulebook only what differs is worked out again, and the state is what working all out would give."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.change import change_of
from rules.contact import Contact
from rules.decide import bring_up_to_date, decide, needs_past
from rules.planning import plan_of
from rules.rulebook import Rulebook
from rules.score import score_at
from tests.rules.story import DAY, HOUR, MINUTE, START, Story, book, copy_of, event
from tests.rules.test_decide_truth import spans, stories, tell

ALWAYS = """
attribute country: text
purpose news: "News?"
purpose ads: "Ads?", profiling
list vip: "VIP"
"""
# Of each statement the ways in which it may stand in a rulebook; "" means not at all.
VARIANTS = [
    ("attribute size: number", "attribute size: text"),
    ("score visit: +1 on \"Visit\" at most 2 per day", "score visit: +1 on \"Visit\" at most 3 per day",
     "score visit: +1.5 on \"Order\"", ""),
    ("", "score rolling: +2 on \"Order\" at most 1 per 2 days", "score rolling: +2 on \"Order\" at most 1 ever"),
    ("score fade: +10 on \"Order\" halves every 3 days", "score fade: +10 on \"Order\" halves every 1 days", "",
     "score fade: +10 on \"Order\" lasts 5 hours", "score fade: +10 on \"Order\""),
    ("score sour: -6 on \"Ignored\" halves every 2 days", ""),
    ("", "score brief: +4 on \"Visit\" lasts 5 hours", "score brief: +5 on \"Visit\" lasts 5 hours"),
    ("score big: +5 on \"Order\" when event.amount >= 49.5 and contact.country == \"FR\"",
     "score big: +5 on \"Order\" when event.amount >= 50 and contact.country == \"FR\"",
     "score big: +5 while contact.country == \"FR\""),
    ("score third: +3 on \"Order\" when count(\"Order\", t\"P3D\") == 2", "",
     "score third: +3 on \"Order\" when count(\"Order\", t\"P1D\") == 2"),
    ("", "score first_visit: +9 on \"Visit\" when count(\"Visit\") == 1"),
    ("score told for ads: +1 on \"Visit\"", "score told: +1 on \"Visit\"", "score told for news: +1 on \"Visit\""),
    ("score from_fr: +5 while contact.country == \"FR\"", "score from_fr: +6 while contact.country == \"FR\"", "",
     "score from_fr: +5 while contact.country == \"DE\"", "score from_fr: +5 on \"Visit\""),
    ("score shoes: +1 while count(\"Visit\", t\"PT6H\", \"page\", \"shoes\") >= 2", ""),
    ("score listed: +2 on \"Visit\" when in_list(\"vip\")", "score listed: +2 on \"Visit\" when not in_list(\"vip\")"),
    ("segment warm: contact.score >= 20", "segment warm: contact.score >= 12"),
    ("segment busy: count(\"Visit\", t\"PT3H\") >= 2", "segment busy: count(\"Visit\", t\"PT5H\") >= 2",
     "segment busy for news: count(\"Visit\", t\"PT3H\") >= 2"),
    ("", "segment odd: contact.score < 5 or contact.score == 12.5"),
    ("", "segment silent: last(\"Visit\") < now - t\"PT5H\"", "segment silent: last(\"Visit\") < now - t\"PT2H\""),
    ("segment loyal for news: count(\"Order\", t\"P4D\") >= 2", ""),
    ("segment hot: in_segment(\"warm\") and in_segment(\"busy\")", "", "segment hot: not in_segment(\"warm\")"),
    ("", "segment spender: total(\"Order\", \"amount\") > 120 or total(\"Order\", \"amount\", t\"P1D\") > 60"),
    ("", "segment old: days_since(first(\"Visit\")) >= 2"),
    ("segment of_size: contact.size != null", ""),
]  # fmt: skip
SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

choices = st.tuples(*(st.sampled_from(range(len(some))) for some in VARIANTS))
edits = st.dictionaries(st.integers(0, len(VARIANTS) - 1), st.integers(0, 4), max_size=6)


def text_of(choice: tuple[int, ...]) -> str:
    return ALWAYS + "\n".join(some[at] for some, at in zip(VARIANTS, choice, strict=True)) + "\n"


def edited(choice: tuple[int, ...], edit: dict[int, int]) -> tuple[int, ...]:
    return tuple(edit.get(place, at) % len(VARIANTS[place]) for place, at in enumerate(choice))


def state(contact: Contact) -> dict[str, Any]:
    """All that must be the same; an ageing score may have been computed earlier, and ask earlier to be looked at."""
    kept = {name: getattr(contact, name) for name in contact.__struct_fields__ if name not in ("tenths", "changes_at")}
    return {**kept, "holds": sorted(contact.holds)}


def both(story: Story, new: Rulebook) -> tuple[Contact, Contact]:
    """The contact under a new rulebook, worked out in full and by what differs."""
    full, quick, old = copy_of(story.contact), copy_of(story.contact), story.book
    bring_up_to_date(full, story.past, new, story.now, entry_id="recompute")
    past = story.past if needs_past(quick, new, None, old) else []
    before = msgspec.msgpack.encode(msgspec.structs.replace(quick, version=new.version))
    decision = bring_up_to_date(quick, past, new, story.now, entry_id="recompute", former=old)
    assert decision.changed == (msgspec.msgpack.encode(quick) != before)
    return full, quick


@SLOW
@given(told=stories, choice=choices, edit=edits, edit_again=edits, waits=st.lists(spans, max_size=6))
def test_what_differs_gives_the_state_that_everything_gives(
    told: list[tuple[int, Any]],
    choice: tuple[int, ...],
    edit: dict[int, int],
    edit_again: dict[int, int],
    waits: list[int],
) -> None:
    story = Story(book(text_of(choice)))
    for span, step in told:
        story.waits(span)
        tell(story, step)
    for version, change in ((2, edit), (3, edit_again)):
        choice = edited(choice, change)
        new = book(text_of(choice), version)
        full, quick = both(story, new)
        assert state(quick) == state(full)
        assert score_at(quick, new, story.now) == score_at(full, new, story.now)
        other = Story(new)
        other.contact, other.chunks, other.now = full, [list(chunk) for chunk in story.chunks], story.now
        story.contact, story.book = quick, new
        for span in waits:
            story.waits(span)
            other.waits(span)
            assert story.segments == other.segments
            assert sorted(story.contact.holds) == sorted(other.contact.holds)
            assert score_at(story.contact, new, story.now) == score_at(other.contact, new, story.now)


@SLOW
@given(told=stories, choice=choices, edit=edits)
def test_a_live_event_under_a_new_rulebook_decides_as_after_a_full_recompute(
    told: list[tuple[int, Any]], choice: tuple[int, ...], edit: dict[int, int]
) -> None:
    story = Story(book(text_of(choice)))
    for span, step in told:
        story.waits(span)
        tell(story, step)
    old, new = story.book, book(text_of(edited(choice, edit)), 2)
    visit = event("Visit", story.now + MINUTE, {"amount": 60, "page": "shoes"})
    decided = []
    for former in (None, old):
        contact = copy_of(story.contact)
        past = story.past if needs_past(contact, new, visit, former) else []
        decision = decide(contact, visit, new, story.now + MINUTE, entry_id="e", past=past, former=former)
        decided.append((state(contact), sorted(decision.entered), sorted(decision.left), sorted(decision.matched)))
    assert decided[0] == decided[1]


def test_a_new_text_with_the_same_meaning_changes_nothing() -> None:
    text = text_of((0,) * len(VARIANTS))
    assert change_of(book(text), book("# a comment\n\n" + text, 2)).nothing
    assert change_of(book(text), book(text.replace('list vip: "VIP"', 'list vip: "Very important"'), 2)).nothing


@pytest.mark.parametrize(
    ("new", "reads_history", "nodes"),
    [
        ('segment fr: contact.country == "FR"', False, {"fr"}),
        ('segment rich: contact.score > 7', False, {"", "rich"}),
        ('segment often: count("Other") > 7', True, {"often"}),
        ('score more: +3 on "Visit"', True, {""}),
        ('score paid: +3 while contact.country == "FR"', False, {"", "paid"}),
    ],
)  # fmt: skip
def test_a_new_statement_alone_is_worked_out(new: str, reads_history: bool, nodes: set[str]) -> None:
    text = text_of((0,) * len(VARIANTS))
    after = book(text + new + "\n", 2)
    change = change_of(book(text), after)
    story = Story(after)
    assert change.reads_history(story.contact) is reads_history
    assert {name_of(after, position) for position in change.nodes} == nodes


def name_of(after: Rulebook, position: int) -> str:
    return plan_of(after).nodes[position].name


def test_a_contact_of_another_version_than_the_former_one_is_worked_out_in_full() -> None:
    story = Story('score visit: +1 on "Visit"\n')
    story.happens("Visit")
    old, new = story.book, book('score visit: +2 on "Visit"\n', 3)
    stranger = msgspec.structs.replace(old, version=2)
    contact = copy_of(story.contact)
    contact.hits, contact.static = {}, 0  # as if it had been computed by other rules
    bring_up_to_date(contact, [], new, story.now, entry_id="recompute", former=stranger)
    assert contact.score == 2


def test_chunks_are_not_needed_where_no_rule_about_events_differs() -> None:
    story = Story('score visit: +1 on "Visit"\n')
    for number in range(60):
        story.happens("Visit", START + number * HOUR)
    assert story.contact.chunks
    new = book('score visit: +2 on "Visit"\nsegment warm: contact.score >= 100\n', 2)
    assert not needs_past(story.contact, new, None, story.book)
    assert needs_past(story.contact, book('score visit: +1 on "Order"\n', 2), None, story.book)
    story.now = START + DAY
    full, quick = both(story, new)
    assert state(full) == state(quick)
    assert quick.score == 120
    assert "warm" in quick.segments
