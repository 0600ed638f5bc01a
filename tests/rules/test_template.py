"""The texts of alerts."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from jinja2 import TemplateError

from rules.contact import Contact, Event
from rules.facts import EventFacts, facts_now
from rules.history import History
from rules.rulebook import Attribute, Rulebook
from rules.template import compile_alert, duration, environment, render, shown
from tests.rules.story import START

BOOK = Rulebook(
    attributes={
        "email": Attribute(name="email", type="text", personal=True, trait="mail"),
        "name": Attribute(name="name", type="text", personal=True, shown_in_alerts=True),
        "birthday": Attribute(name="birthday", type="date", personal=True),
        "size": Attribute(name="size", type="number"),
    }
)


def text(template: str) -> str:
    contact = Contact(
        id="c",
        attributes={"email": "zoe@example.org", "name": "Zoé", "birthday": "1990-01-01", "size": 4.5},
        tenths=850,
    )
    events = [Event("Visit", START - place, {"page": f"p{place}", "mail": "zoe@example.org"}) for place in range(3)]
    facts = facts_now(contact, BOOK, START, History({}, {}, START, events))
    facts["event"] = EventFacts(events[0])
    return render(compile_alert(template), facts, BOOK.attributes, lambda name: iter(events))


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("{{ contact.name }} {{ contact.score }} {{ score }}", "Zoé 85 85"),
        ("{{ contact.email }} {{ contact['email'] }} {{ contact.birthday }} {{ contact.age }}", "z••• z••• ••• •••"),
        ("{{ contact.size * 2 }} {{ contact.unknown }}.", "9 ."),
        ("{{ event.page }} {{ event.mail }} {{ event.properties.mail }}", "p0 z••• z•••"),
        ("{% for e in events('Visit') %}{{ e.page }} {{ e.mail }};{% endfor %}", "p0 z•••;p1 z•••;p2 z•••;"),
        (
            "{{ count('Visit', '2 jours') }} {{ last('Visit') }} {{ days_since(first('Visit')) }}",
            "3 2026-03-02 09:00 0",
        ),
        ("{% if count('Visit') > 2 %}often{% else %}seldom{% endif %}", "often"),
    ],
)
def test_a_text_is_rendered_with_personal_values_masked(template: str, rendered: str) -> None:
    assert text(template) == rendered


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ contact.__class__ }}",
        "{{ 'a'.center(1000000000) }}",
        "{{ 'a' * 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ 9 ** 9 ** 9 }}",
        "{% for a in events('x') %}{% for b in events('x') %}x{% endfor %}{% endfor %}",
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% include 'x' %}",
        "{{ lipsum(n=1000000) }}",
        "{{ open('/etc/passwd') }}",
    ],
)
def test_a_hostile_text_is_refused_at_once_or_shows_nothing(template: str) -> None:
    compiled = compile_alert(template)
    if not compiled.broken:
        try:
            rendered = text(template)
        except (TemplateError, TypeError):
            rendered = ""
        assert rendered == ""


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30 minutes", 1800), ("1 hour", 3600), ("7 days", 604800), ("2 semaines", 1209600), ("3 mois", 7776000)],
)
def test_text_durations_are_read_in_both_languages(written: str, seconds: int) -> None:
    assert duration(written) == seconds * 1000


@pytest.mark.parametrize("written", ["", "days", "7", "7 parsecs", "-1 day"])
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration(written)


def test_values_are_shown_as_people_write_them() -> None:
    day = datetime(2026, 3, 2, tzinfo=UTC)
    assert [shown(one) for one in (None, Decimal("85.0"), Decimal("1E+2"), 3.0, 2.5, day, ("a", None))] == [
        "", "85", "100", 3, 2.5, "2026-03-02", "a, ",
    ]  # fmt: skip


def test_the_sandbox_is_made_once() -> None:
    assert environment() is environment()
