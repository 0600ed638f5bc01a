"""No value changes the structure of a message, whatever it holds and wherever it stands."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.test_message import email, rendered

MARKDOWN = email("""\
# {{ entry.a }}

{{ entry.a }} *{{ entry.b }}* **{{ entry.a }}{{ entry.b }}** `{{ entry.a }}`
[{{ entry.a }}](https://x.example/{{ entry.b }})

- {{ entry.a }}
- [{{ entry.b }}]({{ entry.a }} "{{ entry.b }}")

| {{ entry.a }} | b |
|---|--:|
| {{ entry.b }} | {{ entry.a }} |

> {{ entry.a }}

**[{{ entry.a }}]({{ entry.b }})**

    {{ entry.a }}

<p title="{{ entry.a }}" class='{{ entry.b }}' id={{ entry.a }}>{{ entry.b }}</p>
""")
JSON = '{"a": {{ entry.a }}, "b": "<{{ entry.b }}|{{ entry.a }}>", "{{ entry.a }}": [{{ entry.b }}, {{ entry.c }}]}'
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=40),
    st.text("<>\"'`*_[]()#|\\&;=/-!{}%~\n\r\t zq7x01hrefjavscipt:", max_size=40),
    st.sampled_from(
        ["zq7x0x7qz", "javascript:alert(1)", "](x) <b>", "--- text ---", "{{ entry.b }}", "{% raw %}", "a|b"]
    ),
)


class Shape(HTMLParser):
    """The tags of a page, and the names of their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[Any] = []
        self.addresses: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(tag)

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")


PLAIN = Shape(rendered(MARKDOWN, entry={"a": "x", "b": "y"}).html).tags


@settings(max_examples=100, deadline=None)
@given(TEXT, TEXT)
def test_a_mail_has_the_same_tags_whatever_its_values(first: str, second: str) -> None:
    words = rendered(MARKDOWN, entry={"a": first, "b": second})
    shape = Shape(words.html)
    assert shape.tags == PLAIN
    addresses = [re.sub(r"[\x00-\x20]", "", address).lower() for address in shape.addresses]
    assert not any(address.startswith(("javascript:", "data:", "vbscript:")) for address in addresses)
    assert (
        "\n" not in rendered(email("x", subject="{{ entry.a }} {{ entry.b }}"), entry={"a": first, "b": second}).subject
    )


@settings(max_examples=100, deadline=None)
@given(TEXT, TEXT, st.recursive(st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner)))
def test_json_has_the_same_shape_whatever_its_values(first: str, second: str, third: Any) -> None:
    words = rendered(JSON, entry={"a": first, "b": second, "c": third}, channel="webhook", form="json")
    read = json.loads(words.body)
    if first not in ("a", "b"):
        assert list(read) == ["a", "b", first]
        assert (read["a"], read["b"]) == (first, f"<{second}|{first}>")
        assert read[first] == [second, third]


def test_the_same_words_hold_the_values_of_each_contact_in_turn() -> None:
    words = email("[{{ entry.a }}]({{ entry.b }})\n\n<p title={{ entry.a }}>{{ entry.c }}</p>\n")
    first = rendered(words, entry={"a": "One", "b": "https://one.example/", "c": "<1>"}).html
    second = rendered(words, entry={"a": "Two", "b": "javascript:alert(1)", "c": "<2>"}).html
    assert 'href="https://one.example/"' in first
    assert 'title="One">&lt;1&gt;</p>' in first
    assert 'href="#"' in second
    assert 'title="Two">&lt;2&gt;</p>' in second
    assert "one.example" not in second


def test_an_address_that_is_none_leads_nowhere() -> None:
    words = email('<a href="{{ entry.a }}">x</a>\n')
    for address in ("https://[::1", "http://a]b/", "https://a\u2100b/", "vbscript:x", " javascript:x"):
        assert 'href="#"' in rendered(words, entry={"a": address}).html, address
    for address in ("https://a.example/?q=1", "HTTPS://a.example/", "http://[::1]/", "https://a.example/\u00e9", "/b"):
        assert f'href="{address}"' in rendered(words, entry={"a": address}).html, address
