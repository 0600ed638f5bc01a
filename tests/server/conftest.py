"""The application on a real Redis, without an engine unless a test starts one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from litestar import Litestar

from rules.entry import Entry
from server.api.protocol import Protocol
from server.app import create_app
from server.services.alerts import Alerts
from server.services.broadcasts import Broadcasts
from server.services.consents import Consents
from server.services.contacts import Contacts
from server.services.devices import Devices
from server.services.ingest import Ingest
from server.services.joining import Joining
from server.services.links import Links
from server.services.mail_reports import MailReports
from server.services.messages import Messages
from server.services.outgoing import Outgoing
from server.services.people import People
from server.services.previews import Previews
from server.services.rates import Rates
from server.services.rejected import Rejected
from server.services.rulebooks import Rulebooks
from server.services.runs import Runs
from server.services.segments import Lists, Segments
from server.services.site_inbox import SiteInbox
from server.services.sources import Sources
from server.services.status import Status
from server.services.suppressions import Suppressions
from server.services.tracking import Tracking
from server.services.unsubscribing import Unsubscribing
from server.services.visitors import Visitors
from server.store import keys
from server.store.buckets import Buckets
from server.store.log import id_order
from server.store.store import Store
from tests.clock import FakeClock


@dataclass
class ServerServices:
    """The services that the routes call, as `create_app` takes them."""

    store: Store
    clock: FakeClock

    def __post_init__(self) -> None:
        self.rulebooks = Rulebooks(self.store)
        self.previews = Previews(self.store, self.clock, self.rulebooks)
        self.consents = Consents(self.store, self.clock, self.rulebooks)
        self.joining = Joining(self.store, self.clock, self.consents)
        self.sources = Sources(self.store, self.clock)
        self.contacts = Contacts(self.store, self.clock, self.rulebooks)
        self.messages = Messages(self.store, self.clock, self.rulebooks, self.contacts, url="http://relance.test")
        self.people = People(self.store, self.clock)
        self.segments = Segments(self.store, self.rulebooks)
        self.lists = Lists(self.store, self.rulebooks)
        self.alerts = Alerts(self.store, self.clock, self.rulebooks, self.contacts)
        self.status = Status(self.store, self.clock)
        self.ingest = Ingest(self.store, self.clock, self.joining, Rates(Buckets(self.store.redis), self.clock))
        self.rejected = Rejected(self.store, self.ingest)
        self.links = Links(self.store.seal, self.clock, "http://relance.test")
        self.tracking = Tracking(self.store, self.clock, self.links)
        self.suppressions = Suppressions(self.store, self.clock)
        self.mail_reports = MailReports(self.store, self.clock, self.links, self.suppressions)
        self.visitors = Visitors(self.store, self.links, self.joining)
        self.unsubscribing = Unsubscribing(
            self.store, self.clock, self.rulebooks, self.consents, self.links, language="en"
        )
        self.broadcasts = Broadcasts(self.store, self.clock)
        self.devices = Devices(self.store, self.clock)
        self.site_inbox = SiteInbox(self.store, self.clock, self.contacts)
        self.outgoing = Outgoing(self.store, self.clock, self.contacts)
        self.runs = Runs(self.store, self.rulebooks, self.contacts)

    async def logged(self) -> list[tuple[str, Entry]]:
        """All entries of all logs, with their contacts, in the order in which they were appended."""
        found = []
        for partition in range(self.store.partitions):
            for place, fields in await self.store.redis.xrange(keys.log(partition)):
                entry = self.store.seal.decode("log", fields[b"e"], Entry)
                found.append((id_order(place), partition, fields[b"c"].decode(), entry))
        return [(contact, entry) for _, _, contact, entry in sorted(found, key=lambda each: each[:2])]


@pytest.fixture
async def services(store: Store, clock: FakeClock) -> ServerServices:
    return ServerServices(store, clock)


@pytest.fixture
async def socket_url(services: ServerServices) -> AsyncIterator[str]:
    """The application behind a real uvicorn on a free port of this machine; bodies may take half a second."""
    config = uvicorn.Config(
        create_app(services, body_seconds=0.5),
        host="127.0.0.1",
        port=0,
        http=Protocol,
        log_config=None,
        lifespan="off",
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await running


@pytest.fixture
def app(services: ServerServices) -> Litestar:
    return create_app(services)


@pytest.fixture
async def api(services: ServerServices, app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, signed in with the write key of the server source `shop`."""
    write_key = await services.sources.add("shop")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://relance.test", auth=(write_key, "")) as client:
        yield client
