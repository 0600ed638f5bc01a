"""The pictures of the README and the guides: their story plays, and all that the bots say in it can be drawn."""

from __future__ import annotations

import html
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from bots.replies import Reply
from bots.slack.render import render as render_slack
from bots.telegram.render import render as render_telegram
from tests.bots.test_render import replies
from tests.chromium import chromium
from tests.emulators.block_kit import texts
from tests.emulators.telegram import Chat, Post, checked, visible
from tests.screens import slack, telegram
from tests.screens.camera import taken
from tests.screens.page import WIDTHS
from tests.screens.shop import BOOKS, opened
from tests.screens.shown import SCREENS, named
from tests.screens.slack import Undrawn
from tests.screens.story import NAMES, Screen, play

EVERY = {
    Screen(name, manner, "").file(language)  # type: ignore[arg-type]
    for name in NAMES
    for manner in ("slack", "telegram")
    for language in BOOKS
}


def letters(text: str) -> str:
    """What is left of a text without marks and spaces."""
    return re.sub(r"[\s*_~`]", "", text)


def seen(drawing: str) -> str:
    """The letters that a reader of a drawing sees."""
    return letters(html.unescape(re.sub(r"<[^<>]*>", "", drawing)))


@pytest.mark.slow
@pytest.mark.parametrize("language", BOOKS)
async def test_the_story_plays_and_each_of_its_screens_is_drawn(language: str) -> None:
    async with opened(language) as shop:
        screens = await play(shop)
        forms = shop.slack.views.forms.values()
    assert {screen.file(language) for screen in screens} == {
        name for name in EVERY if ("-fr." in name) == (language == "fr")
    }
    drawn = {(screen.manner, screen.name): seen(screen.body) for screen in screens}
    for manner in ("slack", "telegram"):
        assert "Léa·MaisonVerdier" in drawn[manner, "cards"]
        for name in ("help", "top", "why", "timeline", "contact", "home", "dismiss"):
            assert ("Léa" in drawn[manner, name]) is (name != "help")
        assert "contact.contry" in drawn[manner, "rule"]
    [error] = [text for form in forms for text in form.errors.values()]
    assert letters(error) in drawn["slack", "rule"]


@settings(max_examples=60, deadline=None)
@given(replies)
def test_nothing_that_a_bot_says_is_left_out_of_a_drawing(reply: Reply) -> None:
    for message in render_slack(reply):
        drawing = seen(slack.message(message.payload, "14:05"))
        for text in texts(message.blocks):
            assert letters(html.unescape(text)) in drawing
    for number, sent in enumerate(render_telegram(reply)):
        content = checked(sent.text, sent.keyboard)
        drawing = seen(telegram.post(Post(Chat(1, "private"), number, *content), "14:05"))
        for line in visible(content).splitlines():
            assert letters(line) in drawing


BUTTON = {"type": "button", "text": {"type": "plain_text", "text": "Why?"}, "action_id": "x"}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "image_url": "https://shop.example/x.png", "alt_text": "x"},
        {"type": "divider", "text": {"type": "plain_text", "text": "unseen"}},
        {"type": "section", "text": {"type": "html", "text": "<b>"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "<!channel> look"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "accessory": {"type": "datepicker"}},
        {"type": "actions", "elements": [BUTTON | {"style": "loud"}]},
        {"type": "actions", "elements": [BUTTON | {"confirm": {}}]},
        {"type": "context", "elements": [{"type": "image"}]},
    ],
)
def test_a_block_for_which_there_is_no_drawing_is_told(block: dict[str, Any]) -> None:
    with pytest.raises(Undrawn):
        slack.blocks([block])


@pytest.mark.parametrize(
    ("text", "button"),
    [
        ('<a href="javascript:x">x</a>', {"text": "x", "callback_data": "y"}),
        ("x", {"text": "x", "web_app": {}}),
        ("x", {"text": "x", "callback_data": "y", "icon": "z"}),
    ],
)
def test_a_message_for_which_there_is_no_drawing_is_told(text: str, button: dict[str, Any]) -> None:
    with pytest.raises(Undrawn):
        telegram.post(Post(Chat(1, "private"), 1, text, [[button]]), "14:05")


def test_what_leads_out_of_a_chat_is_marked() -> None:
    leads = telegram.post(Post(Chat(1, "private"), 1, "x", [[{"text": "Why?", "url": "https://t.me/x"}]]), "14:05")
    assert "Why?<i>↗</i>" in leads
    assert "Why? ↗" in slack.blocks([{"type": "actions", "elements": [BUTTON | {"url": "https://shop.example"}]}])


def test_marks_of_slack_are_drawn_where_slack_reads_them_as_marks() -> None:
    def drawn(text: str) -> str:
        return slack.blocks([{"type": "section", "text": {"type": "mrkdwn", "text": text}}])

    assert "<b>bold _x_</b>" not in drawn("*bold _x_*")  # one mark within another is one, too
    assert "<b>bold <i>x</i></b>" in drawn("*bold _x_*")
    assert "hot_lead and core_market" in drawn("hot_lead and core_market")
    assert "<code>*not bold*</code>" in drawn("`*not bold*`")
    assert "<pre>a &lt; b\n*c*</pre>" in drawn("```\na &lt; b\n*c*\n```")
    assert "2 * 3 * 4" in drawn("2 * 3 * 4")
    assert "<u>the shop</u>" in drawn("<https://shop.example|the shop>")


@pytest.mark.slow
async def test_a_picture_is_as_wide_as_the_window_and_shows_something(tmp_path: Path) -> None:
    body = slack.channel("#hot-leads", [slack.typed("/relance help")])
    async with chromium(tmp_path / "profile") as browser:
        picture = await taken(browser, Screen("help", "slack", body), tmp_path)
    kind, width, height = picture[12:16], *struct.unpack(">II", picture[16:24])
    assert (picture[:8], kind, width) == (b"\x89PNG\r\n\x1a\n", b"IHDR", 2 * WIDTHS["slack"])
    assert 100 < height < 600
    colours = struct.unpack(">I", picture[33:37])[0] // 3
    assert colours > 8, "letters have edges"


def test_each_picture_that_is_shown_is_there_and_each_that_is_there_is_shown() -> None:
    assert named() <= EVERY
    assert {path.name for path in SCREENS.iterdir()} == named(), "run `make screens`"


def test_each_screen_is_shown_in_both_manners_and_some_in_french() -> None:
    assert {name for name in EVERY if "-fr." not in name} <= named()
    assert any("-fr." in name for name in named())


def test_pictures_are_small_and_have_words_for_those_who_do_not_see_them() -> None:
    sizes = {path.name: path.stat().st_size for path in SCREENS.iterdir()}
    assert max(sizes.values()) < 200_000
    assert sum(sizes.values()) < 1_500_000
    pages = (SCREENS.parents[1] / "README.md", SCREENS.parent / "chat.md")
    for page in pages:
        shown = re.findall(r"!\[([^\]]*)\]\([^)]*screens/[^)]*\)", page.read_text())
        assert shown, page
        assert all(len(words) > 20 for words in shown), page
