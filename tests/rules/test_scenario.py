"""Scenarios over time: entries, waits, branches, what stops and restarts a run."""

from __future__ import annotations

from rules.decision import Decision
from tests.rules.story import DAY, HOUR, START, Story

SHOP = """
attribute country: text
attribute trial_ends: datetime
attribute birthday: date, personal
purpose news: "News?"
list lost_carts: "Never came back"
team sales: slack "#s"
"""


def shop(scenario: str, **more: str) -> Story:
    return Story(SHOP + scenario, **more)


def messages(decision: Decision) -> list[str]:
    return [send.message for send in decision.sends]


def waited(story: Story, span: int) -> list[tuple[str, float]]:
    """Time passes: the messages that are sent and how many hours after the start."""
    found = []
    for decision in story.waits(span):
        found += [(message, (story.now - START) / HOUR) for message in messages(decision)]
    return found


def timed(story: Story, span: int) -> list[tuple[str, float]]:
    """The messages that go out within a span, each with the hours after the start at which it was due."""
    return [(s.message, (s.due - START) / HOUR) for decision in story.waits(span) for s in decision.sends]


def test_a_series_goes_out_step_by_step() -> None:
    story = shop("""
scenario welcome: on "Signed Up"
  send email hello
  wait 3 hours
  send email more
  wait 2 days
  send sms last
""")
    assert messages(story.happens("Signed Up")) == ["hello"]
    assert timed(story, 3 * DAY) == [("more", 3.0), ("last", 51.0)]
    assert story.contact.runs == []
    assert story.contact.changes_at is None


def test_an_abandoned_cart_is_won_back_or_given_up() -> None:
    text = """
scenario cart: on "Product Added"
  key event.cart_id
  stop on "Order Completed" when event.cart_id == entry.cart_id
  wait 3 hours
  send email reminder valid 1 day
  wait for "Checkout Started" up to 2 days when event.cart_id == entry.cart_id
  if not arrived
    send email coupon
  else
    send email thanks
"""
    story = shop(text)
    story.happens("Product Added", cart_id="a")
    story.happens("Product Added", cart_id="b")
    story.happens("Product Added", cart_id="a")
    assert len(story.contact.runs) == 2
    story.happens("Order Completed", cart_id="b")
    assert [run.key for run in story.contact.runs] == ["sa"]
    assert timed(story, DAY) == [("reminder", 3.0)]
    story.happens("Checkout Started", cart_id="b")
    assert messages(story.happens("Checkout Started", cart_id="a")) == ["thanks"]
    assert story.contact.runs == []
