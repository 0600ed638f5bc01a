"""What a preview says of scenarios, held against what they then did in the same histories."""

from __future__ import annotations

from collections import Counter

from bots.commands.preview import preview_reply
from bots.terminal.render import render
from rules.backtest import Backtest, Tally
from rules.history import by_time
from rules.reacting import fires_alike, reacting
from rules.rerun import Rerun, rerun
from rules.rulebook import Rulebook
from server.i18n import translator
from server.model.preview import Preview
from server.services.preview_report import Report
from tests.rules.story import DAY, HOUR, Story, book, copy_of

RULES = """
attribute country: text
attribute birthday: date, personal
purpose ads: "Ads?", via email
purpose news: "News?", via email
team sales: slack "#sales"
list lost: "Lost"
score cart: +10 on "Cart"
segment hot: contact.score >= 30
trigger calm: on list lost
  alert sales "lost"
scenario cart for ads: on "Cart"
  key event.cart
  stop on "Order" when event.cart == entry.cart
  wait 3 hours
  send email reminder
  wait for "Cart" up to 2 days
  if not arrived
    send email coupon for news
    add to list lost
scenario birthday for ads: every year on contact.birthday at 09:00
  send email happy
scenario heat: on enter hot
  convert "Heat"
  task sales "hot"
scenario sale: on "Converted"
  send sms thanks
scenario weekly for ads: every monday at 09:00 to contact.country == "FR"
  send email letter
scenario idle: on "Never"
  send sms never
"""


def rerun_of(story: Story, draft: Rulebook | None = None) -> Rerun:
    return rerun(story.contact, by_time([*story.past, *story.contact.tail]), draft or story.book, story.now)


def lived() -> tuple[Story, Counter[str], Counter[tuple[str, str]]]:
    """A story, and how often each scenario started and sent in it."""
    story, decisions = Story(RULES), []
    story.sets(country="FR", birthday="1990-03-20")
    decisions += [story.consents("ads")]
    for day in range(12):
        decisions += [story.happens("Cart", cart=f"c{day // 2}")]
        decisions += story.waits(HOUR)
        if day % 3 == 0:
            decisions += [story.happens("Order", cart=f"c{day // 2}")]
        decisions += story.waits(DAY + day * HOUR)
    decisions += [story.happens("Cart", cart="last"), *story.waits(10 * DAY)]
    assert "lost" in story.contact.lists
    started = Counter(step.scenario for one in decisions for step in one.runs if step.what == "started")
    sent = Counter(
        (f"scenario/{one.rule}", one.channel) for each in decisions for one in each.sends if one.purpose != "news"
    )
    return story, started, sent


def tally_of(story: Story, draft: str) -> Tally:
    backtest = Backtest(story.book, book(draft, story.book.version + 1), story.now)
    backtest.take(copy_of(story.contact), story.past)
    return backtest.tally


def preview_of(story: Story, draft: str) -> Preview:
    tally = tally_of(story, draft)
    return Report(tally, story.book, book(draft, 2), story.now, {}).preview(draft, [])


def test_scenarios_start_and_send_again_as_often_as_they_did() -> None:
    story, started, sent = lived()
    found = rerun_of(story)
    assert found.started == dict(started)
    assert set(started) == {"cart", "birthday", "heat", "sale"}
    assert found.messages == dict(sent)  # `coupon` is for news, which nobody agreed to
    assert found.alerts[("scenario/heat", "sales")] == 1
    assert found.alerts[("calm", "sales")] == 1


def test_who_has_not_consented_is_left_out_of_scenarios() -> None:
    story = Story(RULES)
    story.sets(birthday="1990-03-20")
    story.happens("Cart", cart="a")
    story.waits(30 * DAY)
    found = rerun_of(story)
    assert found.left_out == {"scenario/cart", "scenario/birthday"}
    assert found.started == {}


def test_conversions_and_points_of_scenarios_are_not_counted_twice() -> None:
    rules = RULES.replace('convert "Heat"', 'convert "Heat"\n  add 5 points')
    story = Story(rules)
    for _ in range(3):
        story.happens("Cart")
    assert story.score == 35
    assert rerun_of(story).started == {"heat": 1, "sale": 1}


def test_what_scenarios_do_not_read_is_left_out_of_the_rerun() -> None:
    draft = book(RULES + 'segment other: contact.country == "DE"\n')
    assert set(reacting(draft).segments) == {"hot"}
    assert set(reacting(book(RULES.replace("on enter hot", 'on "Heat"'))).segments) == set()


def test_scenarios_react_alike_unless_something_they_read_is_another() -> None:
    present = book(RULES)
    for change, alike in (
        (('task sales "hot"', 'task sales "warm"'), True),
        (("wait 3 hours", "wait 4 hours"), False),
        ((">= 30", ">= 40"), False),
        (('scenario idle: on "Never"\n  send sms never\n', ""), False),
    ):
        assert fires_alike(present, book(RULES.replace(*change), 2)) is alike
    assert fires_alike(present, book(RULES + 'scenario more: on "Cart"\n  send sms more\n', 2))
    assert not fires_alike(
        present, book(RULES + 'scenario more: on "Cart"\n  if contact.country == "FR"\n    add to list lost\n', 2)
    )


def test_a_preview_tells_starts_messages_reach_and_where_runs_go_on() -> None:
    story, started, sent = lived()
    draft = RULES.replace("wait 3 hours", "wait 1 hour").replace(
        '  wait for "Cart" up to 2 days\n  if not arrived\n    ', "  if true\n    "
    )
    preview = preview_of(story, draft)
    cart, birthday, _, sale, weekly, idle = preview.scenarios
    assert (cart.change, birthday.change) == ("changed", "same")
    assert cart.before is not None
    assert cart.before.value == started["cart"]
    assert [(flow.to, flow.total.value) for flow in sale.messages] == [("sms", sent["scenario/sale", "sms"])]
    assert [(step.before, step.after) for step in cart.moved] == [
        ("wait 3 hours", "wait 1 hour"), ('wait for "Cart" up to 2 days', None)
    ]  # fmt: skip
    assert (weekly.reach, cart.reach) == (1, None)
    assert [(rule.kind, rule.name) for rule in preview.never if rule.kind == "scenario"] == [("scenario", "idle")]
    assert idle.started.value == 0


def test_a_preview_shows_scenarios_in_both_languages() -> None:
    story, _, _ = lived()
    story.consents("ads", "withdrawn")
    story.happens("Cart", cart="new")
    preview = preview_of(story, RULES.replace("wait 3 hours", "wait 1 hour"))
    english, french = (render(preview_reply(preview, translator(language))) for language in ("en", "fr"))
    for text in (
        "scenario cart · changed",
        "Would have started",
        "Runs that wait at “wait 3 hours” go on at “wait 1 hour”.",
        "Left out of scenario cart for want of consent to ads: 1",
        "limits and quiet hours are not simulated",
        "Would reach 0 contacts, as they are now.",
    ):
        assert " ".join(text.split()) in " ".join(english.split())
    assert "Les parcours qui attendent" in " ".join(french.split())
