"""SIGKILL of any process at any moment: what was acknowledged is there, once, and every alert reaches chat."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.emulators.slack import SlackEmulator
from tests.installation import Installation

RULES = """
team sales: slack "#hot-leads"
score visit: +10 on "Page Viewed"
score cart: +15 on "Product Added"
segment warm: contact.score >= 60
trigger warm_lead: on enter warm
  alert sales "{{ contact.score }} points"
"""
CONTACTS = 60
POINTS = {"Page Viewed": 10, "Product Added": 15}
VICTIMS = ("server", "engine", "worker", "redis")


class Load:
    """A site that sends events and, without an answer of 200, sends them again; it notes what was acknowledged."""

    def __init__(self, url: str, write_key: str, seed: int) -> None:
        self._client = httpx.AsyncClient(base_url=url, auth=(write_key, ""), timeout=10)
        self._random = random.Random(seed)
        self._number = 0
        self.acknowledged: dict[str, Counter[str]] = {}
        self.stop = asyncio.Event()

    async def run(self) -> None:
        async with self._client, asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(self._sender())

    async def _sender(self) -> None:
        while not self.stop.is_set():
            events = [self._event() for _ in range(self._random.randint(1, 20))]
            while not await self._sent(events):
                await asyncio.sleep(0.05)
            for event in events:
                self.acknowledged.setdefault(str(event["userId"]), Counter())[str(event["event"])] += 1
            await asyncio.sleep(self._random.random() / 20)

    def _event(self) -> dict[str, str]:
        self._number += 1
        user = f"user-{self._random.randrange(CONTACTS)}"
        name = self._random.choice(list(POINTS))
        return {"type": "track", "userId": user, "event": name, "messageId": f"m{self._number}"}

    async def _sent(self, events: list[dict[str, str]]) -> bool:
        try:
            answer = await self._client.post("/v1/batch", json={"batch": events})
        except httpx.HTTPError:
            return False
        if answer.status_code == 200:
            assert not answer.json().get("rejected")
            return True
        assert answer.status_code in (429, 500, 502, 503), answer.text
        assert answer.status_code != 500, answer.text
        return False


async def play(installation: Installation, write_key: str, rounds: int, seed: int) -> Load:
    """Send under kills; return what was sent once everything has taken effect."""
    chance = random.Random(seed)
    load = Load(installation.url, write_key, seed)
    sending = asyncio.create_task(load.run())
    await asyncio.sleep(0.5)
    for turn in range(rounds):
        victim = VICTIMS[turn % len(VICTIMS)]
        while not await asyncio.to_thread(installation.signal, victim, signal.SIGKILL):
            await asyncio.sleep(0.1)
        await asyncio.sleep(chance.uniform(0.2, 2.5))
        if chance.random() < 0.3:
            await asyncio.to_thread(installation.signal, chance.choice(VICTIMS), signal.SIGKILL)
        await asyncio.to_thread(installation.wait_ready, 60)
        await asyncio.sleep(chance.uniform(0, 0.5))
    load.stop.set()
    await asyncio.wait_for(sending, 60)
    await asyncio.to_thread(installation.wait_quiet, 60)
    return load


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_killing_any_process_loses_and_doubles_nothing(tmp_path: Path) -> None:
    await survive(tmp_path, rounds=10, seed=7)


@pytest.mark.soak
@pytest.mark.timeout(7200)
async def test_killing_a_hundred_times_loses_and_doubles_nothing(tmp_path: Path) -> None:
    await survive(tmp_path, rounds=100, seed=11)


async def survive(directory: Path, *, rounds: int, seed: int) -> None:
    """Load and kill an installation, then look at every contact and every card."""
    with SlackEmulator() as slack:
        slack.add_channel("#hot-leads")
        environment = {
            "RELANCE_SLACK_BOT_TOKEN": slack.token,
            "RELANCE_SLACK_SIGNING_SECRET": slack.signing_secret,
            "RELANCE_SLACK_API_URL": slack.api_url,
        }
        with Installation(directory, **environment) as installation:
            installation.publish(RULES)
            write_key, api_key = installation.source("shop"), installation.key("test")
            load = await play(installation, write_key, rounds, seed)
            hot = await check_contacts(installation, api_key, load)
            assert len(hot) > CONTACTS / 2, "the load was long enough to say something"
            await check_cards(slack, installation, api_key, hot)


async def check_contacts(installation: Installation, api_key: str, load: Load) -> set[str]:
    """Every contact has each acknowledged event once; return the ids of those who should have raised an alert."""
    hot: set[str] = set()
    async with httpx.AsyncClient(base_url=installation.url, headers={"Authorization": f"Bearer {api_key}"}) as api:
        for user, counts in load.acknowledged.items():
            contact = (await api.get(f"/v1/contacts/user:{user}")).json()
            names: Counter[str] = Counter()
            cursor = ""
            while cursor is not None:
                path = f"/v1/contacts/user:{user}/timeline?limit=200" + (f"&cursor={cursor}" if cursor else "")
                page = (await api.get(path)).json()
                names.update(entry["name"] for entry in page["entries"] if entry["kind"] == "event")
                cursor = page["next"]
            expected = sum(POINTS[name] * number for name, number in counts.items())
            if counts.total() <= 1000:
                assert names == counts, user
            assert contact["score"] == expected, user
            if expected >= 60:
                hot.add(contact["id"])
                assert contact["segments"] == ["warm"], user
    return hot


async def check_cards(slack: SlackEmulator, installation: Installation, api_key: str, hot: set[str]) -> None:
    """Every alert has its card; a second copy says that it is one."""
    async with httpx.AsyncClient(base_url=installation.url, headers={"Authorization": f"Bearer {api_key}"}) as api:
        alerts: list[dict[str, str]] = []
        cursor = ""
        while cursor is not None:
            page = (await api.get("/v1/alerts?limit=100" + (f"&cursor={cursor}" if cursor else ""))).json()
            alerts += page["alerts"]
            cursor = page["next"]
    assert {alert["contact"] for alert in alerts} == hot
    assert len(alerts) == len(hot), "one open alert a contact and trigger"
    wanted = {alert["id"] for alert in alerts}
    for _ in range(900):
        if wanted <= {card.alert for card in slack.channel("#hot-leads").cards()}:
            break
        await asyncio.sleep(0.1)
    copies: Counter[str] = Counter()
    for card in slack.channel("#hot-leads").cards():
        copies[card.alert] += 1
        assert copies[card.alert] == 1 or "repeated" in card.text, f"alert {card.alert} came twice unmarked"
    assert set(copies) == wanted
