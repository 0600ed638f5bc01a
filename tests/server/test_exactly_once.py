"""Scenarios that wait for days while everything dies: each message arrives once, or is listed as uncertain."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from rules.contact import Consent
from rules.entry import EventReceived
from server.errors import Unavailable
from server.model.actor import SYSTEM
from server.model.consent import ConsentRecord, ConsentSheet
from server.model.outgoing import MessageDelivery
from server.services.contacts import Contacts
from server.services.messages import Messages
from server.services.outgoing import STATES
from server.services.rulebooks import Rulebooks
from server.store import keys
from server.store.faults import REDIS_FAULTS
from server.store.message_records import MessageRecords
from server.store.runs import Runs
from server.store.store import Store
from server.worker.queue import Queue
from tests.conftest import PARTITIONS, SECRET, RedisServer, start_redis
from tests.mail_server import MailServer, mail_server
from tests.shared_clock import SharedClock

ROOT = Path(__file__).parents[2]
VICTIMS = ("worker", "engine", "worker", "redis")
MESSAGES = ("first", "second", "third")
RULES = """
attribute email: text, personal
purpose newsletter: "Yes, write to me."
scenario course for newsletter: on "Signed Up"
  send email first
  wait 3 days
  send email second
  wait for "Never" up to 2 weeks
  send email third
"""


class Ordeal:
    """An installation of processes on one Redis, a mail server that behaves badly, and a clock for all."""

    def __init__(self, directory: Path, mails: MailServer, seed: int) -> None:
        self.directory = directory
        self.mails = mails
        self.chance = random.Random(seed)
        self.clock = SharedClock(directory / "clock")
        self.redis_server: RedisServer = start_redis(directory)
        self.redis: Redis = Redis.from_url(self.redis_server.url)
        self.queue = Queue.open(self.redis_server.url, self.clock)
        self.processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.kills: Counter[str] = Counter()
        self.all_signed_up = False
        self._seen: object = None
        self._since = time.monotonic()

    async def open(self) -> None:
        self.store = await Store.open(self.redis, secret=SECRET, clock=self.clock, partitions=PARTITIONS)
        rulebooks = Rulebooks(self.store)
        messages = Messages(self.store, self.clock, rulebooks, Contacts(self.store, self.clock, rulebooks))
        for name in MESSAGES:
            await messages.put(SYSTEM, name, "email", "", f"---\nsubject: {name}\n---\nHello.\n")
        await rulebooks.publish(SYSTEM, RULES, base=0)
        self.records = MessageRecords(self.redis, self.store.seal, PARTITIONS)
        for kind in ("engine", "worker", "worker"):
            self.start(kind)

    def start(self, kind: str) -> None:
        words = [kind, self.redis_server.url, str(self.directory / "clock"), self.mails.url]
        with (self.directory / "output").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.mailing_process", *words], cwd=ROOT, stdout=output, stderr=output
            )
        self.processes.append((kind, process))

    def kill(self, kind: str) -> None:
        """Kill one of a kind and start it again."""
        self.kills[kind] += 1
        if kind == "redis":
            self.redis_server.process.kill()
            self.redis_server.process.wait()
            self.redis_server.socket.unlink(missing_ok=True)
            self.redis_server = start_redis(self.directory)
            return
        at = next(at for at, (known, _) in enumerate(self.processes) if known == kind)
        _, process = self.processes.pop(at)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.start(kind)

    def close(self) -> None:
        for _, process in self.processes:
            process.kill()
            process.wait()
        self.redis_server.process.kill()
        self.redis_server.process.wait()

    # --- contacts ---

    async def sign_up(self, contact: str) -> None:
        """Somebody consents and signs up; done again after a failure, it is the same."""
        now = self.clock.now()
        record = ConsentRecord(
            id=f"r-{contact}", time=now, purpose="newsletter", action="grant", status="granted", source="test"
        )

        def grant(sheet: ConsentSheet) -> tuple[ConsentRecord, ConsentSheet] | None:
            if sheet.purposes:
                return None
            return record, ConsentSheet(purposes={"newsletter": Consent(status="granted", since=now)})

        traits = {"email": f"{contact}@example.org"}
        entry = EventReceived(name="Signed Up", time=now, received=now, message_id=f"m-{contact}", traits=traits)
        while True:
            try:
                await self.store.consents.write(contact, grant)
                await self.store.log.append([(contact, entry)])
                return
            except Unavailable:
                await asyncio.sleep(0.1)

    # --- time ---

    async def next_moment(self) -> int | None:
        """When something is to happen; now, where something is under way; None where nothing is left to do."""
        now = self.clock.now()
        if await self.store.log.lag():
            return now
        async with self.redis.pipeline(transaction=False) as pipe:
            for partition in range(PARTITIONS):
                pipe.zcard(keys.messages_sending(partition))
                pipe.zrange(keys.timers(partition), 0, 0, withscores=True)
                pipe.zrange(keys.messages_due(partition), 0, 0, withscores=True)
            answers = await pipe.execute()
        if any(answers[::3]):
            return now
        firsts = [int(first[0][1]) for at, first in enumerate(answers) if at % 3 and first]
        return max(min(firsts), now) if firsts else None

    async def play(self, mails: int, kills: int, seconds: float) -> None:
        """Kill while mails arrive, and let time pass whenever nothing is to be done now, until nothing is left to do.

        `mails` is about how many there will be.
        """
        deadline = time.monotonic() + seconds
        moments = sorted(self.chance.sample(range(1, mails), kills))
        while True:
            assert time.monotonic() < deadline, "it never came to an end"
            if moments and len(self.mails.mails) >= moments[0]:
                del moments[0]
                await asyncio.to_thread(self.kill, VICTIMS[len(moments) % len(VICTIMS)])
            try:
                moment = await self.next_moment()
                if moment is None:
                    if self.all_signed_up:
                        return
                elif moment > self.clock.now():
                    await self.jump(moment)
                elif await self._abandoned():
                    await self.jump(self.clock.now() + 60_000)  # what a killed worker had in hand is free then
            except (*REDIS_FAULTS, Unavailable):
                pass
            await asyncio.sleep(0.05)

    async def jump(self, moment: int) -> None:
        """Let it be later. Bells that are set for a moment do not know of that, so they are rung."""
        self.clock.set(moment)
        await self.queue.ring(range(PARTITIONS))

    async def _abandoned(self) -> bool:
        """Whether all that is in hand has been for longer than a mail server may take."""
        held = [await self.redis.zrange(keys.messages_sending(partition), 0, -1) for partition in range(PARTITIONS)]
        seen = held, len(self.mails.mails)
        if not any(held) or seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        return time.monotonic() - self._since > 3

    # --- what came of it ---

    async def deliveries(self) -> list[MessageDelivery]:
        found: list[MessageDelivery] = []
        cursor: str | None = None
        while True:
            some, cursor = await self.records.listing(STATES, 500, cursor)
            found += some
            if cursor is None:
                return found

    def arrived(self) -> Counter[str]:
        """How often the mail of each delivery arrived, by the delivery's id."""
        found = [re.search(rb"^Message-ID: <([^.]+)", mail.raw, re.M) for mail in self.mails.mails]
        return Counter(each[1].decode() for each in found if each)


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


def misbehave(mails: MailServer, chance: random.Random, number: int) -> None:
    """Script the answers to so many mails."""
    answers = ["451 4.3.0 later", "554 5.6.0 no", "hangs", "drops", "took, drops"]
    mails.at_data.extend(chance.choices(["", *answers], [85, 4, 3, 2, 3, 3], k=number))
    mails.at_rcpt.extend(chance.choices(["", "450 4.2.0 later", "553 5.3.0 no"], [95, 3, 2], k=number))
    mails.at_mail.extend(chance.choices(["", "421 4.3.2 closing", "451 4.3.0 later"], [97, 1, 2], k=number))


async def survive(mails: MailServer, *, runs: int, kills: int, seconds: float, seed: int) -> None:
    directory = Path(tempfile.mkdtemp(prefix="relance-", dir="/tmp"))
    ordeal = Ordeal(directory, mails, seed)
    misbehave(mails, ordeal.chance, runs * 2)
    try:
        await ordeal.open()
        contacts = [f"c{number}" for number in range(runs)]
        played = asyncio.create_task(ordeal.play(runs * 2, kills, seconds))
        for start in range(0, runs, 50):
            await asyncio.gather(*(ordeal.sign_up(contact) for contact in contacts[start : start + 50]))
        ordeal.all_signed_up = True
        await played
        await check(ordeal, contacts)
    finally:
        ordeal.close()
        await ordeal.queue.close()
        await ordeal.redis.aclose()
        shutil.rmtree(directory, ignore_errors=True)


async def check(ordeal: Ordeal, contacts: list[str]) -> None:
    """Each message of each run: arrived once, or refused by the server, or listed as unknown; no run is left."""
    deliveries, arrived = await ordeal.deliveries(), ordeal.arrived()
    assert set(arrived.values()) <= {1}, "a mail arrived twice"
    assert set(arrived) <= {delivery.id for delivery in deliveries}
    sent = Counter((delivery.contact, delivery.message) for delivery in deliveries)
    assert sent == Counter((contact, name) for contact in contacts for name in MESSAGES)
    for delivery in deliveries:
        match delivery.state:
            case "sent":
                assert arrived[delivery.id] == 1
            case "failed":
                assert arrived[delivery.id] == 0
                assert delivery.reason.startswith("the mail server said 5")
            case state:
                assert state == "unknown"
    states = Counter(delivery.state for delivery in deliveries)
    assert states["sent"] > len(deliveries) * 0.6, states
    found = await ordeal.store.contacts.load_many(contacts)
    for contact in found:
        assert contact is not None
        assert contact.runs == []
        told = Counter(event.properties["delivery"] for event in contact.tail if event.name == "Email Sent")
        assert told == Counter(d.id for d in deliveries if d.contact == contact.id and d.state == "sent")
    counts = (await Runs(ordeal.redis, PARTITIONS).counts())["course"]
    assert (counts.started, counts.finished, counts.waiting) == (len(contacts), len(contacts), 0)
    assert min(ordeal.kills[victim] for victim in VICTIMS) > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_each_message_of_a_thousand_runs_arrives_once_or_is_unknown(mails: MailServer) -> None:
    await survive(mails, runs=1000, kills=9, seconds=800, seed=5)


@pytest.mark.soak
@pytest.mark.timeout(7200)
async def test_each_message_of_ten_thousand_runs_arrives_once_or_is_unknown(mails: MailServer) -> None:
    await survive(mails, runs=10_000, kills=150, seconds=7000, seed=6)
