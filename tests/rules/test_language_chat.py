"""Text from a chat becomes text of the language."""

from __future__ import annotations

import pytest

from rules.syntax import normalise


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("score a: +5 on “Signed Up”", 'score a: +5 on "Signed Up"'),
        ("score a: +5 sur «Signed Up»", 'score a: +5 sur "Signed Up"'),
        ("score a: +5 sur «\u00a0Signed Up\u202f»", 'score a: +5 sur "Signed Up"'),
        ("list a: „Messe“", 'list a: "Messe"'),
        ("segment a: contact.country == ‘FR’", 'segment a: contact.country == "FR"'),
        ('list a: “the "big" one”', 'list a: "the \\"big\\" one"'),
        ('score a:\u00a0–5 on "A"', 'score a: -5 on "A"'),
        ('score a: −5 on "A – B\u00a0C “D”"', 'score a: -5 on "A – B\u00a0C “D”"'),
        ("segment a: contact.x == 'a—b'", "segment a: contact.x == 'a—b'"),
        ("list a: “x", "list a: “x"),
        ('list a: "x – y', 'list a: "x – y'),
        ("score a: +5 # don’t — “really”", "score a: +5 # don’t — “really”"),
        ("team a: slack “#hot”\r\nlist b: “x”", 'team a: slack "#hot"\nlist b: "x"'),
        ("segment a: 3 &gt; 2", "segment a: 3 &gt; 2"),
    ],
)
def test_typographic_marks_become_plain_outside_quotes(typed: str, meant: str) -> None:
    assert normalise(typed) == meant
    assert normalise(meant) == meant


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        ("segment a: contact.score &gt;= 3 &amp;&amp; 1 &lt; 2", "segment a: contact.score >= 3 && 1 < 2"),
        ('team a: slack "<#C012AB|hot-leads>"', 'team a: slack "#hot-leads"'),
        ('team a: email "<mailto:a@b.fr|a@b.fr>"', 'team a: email "a@b.fr"'),
        ('on feed "<https://a.fr/x?b=1&amp;c=2>"', 'on feed "https://a.fr/x?b=1&c=2"'),
        ('list a: "<http://a.fr|a.fr>"', 'list a: "a.fr"'),
        ('list a: "&amp;lt;"', 'list a: "&lt;"'),
        ("<@U012> list", "<@U012> list"),
    ],
)
def test_from_slack_its_escapes_are_undone(sent: str, typed: str) -> None:
    assert normalise(sent, slack=True) == typed
