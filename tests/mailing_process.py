"""An engine or a worker that sends e-mail, as a process to be killed, on a clock that a test moves:
`python -m tests.mailing_process engine|worker REDIS CLOCK SMTP`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from server.bootstrap import open_redis
from server.channels.email import EmailChannel, Envelope
from server.channels.mail_address import mailbox
from server.channels.relay import read_relay
from server.channels.smtp import Mailer
from server.engine.main import run_engine
from server.errors import Unavailable
from server.services.alerts import Alerts
from server.services.contacts import Contacts
from server.services.deliveries import Deliveries
from server.services.links import Links
from server.services.messages import Messages
from server.services.people import People
from server.services.rulebooks import Rulebooks
from server.services.sending import Rate, Sending
from server.services.suppressions import Suppressions
from server.store.store import Store
from server.worker.queue import Queue
from server.worker.worker import Worker
from tests.conftest import PARTITIONS, SECRET
from tests.shared_clock import SharedClock

URL = "https://relance.example"


async def main(what: str, url: str, clock_file: str, smtp: str) -> None:
    clock, stop = SharedClock(Path(clock_file)), asyncio.Event()
    redis, queue = open_redis(url), Queue.open(url, clock)
    while True:
        try:
            store = await Store.open(redis, secret=SECRET, clock=clock, partitions=PARTITIONS)
            break
        except Unavailable:
            await asyncio.sleep(0.1)
    rulebooks = Rulebooks(store)
    if what == "engine":
        await run_engine(store, rulebooks, queue, clock, stop=stop)
        return
    contacts, links = Contacts(store, clock, rulebooks), Links(store.seal, clock, URL)
    messages = Messages(store, clock, rulebooks, contacts, url=URL)
    mailer = Mailer(read_relay(smtp), connections=8, seconds=5, patience=1)
    email = EmailChannel(mailer, links, clock, Envelope(mailbox("news@shop.example")))
    sending = Sending(
        store, clock, rulebooks, messages, Suppressions(store, clock), links,
        {"email": email}, own=People(store, clock), rates={"email": Rate(at_once=8)},
    )  # fmt: skip
    deliveries = Deliveries(store, clock, Alerts(store, clock, rulebooks, contacts), {})
    await Worker(queue, deliveries, sending).serve(stop)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
