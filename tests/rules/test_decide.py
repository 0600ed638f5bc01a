"""What one entry of the log changes."""

from __future__ import annotations

import pytest

from rules.contact import Contact
from rules.decide import decide
from rules.decision import Decision
from rules.entry import AlertActed, Joined
from tests.rules.story import DAY, HOUR, MINUTE, START, Story, book, event

SHOP = """
attribute email: text, personal
attribute first_name: text, personal, shown in alerts
attribute country: text, from "address_country"
attribute age_given: number
attribute vip: yes/no
attribute birthday: date, personal
attribute last_call: datetime
attribute plan: one of "free" | "pro"
attribute wishlist: list of text
purpose newsletter: "News?"
purpose targeting: "Mails?", profiling
team sales: slack "#hot"
list loyal: "Loyal"
list again: "Again"
score cart: +10 on "Product Added"
score click: +3 on "Email Link Clicked" at most 2 per day
score big: +15 on "Product Added" when event.price * event.quantity >= 200
score core: +5 while contact.country in ["FR", "BE"]
score liked for targeting: +2 on "Liked"
segment qualified: contact.score >= 30
segment hot: in_segment("qualified") and count("Page Viewed", t"PT2H") > 0
segment reader for newsletter: count("Page Viewed") > 0
trigger hot_lead: on enter hot
  alert sales "{{ contact.first_name }} ({{ contact.email }}) has {{ contact.score }} points"
trigger repeat: on "Order Completed" when count("Order Completed") > 1
  add to list loyal
trigger welcome: on list loyal
  alert sales "{{ contact.first_name }} is loyal"
trigger signed: on consent newsletter
  add to list again
"""


@pytest.fixture
def shop() -> Story:
    return Story(SHOP)


def test_a_visitor_becomes_a_hot_lead_once_the_score_and_the_window_agree(shop: Story) -> None:
    shop.learns(first_name="Zoé", email="zoe@example.org")
    shop.happens("Page Viewed")
    assert shop.decision.entered == []
    decision = shop.happens("Product Added", price=250, quantity=1)
    assert shop.score == 25
    decision = shop.happens("Product Added", price=1, quantity=1)
    assert decision.entered == ["qualified", "hot"]
    assert [alert.text for alert in decision.alerts] == ["Zoé (z•••) has 35 points"]
    assert [(reason.rule, reason.tenths, reason.hits) for reason in decision.alerts[0].reasons] == [
        ("cart", 200, 2),
        ("big", 150, 1),
    ]


def test_a_window_ends_to_the_millisecond_with_no_event(shop: Story) -> None:
    for _ in range(3):
        shop.happens("Product Added", price=1, quantity=1)
    shop.happens("Page Viewed")
    assert shop.contact.changes_at == shop.now + 2 * HOUR
    assert shop.waits(2 * HOUR - 1) == []
    assert shop.segments == {"qualified", "hot"}
    decisions = shop.waits(1)
    assert [decision.left for decision in decisions] == [["hot"]]
    assert shop.segments == {"qualified"}


def test_a_message_id_counts_once_in_seven_days(shop: Story) -> None:
    first = event("Product Added", START, message_id="m1")
    assert shop.apply(first).changed
    again = shop.apply(event("Product Added", START + 6 * DAY, message_id="m1"))
    assert not again.changed
    assert again.ignored == "duplicate"
    assert shop.score == 10
    assert shop.apply(event("Product Added", START + 9 * DAY, message_id="m1")).changed
    assert shop.score == 20


def test_a_duplicate_leaves_the_contact_as_it_was(shop: Story) -> None:
    shop.apply(event("Product Added", START, message_id="m1"))
    before = repr(shop.contact)
    shop.apply(event("Product Added", START, message_id="m1"), now=START + HOUR)
    assert repr(shop.contact) == before


def test_traits_are_typed_mapped_and_undeclared_ones_are_not_stored(shop: Story) -> None:
    decision = shop.learns(address_country="FR", shoe_size=42, email="zoe@example.org")
    assert shop.contact.attributes == {"country": "FR", "email": "zoe@example.org"}
    assert decision.undeclared == ["shoe_size"]
    assert shop.score == 5


@pytest.mark.parametrize(
    ("name", "good", "stored", "bad"),
    [
        ("email", "a@b.fr", "a@b.fr", 7),
        ("age_given", 41, 41, "old"),
        ("age_given", "41.5", 41.5, True),
        ("vip", False, False, "perhaps"),
        ("birthday", "1990-02-28", "1990-02-28", "yesterday"),
        ("last_call", "2026-03-02T10:00:00+01:00", "2026-03-02T09:00:00+00:00", 12),
        ("last_call", "2026-03-02T10:00:00Z", "2026-03-02T10:00:00+00:00", "0001-01-01T00:00:00+10:00"),
        ("plan", "pro", "pro", "gold"),
        ("wishlist", ["a", "b"], ["a", "b"], ["a", 1]),
    ],
)
def test_a_value_that_does_not_fit_is_set_aside_and_the_old_one_stays(
    shop: Story, name: str, good: object, stored: object, bad: object
) -> None:
    shop.learns(**{name: good})
    assert shop.contact.attributes[name] == stored
    decision = shop.learns(**{name: bad})
    assert decision.refused == [name]
    assert shop.contact.attributes[name] == stored
    assert name in shop.contact.set_aside
    assert str(bad) not in shop.contact.set_aside[name]
    shop.learns(**{name: good})
    assert shop.contact.set_aside == {}


def test_a_browser_does_not_overwrite_what_a_server_has_set(shop: Story) -> None:
    shop.apply(event("identify", START, traits={"plan": "free"}, silent=True, trusted=False, message_id="1"))
    shop.apply(event("identify", START, traits={"plan": "pro"}, silent=True, trusted=True, message_id="2"))
    shop.apply(event("identify", START, traits={"plan": "free"}, silent=True, trusted=False, message_id="3"))
    assert shop.contact.attributes["plan"] == "pro"


def test_null_removes_an_attribute(shop: Story) -> None:
    shop.learns(address_country="FR")
    shop.sets(country=None)
    assert "country" not in shop.contact.attributes
    assert shop.score == 0


def test_old_and_imported_events_change_scores_and_segments_but_fire_nothing(shop: Story) -> None:
    shop.now = START + 2 * DAY
    late = [event("Order Completed", START + place, received=shop.now) for place in range(3)]
    for one in late:
        assert shop.apply(one).alerts == []
    assert shop.contact.lists == {}
    for place in range(3):
        shop.apply(event("Product Added", shop.now - place, received=shop.now, history_only=True))
    assert "qualified" in shop.segments
    assert shop.contact.alerts == {}
    assert shop.happens("Order Completed").lists_joined == ["loyal"]


def test_consequences_are_followed_inside_the_decision(shop: Story) -> None:
    shop.happens("Order Completed")
    decision = shop.happens("Order Completed")
    assert decision.lists_joined == ["loyal"]
    assert [alert.trigger for alert in decision.alerts] == ["welcome"]
    assert decision.matched == ["repeat", "welcome"]


def test_a_loop_of_consequences_stops_and_is_named() -> None:
    story = Story(
        """
team sales: slack "#hot"
list a: "A"
list b: "B"
trigger start: on "Go"
  add to list a
trigger one: on list a
  remove from list a
  add to list b
trigger two: on list b
  remove from list b
  add to list a
"""
    )
    decision = story.happens("Go")
    assert decision.loops == ["one"]
    assert decision.matched == ["start", "one", "two"]
    assert set(story.contact.lists) == {"a"}


def test_consent_gates_scores_segments_and_triggers(shop: Story) -> None:
    shop.happens("Liked")
    shop.happens("Page Viewed")
    assert shop.score == 0
    decision = shop.consents("newsletter")
    assert decision.entered == ["reader"]
    assert decision.lists_joined == ["again"]
    shop.now += 1
    shop.consents("targeting")
    assert shop.score == 0  # the hit came before the consent
    shop.now += 1
    shop.happens("Liked")
    assert shop.score == 2
    shop.now += 1
    assert shop.consents("newsletter", "withdrawn").left == ["reader"]
    shop.consents("targeting", "withdrawn")
    assert shop.score == 0
    shop.now += 1
    shop.consents("targeting")
    assert shop.score == 2  # consented at the event, and again now


def test_an_expression_that_meets_a_missing_value_does_not_match_and_is_counted(shop: Story) -> None:
    decision = shop.happens("Product Added", quantity=1)
    assert [(mishap.rule, mishap.kind) for mishap in decision.mishaps] == [("big", "missing")]
    assert shop.score == 10


def test_points_given_by_hand_enter_segments(shop: Story) -> None:
    assert shop.gets(300).entered == ["qualified"]
    assert shop.gets(-5).left == ["qualified"]
    assert shop.score == 29.5


def test_an_unknown_alert_and_a_closed_one_change_nothing(shop: Story) -> None:
    decision = shop.apply(AlertActed(time=START, alert="X1", act="claim", by="u1"))
    assert (decision.changed, decision.ignored) == (False, "unknown alert")


def _alert(story: Story) -> str:
    for _ in range(2):
        story.happens("Order Completed")
    return story.decision.alerts[0].id


def _act(story: Story, alert: str, act: str, by: str = "u1", **more: object) -> Decision:
    return story.apply(AlertActed(time=story.now, alert=alert, act=act, by=by, by_name=by.upper(), **more))  # type: ignore[arg-type]


def test_the_first_claim_wins_and_every_change_is_a_revision(shop: Story) -> None:
    alert = _alert(shop)
    _act(shop, alert, "claim", "u1")
    held = shop.contact.alerts["welcome/sales"]
    assert (held.status, held.owner, held.owner_name, held.revision) == ("claimed", "u1", "U1", 2)
    lost = _act(shop, alert, "claim", "u2")
    assert (lost.changed, lost.ignored) == (False, "lost claim")
    _act(shop, alert, "release", "u1")
    assert shop.contact.alerts["welcome/sales"].status == "open"
    _act(shop, alert, "claim", "u2")
    assert shop.contact.alerts["welcome/sales"].owner == "u2"


REPEATS = """
team sales: slack "#hot"
trigger buy: on "Order Completed"
  alert sales "An order of {{ event.amount }}"
"""


def test_repeats_are_counted_on_the_open_alert_also_while_it_is_claimed() -> None:
    story = Story(REPEATS)
    first = story.happens("Order Completed", amount=5).alerts[0]
    _act(story, first.id, "claim")
    again = story.happens("Order Completed", amount=6).alerts[0]
    assert (again.id, again.count, again.revision, again.status) == (first.id, 2, 3, "claimed")


def test_a_closed_alert_counts_repeats_for_a_day_and_then_a_new_one_is_raised() -> None:
    story = Story(REPEATS)
    first = story.happens("Order Completed", amount=5).alerts[0]
    _act(story, first.id, "done", outcome="won")
    again = story.happens("Order Completed", amount=5).alerts[0]
    assert (again.id, again.count, again.status) == (first.id, 2, "done")
    story.now += DAY - 1
    assert story.happens("Order Completed", amount=5).alerts[0].id == first.id
    story.now += 1
    fresh = story.happens("Order Completed", amount=5).alerts[0]
    assert (fresh.count, fresh.status, fresh.id != first.id) == (1, "open", True)


def test_a_snoozed_alert_wakes_by_itself_and_is_with_who_put_it_off() -> None:
    story = Story(REPEATS)
    first = story.happens("Order Completed", amount=5).alerts[0]
    _act(story, first.id, "snooze", until=story.now + 3 * HOUR)
    first = story.contact.alerts["buy/sales"]
    assert (first.status, first.owner, first.claimed) == ("snoozed", "u1", story.now)
    assert story.waits(3 * HOUR - 1) == []
    (decision,) = story.waits(1)
    assert [(alert.id, alert.status, alert.owner) for alert in decision.alerts] == [(first.id, "claimed", "u1")]


def test_who_finishes_or_dismisses_an_alert_takes_it_on_and_another_may_not_unless_they_may_override() -> None:
    for act in ("done", "dismiss"):
        story = Story(REPEATS)
        first = story.happens("Order Completed", amount=5).alerts[0]
        _act(story, first.id, "claim", by="u2")
        assert _act(story, first.id, act).ignored == "lost claim"
        first = story.contact.alerts["buy/sales"]
        assert (first.status, first.owner) == ("claimed", "u2")
        _act(story, first.id, act, outcome="junk", override=True)
        first = story.contact.alerts["buy/sales"]
        assert (first.status, first.owner, first.outcome) == (
            {"done": "done", "dismiss": "dismissed"}[act], "u2", "junk",
        )  # fmt: skip


def test_a_trigger_fires_at_most_so_often() -> None:
    story = Story(
        """
team sales: slack "#hot"
trigger buy: on "Order Completed" at most 1 per day
  alert sales "An order"
"""
    )
    counts = []
    for span in (0, HOUR, 14 * HOUR, HOUR, DAY):
        story.now += span
        counts.append(len(story.happens("Order Completed").alerts))
    assert counts == [1, 0, 1, 0, 1]


def test_a_broken_text_never_stops_the_alert() -> None:
    story = Story(
        """
team sales: slack "#hot"
trigger buy: on "Order Completed"
  alert sales "{{ 1 / event.amount }}"
"""
    )
    decision = story.happens("Order Completed", amount=0)
    assert [alert.text for alert in decision.alerts] == ["buy"]
    assert [mishap.rule for mishap in decision.mishaps] == ["buy"]


def test_an_alert_shows_counts_by_text_durations_and_the_last_events() -> None:
    story = Story(
        """
team sales: slack "#hot"
trigger buy: on "Order Completed"
  alert sales "{{ count('Page Viewed', '2 hours') }}/{{ count('Page Viewed') }}\
 {% for e in events('Product Added') %}{{ e.sku }} {% endfor %}"
"""
    )
    for place in range(5):
        story.happens("Page Viewed")
        story.happens("Product Added", sku=f"S{place}")
        story.now += HOUR
    assert story.happens("Order Completed").alerts[0].text == "1/5 S4 S3 S2 S1 S0"


def test_a_personal_property_of_an_event_is_masked_in_an_alert() -> None:
    story = Story(
        """
attribute email: text, personal
team sales: slack "#hot"
trigger buy: on "Order Completed"
  alert sales "{{ event.email }} {{ event.properties.email }} {{ event.sku }}"
"""
    )
    text = story.happens("Order Completed", email="zoe@example.org", sku="S1").alerts[0].text
    assert text == "z••• z••• S1"


def test_an_entry_for_a_tombstone_is_forwarded(shop: Story) -> None:
    shop.happens("Product Added")
    shop.apply(Joined(time=shop.now, merge="m1", into="c2"))
    decision = shop.happens("Product Added")
    assert (decision.forward, decision.changed) == (True, False)


def test_a_new_contact_is_in_the_segments_that_are_true_of_it_and_fires_their_triggers() -> None:
    story = Story(
        """
attribute country: text
team sales: slack "#hot"
segment unknown: contact.country == null
trigger new: on enter unknown
  alert sales "somebody new"
"""
    )
    decision = story.happens("Page Viewed")
    assert decision.entered == ["unknown"]
    assert len(decision.alerts) == 1


def test_the_zone_of_the_contact_decides_what_a_day_is() -> None:
    text = 'score daily: +1 on "Visit" at most 1 per day\n'
    moments = [START + 13 * HOUR, START + 14 * HOUR, START + 14 * HOUR + 30 * MINUTE]  # 22:00, 23:00, 23:30 UTC
    scores = {}
    for name in ("UTC", "Europe/Paris", "Asia/Kathmandu"):
        story = Story(text, timezone=name)
        for moment in moments:
            story.happens("Visit", moment)
        scores[name] = story.score
    assert scores == {"UTC": 1, "Europe/Paris": 2, "Asia/Kathmandu": 1}


def test_a_rulebook_of_version_zero_works_as_any() -> None:
    rules = book(SHOP, 0)
    contact = Contact(id="x")
    decide(contact, event("Product Added", START), rules, START, entry_id="1")
    decide(contact, event("Product Added", START + 1), rules, START + 1, entry_id="2")
    assert contact.score == 20


def test_actions_give_points_and_set_attributes_and_what_follows_is_followed() -> None:
    story = Story(
        """
attribute orders: number
attribute stage: text
attribute since: datetime
team sales: slack "#hot"
segment big: contact.stage == "big" and contact.score >= 5
trigger count_them: on "Order Completed"
  set contact.orders = count("Order Completed")
  add 2.5 points
trigger grown: on "Order Completed" when contact.orders >= 2
  set contact.stage = "big"
  set contact.since = event.time
trigger told: on enter big
  alert sales "{{ contact.orders }} orders, {{ contact.score }} points"
"""
    )
    story.happens("Order Completed")
    assert story.contact.attributes == {"orders": 1}
    decision = story.happens("Order Completed")
    assert story.contact.attributes == {"orders": 2, "stage": "big", "since": "2026-03-02T09:00:00+00:00"}
    assert [alert.text for alert in decision.alerts] == ["2 orders, 5 points"]
    assert story.recomputed().score_changed is False


def test_what_time_has_changed_fires_even_when_a_late_event_comes_first() -> None:
    story = Story(
        """
team sales: slack "#hot"
score plus: +10 on "Visit"
score minus: -20 on "Ignored" lasts 1 hour
segment warm: contact.score >= 5
trigger back: on enter warm
  alert sales "Back"
"""
    )
    story.happens("Visit")
    story.happens("Ignored")
    decision = story.apply(event("Other", START - 3 * DAY, received=START + 2 * HOUR))
    assert [alert.text for alert in decision.alerts] == ["Back"]


def test_a_contact_made_beforehand_is_as_new() -> None:
    rules = book(SHOP)
    contact = Contact(id="x", created=START + DAY, version=rules.version)
    decision = decide(
        contact, event("Product Added", START, traits={"address_country": "FR"}), rules, START, entry_id="1"
    )
    assert contact.created == START
    assert (contact.score, decision.entered) == (15, [])
