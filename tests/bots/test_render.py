"""Replies of every size and content keep each platform's limits and lose nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.cards import card_reply
from bots.replies import Button, Field, Item, Pages, Reply, Table
from bots.slack.render import render as render_slack
from bots.slack.text import escape, unescape
from bots.telegram.render import render as render_telegram
from bots.telegram.render import toast
from bots.terminal.render import render as render_terminal
from server.i18n import translator
from server.model.card import Card, CardReason, CardRow
from tests.emulators.block_kit import characters, check_blocks, texts
from tests.emulators.telegram import checked, visible

text = st.text(st.characters(codec="utf-8", exclude_characters="`"), max_size=400)
shown = st.text("abc &<>*_~\"'é𝕏", min_size=1, max_size=400).filter(str.strip)
button = st.builds(Button, shown, shown, st.sampled_from(["plain", "primary", "danger"]))
buttons = st.lists(button, max_size=3).map(tuple)
item = st.builds(Item, title=shown, lines=st.lists(text, max_size=3).map(tuple), buttons=buttons)
replies = st.builds(
    Reply,
    title=text,
    lines=st.lists(st.one_of(text, st.just("&" * 5000))).map(tuple),
    fields=st.lists(st.builds(Field, shown, text), max_size=30).map(tuple),
    table=st.none() | st.just(Table(columns=("name", "number"), rows=(("x" * 500, "1"), ("&", "2")))),
    items=st.lists(item, max_size=60).map(tuple),
    code=text,
    footer=text,
    buttons=st.lists(button, max_size=30).map(tuple),
    pages=st.none() | st.builds(Pages, number=st.just(2), previous=button, next=st.none() | button),
)


@settings(max_examples=60, deadline=None)
@given(replies)
def test_slack_takes_every_reply(reply: Reply) -> None:
    for message in render_slack(reply):
        check_blocks(message.blocks)
        assert characters(message.blocks) <= 13_000
        assert len(message.text) <= 3000


@settings(max_examples=60, deadline=None)
@given(replies)
def test_telegram_takes_every_reply(reply: Reply) -> None:
    for message in render_telegram(reply):
        checked(message.text, message.keyboard)
    assert len(toast(reply).encode("utf-16-le")) // 2 <= 200


@settings(max_examples=60, deadline=None)
@given(replies)
def test_a_terminal_shows_every_reply_without_control_characters(reply: Reply) -> None:
    assert all(letter.isprintable() or letter == "\n" for letter in render_terminal(reply))


def test_nothing_is_lost_where_a_reply_becomes_several_messages() -> None:
    code = "\n".join(f"segment s{number}: contact.score >= {number} and contact.x < 3" for number in range(900))
    reply = Reply(title="Rulebook", lines=tuple(f"line {number} <&>" for number in range(800)), code=code)
    slack = "\n".join("\n".join(texts(message.blocks)) for message in render_slack(reply))
    telegram = "\n".join(visible(checked(message.text, message.keyboard)) for message in render_telegram(reply))
    for number in range(900):
        assert f"segment s{number}: contact.score &gt;= {number} and" in slack
        assert f"segment s{number}: contact.score >= {number} and" in telegram
    for number in range(800):
        assert f"line {number} &lt;&amp;&gt;" in slack
        assert f"line {number} <&>" in telegram


def test_a_command_too_long_for_a_telegram_button_is_written_out() -> None:
    segment = "a" * 80
    reply = Reply(title="x", pages=Pages(number=1, next=Button("Next →", f"leads {segment} 2")))
    [message] = render_telegram(reply)
    assert message.keyboard == ()
    assert f"<code>/leads {segment} 2</code>" in message.text


def test_keys_of_several_items_bear_the_items_numbers_in_telegram() -> None:
    claim, why = Button("Claim", "claim A"), Button("Why?", "why u1")
    ranked = Reply(items=(Item(title="Léa", number=11, buttons=(why,)), Item(title="Zoé", number=12, buttons=(why,))))
    plain = Reply(
        items=(Item(title="Léa", buttons=(claim, why)), Item(title="more"), Item(title="Zoé", buttons=(why,)))
    )
    labels = [[key.label for row in render_telegram(reply)[0].keyboard for key in row] for reply in (ranked, plain)]
    assert labels == [["11. Why?", "12. Why?"], ["1. Claim", "1. Why?", "2. Why?"]]
    assert "<b>1. Léa</b>" in render_telegram(plain)[0].text
    assert "<b>more</b>" in render_telegram(plain)[0].text
    assert "*11. Léa*" in str(render_slack(ranked)[0].blocks)
    assert "*Léa*" in str(render_slack(plain)[0].blocks)  # there a button stands beside its item
    assert "12. Zoé" in render_terminal(ranked)


def test_a_field_in_telegram_has_its_label_in_bold_and_is_one_part_where_it_fits() -> None:
    [message] = render_telegram(Reply(fields=(Field("Status", "open"), Field("Due", ""))))
    assert message.text.strip() == "<b>Status</b> open\n<b>Due</b> —"
    assert len(render_telegram(Reply(fields=(Field("x" * 4000, "y" * 4000),)))) == 2


def test_a_fence_in_a_text_does_not_end_the_code_block() -> None:
    [message] = render_slack(Reply(code='score x: +1 on "```"\n@channel'))
    [block] = message.blocks
    assert block["text"]["text"].count("```") == 2


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("why <mailto:a@b.fr|a@b.fr>", "why a@b.fr"),
        ("why <mailto:a@b.fr>", "why a@b.fr"),
        ("leads <#C123|hot>", "leads #hot"),
        ("x <https://shop.example/?a=1&amp;b=2|shop.example> y", "x shop.example y"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
        ("&amp;lt;", "&lt;"),
    ],
)
def test_what_slack_wrote_around_a_text_is_taken_off(typed: str, meant: str) -> None:
    assert unescape(typed) == meant


@given(st.text())
def test_what_is_escaped_for_slack_reads_as_it_was(said: str) -> None:
    assert escape(said).count("<") == 0
    assert "<!channel>" not in escape(said + "<!channel>")


CARDS = (
    Card(
        alert="7K2Q", contact="u1kjpwd7k8q0cxtacd", who="&" * 500, text="& <long> " * 500, trigger="t" * 60,
        version=12345, team="sales", score=123456.7, count=12,
        reasons=(CardReason("r" * 60, 100, 99, "w" * 300),) * 3, status="open",
        outcome="o" * 500, company="c" * 500, gained=12, there="14:05 America/Argentina/Buenos_Aires",
        also=("m" * 60,) * 3, due=1, until=1, created=1, last_seen=1, claim_by=1, otherwise="o" * 60,
    ),
    Card(
        alert="~0123456789abcdef", contact="", who="& <long> " * 500, text="", trigger="d" * 60, version=12345,
        team="sales", score=0, kind="digest", count=1000,
        rows=tuple(CardRow(f"u1kjpwd7k8q0cxt{number:03}", "& 𝕏 " * 100, 123456.7) for number in range(30)),
    ),
    Card(
        alert="~1", contact="", who="", text="09:00 – 10:00", trigger="", version=0, team="", score=0, kind="held",
        count=9940,
    ),
)  # fmt: skip


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.kind)
def test_a_card_is_one_message_with_its_buttons_however_full_it_is(card: Card, language: str) -> None:
    reply = card_reply(card, translator(language), repeated=True)
    [in_slack] = render_slack(reply)
    check_blocks(in_slack.blocks)
    assert characters(in_slack.blocks) <= 13_000
    [in_telegram] = render_telegram(reply)
    checked(in_telegram.text, in_telegram.keyboard)
    assert in_telegram.keyboard
