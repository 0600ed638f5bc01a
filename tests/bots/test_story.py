"""The story that everything stands on: a visitor becomes a hot lead, and a rep claims it in chat."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import httpx
import pytest

from tests.emulators import slack as slack_emulator
from tests.emulators import telegram as telegram_emulator
from tests.emulators.http import eventually
from tests.emulators.slack import SlackEmulator
from tests.emulators.telegram import TelegramEmulator
from tests.installation import Installation

RULES = """\
attribute email: text, personal, "E-mail address"
attribute first_name: text, personal, shown in alerts
attribute country: text
team sales: slack "#hot-leads", telegram "-1001/42"
score visit: +1 on "Page Viewed" at most 5 per day
score cart: +30 on "Product Added"
score core_market: +5 while contact.country in ["FR", "BE", "CH"]
segment hot: contact.score >= 35
trigger hot_lead: on enter hot
  alert sales "{{ contact.first_name }} has {{ contact.score }} points"
"""


@pytest.mark.slow
async def test_a_visitor_becomes_a_hot_lead_and_a_rep_claims_it(tmp_path: Path) -> None:
    with SlackEmulator() as slack, TelegramEmulator() as telegram:
        channel, group = slack.add_channel("#hot-leads"), telegram.add_chat(-1001)
        topic = group.add_topic(42)
        environment = {
            "RELANCE_SLACK_BOT_TOKEN": slack_emulator.TOKEN,
            "RELANCE_SLACK_SIGNING_SECRET": slack_emulator.SIGNING_SECRET,
            "RELANCE_SLACK_API_URL": slack.api_url,
            "RELANCE_TELEGRAM_TOKEN": telegram_emulator.TOKEN,
            "RELANCE_TELEGRAM_SECRET": telegram_emulator.SECRET,
            "RELANCE_TELEGRAM_API_URL": telegram.url,
        }
        with Installation(tmp_path, **environment) as relance:
            slack.app_url, telegram.app_url = f"{relance.url}/slack", f"{relance.url}/telegram"
            relance.publish(RULES)
            relance.relance("user", "add", "Ana", "--role", "rep", "--slack", f"{slack.team}/U0ANA")
            invited = json.loads(relance.relance("user", "add", "Ben", "--role", "rep", "--json"))
            chat = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "server", "chat", env=relance.environment, stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            seen = Transcript(chat)
            await seen.expect("quit")

            await visit(relance.url, relance.source("shop"))
            in_slack = await channel.expect_card("Léa has 37 points")
            in_telegram = await topic.expect_card("Léa has 37 points")
            await seen.expect("Léa has 37 points")

            ana, ben = slack.user("U0ANA"), telegram.user(43)
            await ana.clicks(in_slack, "Claim")
            await ana.hears("You have it")
            await in_slack.expect("claimed by Ana")
            await in_telegram.expect("claimed by Ana")
            await seen.expect("claimed by Ana")
            await ben.follows(invited["link"])
            await ben.hears("Welcome, Ben")
            await ben.follows(in_telegram.links["Why?"])
            await ben.hears("Léa: 37 points")
            await ben.says(f"/claim {in_slack.alert}")
            await ben.hears("Ana already has this lead")

            await ana.says("/relance why user:7")
            why = await ana.hears("Léa: 37 points")
            for line in ("cart +30 (once)", "visit +2 (2 times)", "core_market +5"):
                assert line in why.text
            assert len(channel.messages) == 1
            assert len(group.posts) == 1
            assert chat.stdin is not None
            chat.stdin.close()
            assert await chat.wait() == 0


class Transcript:
    """What a process prints, as it prints it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self._stream = process.stdout
        self._text = ""
        self._reading = asyncio.create_task(self._read())

    async def expect(self, text: str) -> None:
        await eventually(lambda: text in self._text, lambda: f"{text!r} in {self._text!r}", 10)

    async def _read(self) -> None:
        while chunk := await self._stream.read(4096):
            self._text += chunk.decode()


async def visit(url: str, key: str) -> None:
    """Somebody looks around, signs up and fills a cart."""
    visitor, person = {"anonymousId": "browser-1"}, {"anonymousId": "browser-1", "userId": "7"}
    calls = [
        ("page", {**visitor, "name": "Home"}),
        ("page", {**visitor, "name": "Pricing"}),
        ("identify", {**person, "traits": {"firstName": "Léa", "email": "lea@shop.example", "country": "FR"}}),
        ("track", {**person, "event": "Product Added", "properties": {"price": 20}}),
    ]
    async with httpx.AsyncClient(base_url=url, auth=(key, "")) as client:
        for kind, body in calls:
            assert (await client.post(f"/v1/{kind}", json=body)).status_code == 200
