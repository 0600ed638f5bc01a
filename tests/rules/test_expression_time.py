"""What an expression reads, and when its value can change with no event: never late."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.contact import Event
from rules.errors import SyntaxProblem
from rules.expression import Expression, FunctionUse, compile_expression, rulebook_types
from rules.history import History
from rules.rulebook import Attribute

UTC = datetime.UTC
NOW = datetime.datetime(2026, 1, 31, 10, 20, 30, tzinfo=UTC)
TICK = datetime.timedelta(milliseconds=1)
DAY = datetime.timedelta(days=1)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
TYPES = rulebook_types(
    {
        "country": Attribute(name="country", type="text"),
        "birthday": Attribute(name="birthday", type="date"),
        "trial_ends": Attribute(name="trial_ends", type="datetime"),
    },
    event=True,
    entry=True,
    arrived=True,
)


def compiled(text: str) -> Expression:
    return compile_expression(text, TYPES)


def facts_at(now: datetime.datetime, events: list[Event], **contact: Any) -> dict[str, Any]:
    history = History({}, {}, (now - EPOCH) // TICK, events)
    return {"now": now, "history": history, "contact": contact, "segments": (), "lists": (), "consents": ()}


def viewed(*ago: datetime.timedelta) -> list[Event]:
    times = sorted((NOW - one - EPOCH) // TICK for one in ago)
    return [Event(name="Page Viewed", time=time, properties={"n": 2, "category": "shoes"}) for time in times]


HOUR = datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ('count("Page Viewed", t"P1D") > 0', NOW + DAY - 3 * HOUR),
        ('total("Page Viewed", "n", t"P1D") > 0', NOW + DAY - 3 * HOUR),
        ('count("Page Viewed", t"P1D", "category", "shoes") > 0', NOW + DAY - 3 * HOUR),
        ('count("Page Viewed", t"P1D") > 0 and count("Page Viewed", t"PT4H") > 0', NOW + HOUR),
        ('count("Page Viewed") > 0', None),
        ('last("Page Viewed") > now - t"PT2H"', NOW + HOUR),
        ('now - t"PT2H" < last("Page Viewed")', NOW + HOUR),
        ('now - last("Page Viewed") < t"PT2H"', NOW + HOUR),
        ('last("Page Viewed") + t"PT2H" > now', NOW + HOUR),
        ('last("Page Viewed") > now - t"PT30M"', None),
        ('last("Order Completed") > now - t"PT2H"', None),
        ("contact.trial_ends > now", NOW + 2 * DAY),
        ("contact.trial_ends == now", NOW + 2 * DAY),
        ('contact.trial_ends - now < t"P1D"', NOW + DAY),
        ("contact.trial_ends != null", None),
        ("days_since(contact.created) >= 3", NOW + 5 * HOUR),
        ('days_since(first("Page Viewed")) >= 3', NOW + DAY - 3 * HOUR),
        ("days_since(contact.birthday) >= 3", None),
        ("now.hour >= 9", datetime.datetime(2026, 1, 31, 11, tzinfo=UTC)),
        ('now.weekday == "Monday"', datetime.datetime(2026, 2, 1, tzinfo=UTC)),
        ("now.date > contact.created", datetime.datetime(2026, 2, 1, tzinfo=UTC)),
        ("contact.age >= 18", datetime.datetime(2026, 2, 1, tzinfo=UTC)),
        ('contact.country == "FR"', None),
        ("now == now", None),
        ('d"2026-02-05" > now', datetime.datetime(2026, 2, 5, tzinfo=UTC)),
        ('not (d"2026-02-05" > now) or contact.country == "FR"', datetime.datetime(2026, 2, 5, tzinfo=UTC)),
        ('d"2026-01-31T10:20:30" >= now', NOW + TICK),
    ],
)
def test_the_next_moment_of_change(text: str, moment: datetime.datetime | None) -> None:
    events = viewed(HOUR, 3 * HOUR)
    created = NOW - 3 * DAY + 5 * HOUR
    facts = facts_at(NOW, events, country="FR", trial_ends=NOW + 2 * DAY, created=created, birthday=None, age=17)
    assert compiled(text).changes_at(facts, NOW) == moment


RULES = [
    'count("Page Viewed", t"PT2H") >= 2',
    'count("Page Viewed", t"PT45M") == 1 or days_since(contact.created) >= 1',
    'last("Page Viewed") > now - t"PT90M"',
    'now - first("Page Viewed") >= t"P1D" and now.hour >= 9',
    'total("Page Viewed", "n", t"PT3H") > 3 and contact.trial_ends > now',
    'contact.trial_ends - t"PT4H" <= now ? now.weekday == "Sunday" : count("Page Viewed", t"P1D") > 2',
    'not (contact.trial_ends - now > t"PT5H") and now.day != 1',
    '(last("Page Viewed") ?? contact.created) < now - t"PT100M"',
]
minutes = st.integers(0, 3000).map(lambda number: datetime.timedelta(seconds=17 * number))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(RULES), st.lists(minutes, max_size=6), minutes, minutes)
def test_nothing_changes_before_the_next_moment(
    text: str, ago: list[datetime.timedelta], created: datetime.timedelta, ends: datetime.timedelta
) -> None:
    expression, events = compiled(text), viewed(*ago)
    contact: dict[str, Any] = {"created": NOW - created, "trial_ends": NOW + ends}
    now, end = NOW, NOW + 2 * DAY
    value = expression.matches(facts_at(now, events, **contact))
    for _ in range(200):
        moment = expression.changes_at(facts_at(now, events, **contact), now)
        assert moment is None or moment > now
        until = min(moment or end, end)
        for share in (0.1, 0.5, 0.9):
            between = now + (until - now) * share // TICK * TICK
            assert expression.matches(facts_at(between, events, **contact)) is value, (now, between, until)
        assert expression.matches(facts_at(until - TICK, events, **contact)) is value, (now, until)
        if until == end:
            return
        now = until
        value = expression.matches(facts_at(now, events, **contact))


@pytest.mark.parametrize(
    "text",
    [
        "[now] == 1", "now", "{1: now}[1] > now", "(now - contact.created).total_seconds > 5", "days_since(now) > 1",
        "now in [now]", "(now - contact.created).days > 5",
        "(contact.country == null ? now : contact.created) > contact.created",
    ],
)  # fmt: skip
def test_a_use_of_now_without_a_next_moment_is_refused(text: str) -> None:
    with pytest.raises(SyntaxProblem) as caught:
        compiled(text)
    assert "now can be compared" in caught.value.problem.message


def test_what_is_read_is_known() -> None:
    reads = compiled(
        'contact.country == "FR" and event.price > entry.price and count("A", t"P1D", "p", 1.5) > total("B", "n") '
        'and first("C") < last("D") and in_segment("s") and in_list("l") and consented("c") and opened("m") '
        'and contact.score > 3 and event.properties["name"] == "x" and arrived and event.time < now'
    ).reads
    assert reads.attributes == ("country", "score")
    assert reads.event_properties == ("price", "name")
    assert reads.entry_properties == ("price",)
    assert reads.entry
    assert reads.uses_event
    assert reads.uses_now
    assert reads.reads_score
    assert reads.functions == (
        FunctionUse("count", "A", 86_400_000, "p", 1.5, True),
        FunctionUse("total", "B", None, "n"),
        FunctionUse("first", "C"),
        FunctionUse("last", "D"),
        FunctionUse("count", "Email Opened", None, "message", "m", True),
    )
    assert reads.events == ("A", "B", "C", "D", "Email Opened")
    assert (reads.segments, reads.lists, reads.purposes, reads.messages) == (("s",), ("l",), ("c",), ("m",))
    assert set(reads.names) >= {
        "contact",
        "event",
        "entry",
        "history",
        "segments",
        "lists",
        "consents",
        "arrived",
        "now",
    }


def test_a_fact_read_as_a_whole_is_read_in_all_its_parts() -> None:
    assert compile_expression("contact.length > 3 and event[name] == 1").reads.event_properties == ("*",)
    assert compiled("event.properties.length > 3").reads.event_properties == ("*",)


def test_the_functions_of_a_rulebook_ask_the_history() -> None:
    facts = facts_at(NOW, viewed(HOUR, 3 * HOUR), country="FR")
    facts |= {"segments": ("hot",), "lists": ("vip",), "consents": ("news",)}
    for text in (
        'count("Page Viewed") == 2',
        'count("Page Viewed", t"PT2H") == 1',
        'count("Page Viewed", null, "category", "shoes") == 2',
        'total("Page Viewed", "n") == 4',
        'last("Page Viewed") == now - t"PT1H"',
        'first("Order Completed") == null',
        'in_segment("hot") and in_list("vip") and consented("news") and not received("x")',
        'count("Page Viewed") / 4 == 0.5',
    ):
        assert compiled(text).matches(facts), text


def test_a_fact_hides_the_function_of_its_name() -> None:
    assert compile_expression("count > 3").matches({"count": 4})
    with pytest.raises(SyntaxProblem):
        compile_expression('count("A") > 3', {"count": "number"})
