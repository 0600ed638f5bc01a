"""What comes by the calendar or to many contacts at once: yearly, dated, broadcast and feed rules."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rules.contact import Event
from rules.decide import bring_up_to_date
from rules.decision import Decision
from rules.entry import Broadcast
from rules.moment import instant
from rules.occurrence import Occurrence
from rules.renewal import Renewal
from tests.rules.scenes import HEAD, broadcast, ends, joined, messages, moments, occurs, shop, timed
from tests.rules.story import DAY, HOUR, START, Story, book, copy_of

BIRTHDAY = "scenario birthday: every year on contact.birthday at 09:00\n  send email happy\n"


def millis(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def sent(story: Story, span: int, zone: str = "UTC") -> list[str]:
    return [
        f"{instant(moment).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
        for moment, decision in moments(story, span)
        for _ in decision.sends
    ]


# --- every year ---


@pytest.mark.parametrize(
    ("birthday", "days"),
    [
        ("1980-06-15", ["2026-06-15 09:00", "2027-06-15 09:00", "2028-06-15 09:00"]),
        ("2000-02-29", ["2027-02-28 09:00", "2028-02-29 09:00"]),
    ],
)
def test_a_birthday_comes_every_year_at_its_local_time(birthday: str, days: list[str]) -> None:
    story = shop(BIRTHDAY, timezone="Europe/Paris")
    story.sets(birthday=birthday)
    assert sent(story, 900 * DAY, "Europe/Paris") == days


def test_a_birthday_follows_the_contact_into_another_zone() -> None:
    story = shop(BIRTHDAY, timezone="Europe/Paris")
    story.sets(birthday="1980-03-04")
    story.learns(timezone="America/New_York")
    assert sent(story, 10 * DAY) == ["2026-03-04 14:00"]


def test_a_birthday_that_is_told_anew_comes_on_the_new_day() -> None:
    story = shop(BIRTHDAY)
    story.sets(birthday="1980-03-04")
    story.sets(birthday="1980-03-06")
    assert sent(story, 10 * DAY) == ["2026-03-06 09:00"]
    story.sets(birthday=None)
    assert sent(story, 400 * DAY) == []


def test_a_birthday_that_is_over_for_today_comes_next_year() -> None:
    story = shop(BIRTHDAY)
    story.now = START + HOUR
    story.sets(birthday="1980-03-02")
    assert sent(story, 370 * DAY) == ["2027-03-02 09:00"]


def test_a_birthday_that_was_slept_through_is_made_up_for_once() -> None:
    story = shop(BIRTHDAY)
    story.sets(birthday="1980-03-04")
    story.now = START + 3 * DAY
    (send,) = story.happens("Page Viewed").sends
    assert send.due == millis("2026-03-04T09:00")
    assert sent(story, 300 * DAY) == []


def test_a_birthday_comes_once_even_where_the_zone_changes_on_it() -> None:
    story = shop(BIRTHDAY, timezone="Europe/Paris")
    story.sets(birthday="1980-03-04")
    assert sent(story, 2 * DAY) == ["2026-03-04 08:00"]
    story.learns(timezone="America/New_York")
    assert sent(story, DAY) == []


def test_a_birthday_is_kept_by_a_contact_who_never_did_anything_else() -> None:
    story = shop(
        BIRTHDAY + "scenario other: every year on contact.trial_ends at 10:00 when contact.level > 3\n  send sms x\n"
    )
    story.sets(birthday="1980-03-04", trial_ends="2020-03-05T00:00:00Z", level=4)
    assert sent(story, 10 * DAY) == ["2026-03-04 09:00", "2026-03-05 10:00"]


def test_a_trigger_may_come_every_year() -> None:
    story = shop('trigger born for news: every year on contact.birthday at 09:00\n  alert sales "It is the day"\n')
    story.sets(birthday="1980-03-04")
    assert [decision.alerts for _, decision in moments(story, 10 * DAY)] == [[]]
    story.consents("news")
    assert [len(decision.alerts) for _, decision in moments(story, 366 * DAY)] == [1]


def test_a_yearly_rule_that_is_published_comes_to_contacts_who_were_there() -> None:
    story = shop("")
    story.sets(birthday="1980-03-04")
    story.happens("Page Viewed")
    story.publishes(HEAD + BIRTHDAY)
    assert sent(story, 10 * DAY) == ["2026-03-04 09:00"]


def test_only_contacts_who_have_the_date_are_written_for_a_new_yearly_rule() -> None:
    former, changed = book(HEAD), book(HEAD + BIRTHDAY, 2)
    found = []
    for birthday in ("1980-03-04", None):
        story = Story(former)
        story.happens("Page Viewed")
        story.sets(birthday=birthday)
        stays = Renewal(former, changed, story.now).stays(copy_of(story.contact))
        found.append(
            (stays, bring_up_to_date(story.contact, [], changed, story.now, entry_id="r", former=former).changed)
        )
    assert found == [(False, True), (True, False)]


# --- broadcasts, dates, feeds ---

SALE = """
scenario sale for news: on broadcast "Price Dropped" to event.product_id in contact.wishlist
  send email sale
  wait 1 day
  send email reminder
"""


def test_a_broadcast_reaches_those_whom_it_is_for_once() -> None:
    story = shop(SALE)
    story.sets(wishlist=["p1"])
    assert occurs(story, broadcast("sale", "b1", "Price Dropped", START, product_id="p1")).changed is False
    story.consents("news")
    decision = occurs(story, broadcast("sale", "b1", "Price Dropped", START, product_id="p1"))
    assert messages(decision) == ["sale"]
    assert decision.sends[0].entry == Event("Price Dropped", START, {"product_id": "p1"})
    for ident, product in (("b1", "p1"), ("b2", "p2")):
        decision = occurs(story, broadcast("sale", ident, "Price Dropped", START, product_id=product))
        assert (decision.changed, decision.ignored) == (False, "stale")
    assert messages(occurs(story, broadcast("sale", "b3", "Price Dropped", START, product_id="p1"))) == ["sale"]
    assert not occurs(story, broadcast("sale", "b1", "Price Dropped", START, product_id="p1")).changed
    assert len(story.contact.runs) == 2  # one for each occurrence


def test_a_broadcast_is_about_no_contact() -> None:
    story = shop(SALE)
    decision = story.apply(Broadcast(time=START, id="b", event=Event("Price Dropped", START, {})))
    assert (decision.changed, decision.ignored) == (False, "broadcast")


def test_a_broadcast_may_have_a_key_and_a_rest() -> None:
    story = shop("""
scenario sale: on broadcast "Price Dropped" to event.product_id in contact.wishlist
  key event.product_id
  again after 7 days
  send email sale
""")
    story.sets(wishlist=["p1", "p2"])
    found = [
        messages(occurs(story, broadcast("sale", ident, "Price Dropped", story.now, product_id=product)))
        for ident, product in (("b1", "p1"), ("b2", "p1"), ("b3", "p2"))
    ]
    assert found == [["sale"], [], ["sale"]]
    story.waits(7 * DAY)
    assert messages(occurs(story, broadcast("sale", "b4", "Price Dropped", story.now, product_id="p1"))) == ["sale"]


def dated(name: str, ident: str, moment: int, statement: str = "scenario") -> Occurrence:
    return Occurrence(
        id=ident, statement=statement, rules=(name,), event=Event(name, moment, {}), dated=True  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_dated_scenario_knows_its_name_and_moment_and_how_late_it_is() -> None:
    story = shop("""
scenario letter: at "2026-03-02 09:00" to contact.country == "FR"
  task sales "{{ entry.name }} {{ entry.time }}"
  send email letter valid 1 hour
""")
    story.sets(country="FR")
    story.waits(25 * HOUR)
    decision = occurs(story, dated("letter", "letter/2026-03-02T09:00", START))
    assert [alert.text for alert in decision.alerts] == ["letter 2026-03-02 09:00"]
    assert decision.sends[0].valid_until == START + HOUR
    assert not occurs(story, dated("letter", "letter/2026-03-02T09:00", START)).changed


def test_dated_triggers_have_caps_and_purposes() -> None:
    story = shop("""
trigger weekly for news: every monday at 09:00 at most 2 ever to contact.country == "FR"
  send email weekly
""")
    story.sets(country="FR")
    story.consents("news")
    found = [occurs(story, dated("weekly", f"weekly/{week}", START, "trigger")).sends for week in (1, 1, 2, 3)]
    assert [len(sends) for sends in found] == [1, 0, 1, 0]


def test_a_feed_speaks_of_its_entry() -> None:
    story = shop(
        'scenario feed: on feed "https://x.example/feed" to event.title != ""\n  task sales "{{ entry.title }}"\n'
    )
    story.happens("A")
    entry = Event("https://x.example/feed", START, {"title": "Hello", "link": "l", "summary": "s"})
    decision = occurs(story, Occurrence(id="f1", statement="scenario", rules=("feed",), event=entry))
    assert [alert.text for alert in decision.alerts] == ["Hello"]


def test_an_occurrence_wakes_what_is_due_first() -> None:
    story = shop('scenario one: on "A"\n  wait 1 hour\n  send email due\n' + SALE)
    story.consents("news")
    story.sets(wishlist=["p1"])
    story.happens("A")
    story.now += 2 * HOUR
    assert messages(occurs(story, broadcast("sale", "b1", "Price Dropped", START, product_id="p1"))) == ["due", "sale"]


def test_the_score_of_an_audience_is_the_one_of_the_moment() -> None:
    story = shop(
        'score warm: +16 on "A" halves every 1 day\nscenario s: on broadcast "B" to contact.score < 9\n  send email x\n'
    )
    story.happens("A")
    assert not occurs(story, broadcast("s", "b1", "B", story.now)).changed
    story.now += DAY
    tenths = story.contact.tenths
    assert not occurs(story, broadcast("never", "b1", "B", story.now)).changed
    assert story.contact.tenths == tenths
    assert messages(occurs(story, broadcast("s", "b2", "B", story.now))) == ["x"]


def test_a_paused_or_unknown_rule_takes_nothing() -> None:
    story = shop(BIRTHDAY)
    story.happens("A")
    assert not occurs(story, broadcast("gone", "b", "B", START)).changed


def test_start_scenario_starts_a_dated_one_too() -> None:
    story = shop(BIRTHDAY + 'trigger now: on "A"\n  start scenario birthday\n')
    assert messages(story.happens("A")) == ["happy"]
    assert messages(story.happens("A")) == ["happy"]


def test_two_contacts_who_took_the_same_broadcast_are_one_run_when_joined() -> None:
    one, other = shop(SALE), Story(book(HEAD + SALE), id="c2")
    for story in (one, other):
        story.sets(wishlist=["p1"])
        story.consents("news")
        occurs(story, broadcast("sale", "b1", "Price Dropped", START, product_id="p1"))
    occurs(other, broadcast("sale", "b2", "Price Dropped", START + 1, product_id="p1"))
    assert ends(joined(one, other)) == [("sale", "joined")]
    assert len(one.contact.runs) == 2
    assert isinstance(one.decision, Decision)
    assert instant(START).tzinfo is UTC
    assert timed(one, 2 * DAY) == [("reminder", 24.0), ("reminder", 24.0)]
