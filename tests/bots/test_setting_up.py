"""What Slack and Telegram are told of an installation: the manifest, the webhook, the menus."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress

import pytest

from bots.commands import Misused, parse
from bots.telegram.menu import MENUS, menu
from tests.emulators.telegram import TOKEN, TelegramEmulator


def relance(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RELANCE_")}
    return subprocess.run(
        [sys.executable, "-m", "server", *words],
        env=kept | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_manifest_names_this_address_or_none() -> None:
    over_http = relance("slack", "manifest", RELANCE_PUBLIC_URL="https://relance.example.com")
    manifest = json.loads(over_http.stdout)
    assert manifest["features"]["slash_commands"][0]["url"] == "https://relance.example.com/slack"
    assert manifest["settings"]["interactivity"]["request_url"] == "https://relance.example.com/slack"
    assert "RELANCE_SLACK_SIGNING_SECRET" in over_http.stderr
    socket = relance("slack", "manifest", "--socket", RELANCE_LANGUAGE="fr")
    manifest = json.loads(socket.stdout)
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert "request_url" not in socket.stdout
    assert manifest["features"]["slash_commands"][0]["description"] == "Prospects et règles"
    assert "RELANCE_SLACK_APP_TOKEN" in socket.stderr
    for language, name in (("en", "Why?"), ("fr", "Pourquoi ?")):
        printed = relance("slack", "manifest", "--socket", RELANCE_LANGUAGE=language).stdout
        [shortcut] = json.loads(printed)["features"]["shortcuts"]
        assert (shortcut["name"], shortcut["type"], shortcut["callback_id"]) == (name, "message", "relance:why")
        assert len(shortcut["name"]) <= 24
        assert 0 < len(shortcut["description"]) <= 150
    refused = relance("slack", "manifest")
    assert (refused.returncode, "--socket" in refused.stderr) == (2, True)


def test_telegram_is_told_of_the_webhook_and_of_the_menus_in_both_languages() -> None:
    with TelegramEmulator() as telegram:
        known = {"RELANCE_TELEGRAM_TOKEN": TOKEN, "RELANCE_TELEGRAM_API_URL": telegram.url}
        done = relance(
            "telegram", "setup", RELANCE_TELEGRAM_SECRET="s3cret", RELANCE_PUBLIC_URL="https://relance.example.com",
            **known,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert telegram.webhook == "https://relance.example.com/telegram"
        french = {one["command"] for one in telegram.menus["all_private_chats", "fr"]}
        assert {"aide", "prospects", "pourquoi", "quisuisje"} <= french
        assert {scope for scope, _ in telegram.menus} == set(MENUS)
        assert relance("telegram", "setup", **known).returncode == 0
        assert telegram.webhook == ""


@pytest.mark.parametrize(
    ("words", "environment", "said"),
    [
        ((), {}, "set RELANCE_TELEGRAM_TOKEN"),
        (("--webhook",), {"RELANCE_TELEGRAM_TOKEN": "1:a"}, "set RELANCE_TELEGRAM_SECRET"),
        ((), {"RELANCE_TELEGRAM_TOKEN": "1:a", "RELANCE_TELEGRAM_SECRET": "x"}, "HTTPS address"),
        (("--polling",), {"RELANCE_TELEGRAM_TOKEN": "1:a", "RELANCE_TELEGRAM_SECRET": "x"}, "unset it to poll"),
    ],
)
def test_what_is_missing_is_said(words: tuple[str, ...], environment: dict[str, str], said: str) -> None:
    done = relance("telegram", "setup", *words, **environment)
    assert (done.returncode, said in done.stderr) == (2, True)


def test_a_token_that_telegram_refuses_is_one_line_that_does_not_show_it() -> None:
    with TelegramEmulator() as telegram:
        done = relance("telegram", "setup", RELANCE_TELEGRAM_TOKEN="99:wrong", RELANCE_TELEGRAM_API_URL=telegram.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "relance: telegram: Unauthorized\n"


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_command_of_a_menu_is_one(language: str) -> None:
    for scope in MENUS:
        for one in menu(scope, language):
            assert one["description"]
            with suppress(Misused):  # it wants to be told more
                parse(f"/{one['command']}")


def test_a_wrong_app_token_is_said_before_anything_starts() -> None:
    done = relance("bots", RELANCE_SLACK_APP_TOKEN="not one")
    assert (done.returncode, "RELANCE_SLACK_APP_TOKEN" in done.stderr) == (2, True)
