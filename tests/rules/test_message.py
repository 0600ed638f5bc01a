"""Messages: their source, what is wrong in it, and the words that a contact gets."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from rules import parse_rulebook
from rules.contact import Contact, Event
from rules.errors import RuleErrors
from rules.facts import EventFacts, facts_now
from rules.history import History
from rules.message import CompiledMessage, MessageFault, Words, compile_message, layout_source, render_message

NOW = 1_772_442_000_000
BOOK = parse_rulebook("""\
attribute first_name: text, personal
attribute email: text, personal
attribute points: number
attribute tags: list of text
attribute birthday: date, personal
purpose newsletter: "I want the newsletter.", via email
list vip: "VIP"
segment hot: contact.points >= 3
""")
LINKS = {"unsubscribe": "https://relance.test/u/1", "preferences": "https://relance.test/p/1", "view": ""}


def email(body: str, subject: str = "Hello") -> str:
    return f"---\nsubject: {subject}\n---\n{body}"


@functools.cache
def compiled(channel: str, form: Any, source: str) -> CompiledMessage:
    return compile_message("welcome", channel, form, source, BOOK)


def rendered(
    source: str,
    attributes: Mapping[str, Any] | None = None,
    *,
    channel: str = "email",
    form: Any = "markdown",
    entry: Mapping[str, Any] | None = None,
    events: Sequence[Event] = (),
    locale: str = "en",
    layout: str = "",
    links: Mapping[str, str] = LINKS,
) -> Words:
    """The words of a source for a contact of these attributes."""
    contact = Contact(id="c1", attributes=dict(attributes or {}), tail=list(events))
    facts = facts_now(contact, BOOK, NOW, History({}, {}, NOW, events))
    facts["entry"] = None if entry is None else EventFacts(Event("Product Added", NOW, dict(entry), "shop"))
    return render_message(
        compiled(channel, form, source),
        facts,
        events=lambda name: [one for one in reversed(events) if one.name == name],
        links=links,
        purpose=BOOK.purposes["newsletter"],
        locale=locale,
        sender="Shop <news@shop.example>",
        layout=compile_message("layout", "email", "html", layout, BOOK) if layout else None,
    )


def mistakes(source: str, channel: str = "email", form: Any = "markdown", name: str = "welcome") -> list[str]:
    with pytest.raises(RuleErrors) as caught:
        compile_message(name, channel, form, source, BOOK)
    return [str(problem).split("\n")[0] for problem in caught.value.problems]


# --- what a contact gets ------------------------------------------------------------------------------------------


def test_markdown_goes_into_the_layout_and_becomes_a_text_as_well() -> None:
    words = rendered(email("# Dear {{ contact.first_name }}\n\n- one\n- [two](https://shop.example/2)"),
                     {"first_name": "Zoé"})  # fmt: skip
    assert words.subject == "Hello"
    assert "<h1 style=" in words.html
    assert "Dear Zoé</h1>" in words.html
    assert words.html.startswith("<!doctype html>")
    assert words.text.startswith("Dear Zoé\n\n- one\n- two (https://shop.example/2)\n\n-- \n")


def test_the_footer_tells_the_purpose_the_sender_and_how_to_leave_in_the_messages_language() -> None:
    words = rendered(email("Salut"), locale="fr-BE")
    for part in (words.html, words.text):
        assert "vous avez donné cet accord" in part
        assert "I want the newsletter." in part
        assert LINKS["unsubscribe"] in part
        assert LINKS["preferences"] in part
        assert "Voir dans le navigateur" not in part  # there is no such link
    assert "Shop &lt;news@shop.example&gt;" in words.html
    assert "Shop <news@shop.example>" in words.text


def test_a_message_that_needs_no_consent_has_no_way_to_leave() -> None:
    assert "Unsubscribe" not in rendered(email("Hello"), links={}).html


def test_a_value_changes_neither_markup_nor_structure() -> None:
    words = rendered(email("# {{ contact.first_name }}\n\nA {{ contact.first_name }} b"),
                     {"first_name": "<script>*x*</script> [y](http://z)\n# big"})  # fmt: skip
    assert "<script>" not in words.html
    assert "&lt;script&gt;*x*&lt;/script&gt; [y](http://z)" in words.html
    assert words.html.count("<h1") == 1
    assert "<script>*x*</script> [y](http://z)" in words.text


def test_a_value_that_looks_like_a_mark_is_shown_as_it_is() -> None:
    words = rendered(email("A {{ contact.first_name }} [b](https://x.example/{{ contact.first_name }})"),
                     {"first_name": "zq7x0x7qz"})  # fmt: skip
    assert "A zq7x0x7qz" in words.html
    assert "https://x.example/zq7x0x7qz" in words.html


@pytest.mark.parametrize("address", ["javascript:alert(1)", "java\tscript:alert(1)", "data:text/html,x", " vbscript:x"])
def test_an_address_from_an_event_leads_to_the_web_or_nowhere(address: str) -> None:
    words = rendered(email("[Look]({{ entry.url }}) **[Buy]({{ entry.url }})**"), entry={"url": address})
    assert words.html.count('href="#"') == 2
    assert "script:alert" not in words.html
    good = rendered(email("[Look]({{ entry.url }})"), entry={"url": 'https://x.example/?a=1&b="2"'})
    assert 'href="https://x.example/?a=1&amp;b=&quot;2&quot;"' in good.html


def test_an_attribute_without_quotes_takes_no_other_attribute_in() -> None:
    source = email(
        "<p class={{ entry.kind }}><a href={{ entry.url }} title='{{ entry.kind }}'>1 = {{ entry.kind }}</a></p>"
    )
    words = rendered(source, form="html", entry={"kind": "a onclick=alert(1) \"'", "url": "javascript:alert(1)"})
    quoted = "a onclick=alert(1) &quot;&#x27;"
    assert f"""<p class="{quoted}"><a href="#" title='{quoted}'>1 = {quoted}</a></p>""" in words.html
    whole = rendered(email("<a href='https://x.example/{{ entry.kind }}/{{ entry.kind }}'>{{ entry.kind }}</a>"),
                     form="html", entry={"kind": "b"})  # fmt: skip
    assert "<a href='https://x.example/b/b'>b</a>" in whole.html


def test_a_header_stays_one_line() -> None:
    words = rendered(email("Hello", subject="Hi {{ contact.first_name }}"), {"first_name": "a\r\nBcc: b@c.d\x00 e"})
    assert words.subject == "Hi a Bcc: b@c.d e"


def test_a_paragraph_that_is_a_bold_link_is_a_button() -> None:
    words = rendered(
        email("Now:\n\n**[Buy *it*](https://x.example/?a=1&b=2)**\n\nor **[later](https://x.example)** ok")
    )
    assert words.html.count('class="button"') == 1
    assert 'href="https://x.example/?a=1&amp;b=2"' in words.html
    assert "Buy it (https://x.example/?a=1&b=2)" in words.text


def test_a_missing_value_shows_nothing_takes_a_default_and_compares_to_nothing() -> None:
    source = email(
        '{{ contact.first_name|default("friend") }}|{{ contact.first_name|upper }}|{{ entry.a.b.c }}|'
        "{% if contact.points > 3 %}more{% elif contact.points < 3 %}less{% else %}unknown{% endif %}|"
        "{% if contact.first_name is none and contact.first_name == none %}none{% endif %}"
    )
    assert rendered(source).text.startswith("friend|||unknown|none")


def test_events_are_listed_newest_first_with_any_property() -> None:
    events = [Event("Product Added", NOW - 10 + at, {"items": f"shoe {at}", "price": at + 0.5}) for at in range(3)]
    source = email(
        "{% for line in events('Product Added', '7 days') %}\n- {{ line.items }} at {{ line.price|money('EUR') }}\n"
        "{% endfor %}\n\n{{ events('Product Added')|sum(attribute='price') }}, {{ count('Product Added', '7 days') }}"
    )
    words = rendered(source, events=events)
    assert "- shoe 2 at 2.50 EUR\n- shoe 1 at 1.50 EUR\n- shoe 0 at 0.50 EUR" in words.text
    assert "4.5, 3" in words.text


def test_a_text_part_of_its_own_takes_the_place_of_the_made_one() -> None:
    words = rendered(email("# Rich\n--- text ---\nPlain {{ contact.first_name }}\n"), {"first_name": "Zoé"})
    assert words.text.startswith("Plain Zoé\n\n-- \n")
    assert "Rich" in words.html
    assert "Plain" not in words.html


def test_html_goes_into_the_layout_unless_it_is_a_document() -> None:
    part = rendered(email("<p>Hello {{ contact.first_name }}</p>"), {"first_name": "A&B"}, form="html")
    assert "<p>Hello A&amp;B</p>" in part.html
    assert 'class="card"' in part.html
    whole = "<!doctype html><html><body>Hi <a href='{{ links.unsubscribe }}'>leave</a></body></html>"
    words = rendered(email(whole), form="html")
    assert "card" not in words.html
    assert f"href='{LINKS['unsubscribe']}'" in words.html
    assert words.text.count(LINKS["unsubscribe"]) == 1


def test_an_installations_own_layout_is_around_every_mail() -> None:
    leave = "<a href='{{ links.unsubscribe }}'>x</a>"
    layout = f"<html lang='{{{{ locale }}}}'><title>{{{{ subject }}}}</title>{{{{ content }}}}{leave}</html>"
    words = rendered(email("*Hello*", subject="A & B"), layout=layout)
    assert words.html.startswith("<html lang='en'><title>A &amp; B</title><p style")
    assert "<em>Hello</em>" in words.html


def test_a_text_message_of_another_channel_is_its_body() -> None:
    words = rendered(
        "Hello {{ contact.first_name }}: *now* & here", {"first_name": "<Zoé>"}, channel="sms", form="text"
    )
    assert (words.body, words.html) == ("Hello <Zoé>: *now* & here", "")
    push = rendered("---\ntitle: News\nlink: https://x.example/{{ entry.id }}\n---\nLook", entry={"id": 7},
                    channel="push", form="text")  # fmt: skip
    assert push.fields == {"title": "News", "link": "https://x.example/7"}
    assert push.body == "Look"


def test_values_in_json_are_quoted_by_where_they_stand() -> None:
    source = (
        '{"name": {{ contact.first_name }}, "said": "He \\" said {{ contact.first_name }}",'
        ' "none": {{ contact.email }}, "points": {{ contact.points }},'
        ' "tags": {{ contact.tags }}, "entry": {{ entry.properties }},'
        ' "yes": {{ entry.yes }}}'
    )
    words = rendered(
        source,
        {"first_name": 'a"\\b\n', "points": 2.5, "tags": ["x", "y"]},
        entry={"deep": {"items": [1, {"a": None}]}, "yes": True},
        channel="webhook",
        form="json",
    )
    assert json.loads(words.body) == {
        "name": 'a"\\b\n', "said": 'He " said a"\\b\n', "points": 2.5, "none": None, "tags": ["x", "y"],
        "entry": {"deep": {"items": [1, {"a": None}]}, "yes": True}, "yes": True,
    }  # fmt: skip
    with pytest.raises(MessageFault, match="not JSON"):
        rendered('{"a": }', channel="webhook", form="json")


def test_a_fault_names_no_value() -> None:
    with pytest.raises(MessageFault) as caught:
        rendered(email("{{ contact.first_name|round }}"), {"first_name": "secret"})
    assert caught.value.reason == "an error in the template (TypeError)"


# --- what is wrong with a source ----------------------------------------------------------------------------------


def test_every_mistake_is_told_with_its_place() -> None:
    body = "Hello\n\n  {{ evnt.x }} {{ links.unsubscrib }} {{ in_segment('hto') }}"
    source = f"---\nsubject: Hi {{{{ contact.frst_name }}}}\n---\n{body}"
    assert mistakes(source) == [
        "line 2, column 24: unknown attribute contact.frst_name — did you mean first_name?",
        "line 6, column 6: unknown name evnt — did you mean event?",
        "line 6, column 25: unknown name links.unsubscrib — did you mean unsubscribe?",
        "line 6, column 54: unknown segment hto — did you mean hot?",
    ]


def test_a_mistake_in_the_text_part_has_its_own_line() -> None:
    assert mistakes(email("Hello\n--- text ---\nHi\n{{ contact.nam }}"))[0].startswith("line 7, column 12:")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Hello", "the subject is missing"),
        ("---\nsubject: a", "the head is not closed"),
        ("---\nsubjet: a\n---\nb", "an e-mail has no subjet — did you mean subject?"),
        ("---\nsubject: a\nsubject: b\n---\nb", "subject stands twice"),
        ("---\nsubject: a\nHello there\n---\nb", "the head holds lines such as"),
        ("---\nsubject: a\n---\n \n", "the message is empty"),
        (email("{% include 'x' %}"), "include has no place"),
        (email("{{ contact.email.upper() }}"), "methods cannot be called"),
        (email("{% for a in events('x') %}{% for b in a.c %}{% endfor %}{% endfor %}"), "a loop in a loop"),
        (email("{% set a %}x{% endset %}"), "{% set %} takes one value"),
        (email("{{ 'a' ~ 'b' }}"), "not joined by ~"),
        (email("{{ [score, score] }}"), "a list in a message holds plain values"),
        (email("{% for e in events('x') %}" + "{{ e.a }}" * 600 + "{% endfor %}"), "the loops of this message are"),
        (email("{{ contact.email"), "not a valid template"),
        (email("{{ count('x', '7 dayz') }}"), "expected a length of time"),
        (email("{{ contact.email|uper }}"), "unknown filter uper — did you mean upper?"),
        (email("{{ content }}"), "unknown name content"),
        (email("x" * 100_001), "at most 100000 characters"),
        (email("a\x07b"), "a control character"),
    ],
)  # fmt: skip
def test_what_a_mail_may_not_be(source: str, said: str) -> None:
    assert any(said in line for line in mistakes(source)), mistakes(source)


def test_each_channel_takes_its_formats_and_wants_its_head() -> None:
    assert "sms takes messages in the format text, not html" in mistakes("Hi", "sms", "html")[0]
    assert "webhook takes messages in the format json" in mistakes("Hi", "webhook", "text")[0]
    assert "the title is missing" in mistakes("Hi", "push", "text")[0]


def test_a_layout_needs_the_content_and_a_way_to_leave() -> None:
    found = mistakes("<html>{{ content }}</html>", form="html", name="layout")
    assert found == ["line 1, column 1: {{ links.unsubscribe }} is missing: every e-mail needs it"]
    assert "{{ content }} is missing" in mistakes("<p>{{ links.unsubscribe }}</p>", form="html", name="layout")[0]
    assert "links.unsubscribe" in mistakes(email("<html>Hello</html>"), form="html")[0]
    compile_message("layout", "email", "html", layout_source(), BOOK)


# --- bounds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "{% set a = entry.text %}" + "{% set a = a|replace('a', a) %}" * 9 + "{{ a }}",
        "{% set a = count('x') + 9 %}" + "{% set a = a * a %}" * 40 + "{{ a }}",
        "{% for e in events('x') %}{{ events('x')|map(attribute='text')|join }}{% endfor %}",
        "{% set all = events('x') %}{% for e in all %}{{ all|sum(attribute='n') }}{% endfor %}",
        "{% for e in events('x') %}{{ e.text }}{% endfor %}",
        "{% for e in events('x') %}{{ count('y', '7 days') }}{{ count('z') }}{{ count('x') }}{{ last('x') }}"
        "{% endfor %}"
        "{% for e in events('x') %}{{ count('y', '7 days') }}{% endfor %}",
        "{{ 'a' * 900000000 }}",
        "{{ 9 ** 999999999 }}",
        "{{ 'aaaaaaaa'|replace('a', '" + "b" * 60_000 + "') }}",
    ],
)
def test_what_would_take_long_or_grow_large_is_stopped(body: str) -> None:
    events = [Event("x", NOW - at, {"text": "a" * 500, "n": at}) for at in range(1000, 0, -1)]
    with pytest.raises(MessageFault, match=r"too many values|too long|too large|only numbers"):
        rendered(email(body), entry={"text": "a" * 1000}, events=events)
