"""The ready-made scenarios, played on a fake clock: which messages go out, and when by the clock of the contact."""

from __future__ import annotations

from importlib import resources

import pytest

from rules.contact import Event
from rules.decision import Decision
from rules.facts import facts_now
from rules.history import History
from rules.moment import instant, zone
from rules.occurrence import Occurrence
from rules.planning import plan_of
from tests.rules.scenes import broadcast, ends, moments, occurs
from tests.rules.story import DAY, HOUR, MINUTE, START, Story

PARIS = zone("Europe/Paris")
FILES = resources.files("rules") / "library"


@pytest.fixture(params=["en", "fr"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def play(name: str, language: str, purpose: str = "") -> Story:
    """A contact under a ready-made rulebook, on Monday 2 March 2026 at 10:00 in Paris, who has consented."""
    story = Story((FILES / f"{name}.{language}.rules").read_text("utf-8"), timezone="Europe/Paris")
    story.sets(email="ann@example.com", first_name="Ann")
    if purpose:
        story.consents(purpose)
    return story


def out(story: Story, decision: Decision) -> list[str]:
    """What goes out of a decision: the local time and the message."""
    return [f"{instant(story.now).astimezone(PARIS):%a %d %b %H:%M} {send.message}" for send in decision.sends]


def later(story: Story, span: int) -> list[str]:
    """What goes out while time passes."""
    return [
        f"{instant(moment).astimezone(PARIS):%a %d %b %H:%M} {send.message}"
        for moment, decision in moments(story, span)
        for send in decision.sends
    ]


# --- welcome -------------------------------------------------------------------------------------------------------


def test_the_welcome_series_goes_on_by_what_was_read(language: str) -> None:
    story = play("welcome", language)
    assert out(story, story.consents("newsletter")) == ["Mon 02 Mar 10:00 welcome_hello"]
    assert later(story, 4 * DAY) == ["Thu 05 Mar 10:00 welcome_best"]
    story.happens("Email Opened", message="welcome_best")
    assert later(story, 30 * DAY) == ["Thu 12 Mar 10:00 welcome_more"]
    assert story.contact.runs == []


def test_the_welcome_series_asks_who_reads_nothing_and_ends_with_the_consent(language: str) -> None:
    story = play("welcome", language, "newsletter")
    assert later(story, 30 * DAY) == ["Thu 05 Mar 10:00 welcome_best", "Thu 12 Mar 10:00 welcome_choose"]
    other = play("welcome", language, "newsletter")
    assert ends(other.consents("newsletter", "withdrawn")) == [("welcome", "consent withdrawn")]
    assert later(other, 30 * DAY) == []


# --- birthday ------------------------------------------------------------------------------------------------------


def test_a_birthday_is_kept_each_year_at_nine_by_the_clock_of_the_contact(language: str) -> None:
    story = play("birthday", language, "newsletter")
    story.sets(birthday="1990-03-29")
    assert later(story, 60 * DAY) == ["Sun 29 Mar 09:00 birthday_present", "Wed 08 Apr 10:00 birthday_reminder"]
    assert later(story, 365 * DAY)[0] == "Mon 29 Mar 09:00 birthday_present"


def test_whoever_orders_is_not_reminded_of_the_birthday_present(language: str) -> None:
    story = play("birthday", language, "newsletter")
    story.sets(birthday="1992-02-29")
    story.waits(350 * DAY)
    assert later(story, 20 * DAY) == ["Sun 28 Feb 09:00 birthday_present"]
    story.happens("Order Completed")
    assert later(story, 30 * DAY) == []


# --- carts ---------------------------------------------------------------------------------------------------------


def test_each_cart_is_recalled_three_times_and_then_given_up(language: str) -> None:
    story = play("abandoned_cart", language, "targeting")
    story.happens("Product Added", cart_id="one")
    story.waits(30 * MINUTE)
    story.happens("Product Added", cart_id="two")
    assert later(story, 12 * HOUR) == ["Mon 02 Mar 11:00 cart_reminder_1", "Mon 02 Mar 11:30 cart_reminder_1"]
    story.happens("Order Completed", cart_id="one")
    assert later(story, 20 * DAY) == ["Tue 03 Mar 11:30 cart_reminder_2", "Fri 06 Mar 11:30 cart_reminder_3"]
    assert "lost_carts" in story.contact.lists


def test_reminders_of_a_cart_begin_anew_when_something_is_added(language: str) -> None:
    story = play("abandoned_cart", language, "targeting")
    story.happens("Product Added", cart_id="one")
    story.waits(50 * MINUTE)
    story.happens("Product Added", cart_id="one")
    assert later(story, HOUR) == ["Mon 02 Mar 11:50 cart_reminder_1"]
    assert later(story, 20 * DAY) == ["Tue 03 Mar 11:50 cart_reminder_2", "Fri 06 Mar 11:50 cart_reminder_3"]


# --- orders --------------------------------------------------------------------------------------------------------


def test_a_first_order_brings_a_coupon_and_a_second_one_an_invitation(language: str) -> None:
    story = play("first_order", language, "newsletter")
    story.happens("Order Completed")
    assert later(story, 21 * DAY) == [
        "Mon 02 Mar 12:00 first_order_coupon",
        "Mon 23 Mar 10:00 first_order_reminder",
    ]
    story.happens("Order Completed")
    assert "loyal_customers" in story.contact.lists
    assert later(story, 5 * DAY) == ["Tue 24 Mar 10:00 loyal_invitation"]


def test_a_second_order_takes_the_reminder_of_the_coupon_away(language: str) -> None:
    story = play("first_order", language, "newsletter")
    story.happens("Order Completed")
    story.waits(5 * DAY)
    assert ends(story.happens("Order Completed")) == [("first_order", "event")]
    assert later(story, 40 * DAY) == ["Sun 08 Mar 10:00 loyal_invitation"]


# --- trade show ----------------------------------------------------------------------------------------------------


def test_a_visitor_of_the_show_is_thanked_and_called_when_engaged(language: str) -> None:
    story = play("trade_show", language, "show_follow_up")
    story.listed("trade_show")
    assert later(story, 3 * DAY) == ["Wed 04 Mar 10:00 show_thanks"]
    story.happens("Email Link Clicked", message="show_thanks")
    decisions = [decision for _, decision in moments(story, 10 * DAY)]
    (task,) = [alert for decision in decisions for alert in decision.alerts]
    assert (task.kind, task.team) == ("task", "sales")
    assert "Ann" in task.text


def test_a_visitor_of_the_show_who_looks_at_nothing_is_left_in_peace(language: str) -> None:
    story = play("trade_show", language, "show_follow_up")
    story.listed("trade_show")
    assert [alert for _, decision in moments(story, 20 * DAY) for alert in decision.alerts] == []


def test_the_engaged_of_the_show_are_ranked_by_clicks_opens_and_pages(language: str) -> None:
    def engaged(events: list[tuple[str, dict[str, str]]]) -> float:
        story = play("trade_show", language, "show_follow_up")
        for name, properties in events:
            story.happens(name, **properties)
        history = History(story.contact.index, plan_of(story.book).kept, story.now, story.contact.tail)
        facts = facts_now(story.contact, story.book, story.now, history)
        return float(story.book.digests["show_top"].by.expression.run(facts))

    thanks = {"message": "show_thanks"}
    assert engaged([("Page Viewed", {}), ("Page Viewed", {}), ("Email Opened", thanks)]) == 3
    assert engaged([("Email Link Clicked", thanks), ("Email Opened", thanks)]) == 4
    assert engaged([("Email Link Clicked", {"message": "another"})]) == 0


# --- broadcasts ----------------------------------------------------------------------------------------------------


def test_a_lower_price_is_told_to_those_who_wished_for_the_product(language: str) -> None:
    story = play("price_drop", language, "targeting")
    drop = broadcast("price_drop", "b1", "Price Dropped", START, product_id="p1")
    assert out(story, occurs(story, drop)) == []
    story.sets(wishlist=["p1", "p2"])
    assert out(story, occurs(story, drop)) == ["Mon 02 Mar 10:00 price_drop"]
    assert out(story, occurs(story, drop)) == []


def test_a_promotion_is_recalled_to_those_who_have_not_used_it(language: str) -> None:
    start = broadcast("promotion", "b1", "Promotion Started", START, code="SPRING")
    story, other = play("promotion", language, "newsletter"), play("promotion", language, "newsletter")
    assert out(story, occurs(story, start)) == out(other, occurs(other, start)) == ["Mon 02 Mar 10:00 promotion_start"]
    story.happens("Order Completed", coupon="SPRING")
    other.happens("Order Completed", coupon="ANOTHER")
    assert later(story, 20 * DAY) == []
    assert later(other, 20 * DAY) == ["Sun 08 Mar 09:00 promotion_ends"]
    assert [event.properties["name"] for event in story.contact.tail if event.name == "Converted"] == ["Promotion used"]


def test_a_new_article_of_the_feed_is_sent_in_the_morning(language: str) -> None:
    story = play("feed_letter", language, "newsletter")
    article = Event("feed", START, {"title": "On wool", "link": "https://www.example.com/wool"})
    occurrence = Occurrence(id="f1", statement="scenario", rules=("feed_letter",), event=article)
    assert out(story, occurs(story, occurrence)) == []
    assert later(story, 3 * DAY) == ["Tue 03 Mar 08:00 feed_article"]


def test_the_letter_of_thursday_goes_by_what_was_looked_at(language: str) -> None:
    thursday = Occurrence(
        id="t1", statement="scenario", rules=("interests",), event=Event("interests", START + 3 * DAY, {}), dated=True
    )
    for looked, message in ({"shoes": 3}, "interest_shoes"), ({"bags": 4, "shoes": 1}, "interest_bags"), (
        {"bags": 3, "shoes": 3}, "interest_both"), ({"hats": 9}, ""):  # fmt: skip
        story = play("interests", language, "targeting")
        for category, number in looked.items():
            for _ in range(number):
                story.happens("Product Viewed", category=category)
        story.waits(3 * DAY)
        assert [send.message for send in occurs(story, thursday).sends] == ([message] if message else [])


# --- points --------------------------------------------------------------------------------------------------------


def cooled_down(language: str) -> Story:
    story = play("win_back", language, "targeting")
    for _ in range(5):
        story.happens("Email Ignored", message="letter")
    assert "inactive" in story.segments
    return story


def test_the_inactive_get_a_word_and_an_offer_and_then_peace(language: str) -> None:
    story = cooled_down(language)
    assert later(story, 60 * DAY) == ["Tue 03 Mar 10:00 win_back_hello", "Tue 17 Mar 10:00 win_back_offer"]
    assert "asleep" in story.contact.lists
    assert story.contact.runs == []


def test_whoever_answers_is_won_back(language: str) -> None:
    story = cooled_down(language)
    story.waits(2 * DAY)
    story.happens("Email Link Clicked", message="win_back_hello")
    assert story.score == 15  # -50 + 15 + 50
    assert "inactive" not in story.segments
    assert later(story, 60 * DAY) == []


def test_150_points_earn_a_gift_and_a_word_where_it_stays(language: str) -> None:
    story = play("gift", language, "targeting")
    for _ in range(4):
        story.happens("Order Completed")
    assert "gift_given" in story.contact.lists
    assert later(story, 40 * DAY) == ["Mon 16 Mar 10:00 gift_waiting"]


def test_a_gift_that_was_fetched_is_a_conversion(language: str) -> None:
    story = play("gift", language, "targeting")
    story.waits(HOUR)
    for _ in range(4):
        story.happens("Order Completed")
    assert later(story, DAY) == ["Tue 03 Mar 10:00 gift_earned"]
    story.happens("Coupon Applied", coupon_id="GIFT150")
    assert [event.name for event in story.contact.tail][-1] == "Converted"
    assert later(story, 40 * DAY) == []


# --- hand-over -----------------------------------------------------------------------------------------------------


def test_a_lead_is_handed_over_and_the_managers_hear_of_it_after_half_an_hour(language: str) -> None:
    story = play("lead_handover", language, "contact_me")
    story.happens("Page Viewed", path="/pricing")
    decision = story.happens("Demo Requested")
    assert out(story, decision) == ["Mon 02 Mar 10:00 handover_hello"]
    (card,) = decision.alerts
    assert (card.team, card.otherwise, card.escalates) == ("sales", "managers", START + 30 * MINUTE)
    assert "Ann" in card.text
    (told,) = [each for _, decision in moments(story, HOUR) for each in decision.alerts]
    assert told.also == ["managers"]
    (task,) = [each for _, decision in moments(story, 3 * DAY) for each in decision.alerts]
    assert (task.kind, task.team) == ("task", "sales")
    assert instant(task.created).astimezone(PARIS).isoformat() == "2026-03-05T09:00:00+01:00"
