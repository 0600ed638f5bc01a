"""Two contacts become one."""

from __future__ import annotations

from rules.contact import Contact
from rules.decision import Decision
from rules.entry import Absorbed, AlertActed, Joined
from tests.rules.story import DAY, HOUR, START, Story, copy_of

RULES = """
attribute country: text
attribute plan: text
purpose news: "News?"
team sales: slack "#hot"
list vip: "VIP"
score cart: +10 on "Product Added" at most 2 per day
score read for news: +1 on "Read"
segment warm: contact.score >= 20
segment reader for news: count("Read") > 0
trigger hot: on enter warm
  alert sales "Warm at {{ score }}"
trigger buy: on "Order"
  alert sales "An order"
"""


def pair() -> tuple[Story, Story]:
    one, other = Story(RULES, id="a"), Story(RULES, id="b")
    other.book = one.book
    return one, other


def join(survivor: Story, other: Story, merge: str = "m1") -> tuple[Decision, Absorbed]:
    survivor.now = other.now = max(survivor.now, other.now)
    past = other.past
    decision = other.apply(Joined(time=other.now, merge=merge, into=survivor.contact.id))
    assert decision.snapshot is not None
    entry = Absorbed(time=survivor.now, merge=merge, snapshot=copy_of(decision.snapshot), past=past)
    return survivor.apply(entry), entry


def test_the_joined_contact_becomes_a_tombstone_that_leaves_everything() -> None:
    one, other = pair()
    for _ in range(2):
        other.happens("Product Added")
    other.listed("vip")
    join(one, other)
    assert other.decision.left == ["warm"]
    assert other.decision.lists_left == ["vip"]
    assert other.contact.moved_to == "a"
    kept = {name for name in Contact.__struct_fields__ if getattr(other.contact, name)}
    assert kept <= {"id", "schema", "version", "created", "last_seen", "moved_to"}


def test_both_histories_count_together_and_entering_fires() -> None:
    one, other = pair()
    one.happens("Product Added")
    other.now += HOUR
    other.happens("Product Added")
    decision, _ = join(one, other)
    assert one.score == 20
    assert decision.entered == ["warm"]
    assert [alert.text for alert in decision.alerts] == ["Warm at 20"]


def test_a_cap_holds_over_both_histories() -> None:
    one, other = pair()
    for story in (one, other):
        for _ in range(2):
            story.happens("Product Added")
    join(one, other)
    assert one.score == 20


def test_a_segment_that_one_of_the_two_was_in_does_not_fire_again() -> None:
    one, other = pair()
    for _ in range(2):
        other.happens("Product Added")
    decision, _ = join(one, other)
    assert decision.entered == ["warm"]
    assert [alert.text for alert in decision.alerts] == ["Warm at 20"]  # b's own alert, moved
    assert decision.alerts[0].count == 1
    assert decision.alerts[0].contact == "a"


def test_a_merge_that_is_known_changes_nothing() -> None:
    one, other = pair()
    other.happens("Product Added")
    _, entry = join(one, other)
    before = repr(one.contact)
    again = one.apply(Absorbed(time=entry.time, merge=entry.merge, snapshot=copy_of(entry.snapshot)))
    assert (again.changed, again.ignored) == (False, "duplicate")
    assert repr(one.contact) == before


def test_a_second_join_of_a_tombstone_is_known_and_others_are_forwarded() -> None:
    one, other = pair()
    other.happens("Visit")
    join(one, other)
    again = other.apply(Joined(time=other.now, merge="m1", into="a"))
    assert (again.changed, again.forward, again.ignored) == (False, False, "duplicate")
    further = other.apply(Joined(time=other.now, merge="m2", into="c"))
    assert (further.changed, further.forward) == (False, True)


def test_the_survivors_values_win_and_missing_ones_are_filled() -> None:
    one, other = pair()
    one.learns(country="FR")
    other.learns(country="DE", plan="pro")
    join(one, other)
    assert one.contact.attributes == {"country": "FR", "plan": "pro"}


def test_the_stricter_consent_wins_whichever_survives() -> None:
    for strict in ("a", "b"):
        one, other = pair()
        for story in (one, other):
            story.consents("news")
            story.happens("Read")
            story.now += HOUR
        (one if strict == "a" else other).consents("news", "withdrawn")
        join(one, other)
        assert one.contact.consents["news"].status == "withdrawn"
        assert one.score == 0
        assert one.segments == set()


def test_a_message_that_either_had_is_known() -> None:
    one, other = pair()
    other.happens("Visit")
    join(one, other)
    digests = b"".join(one.contact.seen.values())
    assert len(digests) == 8


def test_of_two_alerts_the_older_stays_with_both_counts_and_the_younger_is_closed() -> None:
    one, other = pair()
    other.happens("Order")
    one.now += HOUR
    one.happens("Order")
    one.happens("Order")
    younger = one.contact.alerts["buy/sales"].id
    one.apply(AlertActed(time=one.now, alert=younger, act="claim", by="u1", by_name="Ana"))
    older = other.contact.alerts["buy/sales"].id
    decision, _ = join(one, other)
    held = one.contact.alerts["buy/sales"]
    assert (held.id, held.count, held.status, held.owner) == (older, 3, "claimed", "u1")
    assert {(alert.id, alert.status) for alert in decision.alerts} == {(older, "claimed"), (younger, "dismissed")}


def test_long_histories_are_united_over_their_chunks() -> None:
    one, other = pair()
    for place in range(200):
        for story in (one, other):
            story.happens("Product Added", START + place * DAY // 2)
    join(one, other)
    assert one.score == 2000  # two of a hundred days
    assert len(one.past) + len(one.contact.tail) == 400
    for _ in range(20):
        one.happens("Visit")
    assert len(one.contact.tail) <= 48
    before = one.score
    one.recomputed()
    assert one.score == before
