"""The composition root: opens Redis, builds the services, wires bots and channels, and puts each process together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog
from redis.asyncio import Redis

from bots.mail import MailCards
from server.channels.absent import Absent
from server.channels.gateway import Gateway
from server.channels.terminal import TerminalChannel
from server.data_dir import secret_key, socket_path, socket_url
from server.errors import RelanceError, Unavailable
from server.message_channels import message_channels, rates
from server.ports import CardChannel, Clock, MessageChannel, SystemClock
from server.services.alerts import Alerts
from server.services.broadcasts import Broadcasts
from server.services.consents import Consents
from server.services.contacts import Contacts
from server.services.deliveries import Deliveries
from server.services.devices import Devices
from server.services.digests import Digests
from server.services.drafts import Drafts
from server.services.exports import Exports
from server.services.finding import Finding
from server.services.holding import Holding
from server.services.imports import Imports
from server.services.ingest import Ingest
from server.services.joining import Joining
from server.services.links import Links
from server.services.mail_reports import MailReports
from server.services.messages import Messages
from server.services.outgoing import Outgoing
from server.services.pauses import Pauses
from server.services.people import People
from server.services.previews import Previews
from server.services.prints import Prints
from server.services.rates import Rates
from server.services.rejected import Rejected
from server.services.reminders import Reminders
from server.services.responses import Responses
from server.services.rulebooks import Rulebooks
from server.services.runs import Runs
from server.services.segments import Lists, Segments
from server.services.sending import Rate, Sending
from server.services.site_inbox import SiteInbox
from server.services.sources import Sources
from server.services.status import HasState, Status
from server.services.submissions import Submissions
from server.services.suppressions import Suppressions
from server.services.tasks import Tasks
from server.services.tracking import Tracking
from server.services.unsubscribing import Unsubscribing
from server.services.visitors import Visitors
from server.services.webhooks import Webhooks
from server.settings import Settings
from server.store.buckets import Buckets
from server.store.inbox import Inbox
from server.store.store import Store
from server.store.terminal import TerminalFeed
from server.worker.queue import Queue

if TYPE_CHECKING:
    from server.mail import Mail

__all__ = ["Bot", "NotRunning", "Relance", "Services", "build_services", "open_redis", "open_relance", "redis_url"]

log = structlog.get_logger(__name__)

_SAY_EVERY = 5  # seconds between two words about a Redis that does not answer yet
_ANSWER_SECONDS = 10  # longer than any blocking read; a Redis that is silent for longer counts as out of reach


class Bot(CardChannel, HasState, Protocol):
    """A chat platform: takes its requests in and shows cards there."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def dispatch(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]: ...


class NotRunning(RelanceError):
    """There is no Redis to work on: nothing runs here and the settings name none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """Every operation of the product, by what it is about."""

    ingest: Ingest
    exports: Exports
    imports: Imports
    contacts: Contacts
    consents: Consents
    rulebooks: Rulebooks
    previews: Previews
    prints: Prints
    drafts: Drafts
    submissions: Submissions
    pauses: Pauses
    segments: Segments
    lists: Lists
    alerts: Alerts
    deliveries: Deliveries
    devices: Devices
    digests: Digests
    holding: Holding
    messages: Messages
    outgoing: Outgoing
    sending: Sending
    people: People
    site_inbox: SiteInbox
    sources: Sources
    status: Status
    rejected: Rejected
    links: Links
    suppressions: Suppressions
    tracking: Tracking
    unsubscribing: Unsubscribing
    visitors: Visitors
    webhooks: Webhooks
    mail_reports: MailReports
    broadcasts: Broadcasts
    runs: Runs
    finding: Finding
    reminders: Reminders
    responses: Responses
    tasks: Tasks
    timezone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Relance:
    """One process's view of an installation: what it was told, what it opened, what it can do."""

    settings: Settings
    clock: Clock
    store: Store
    queue: Queue
    feed: TerminalFeed
    services: Services
    bots: Mapping[str, Bot]


def redis_url(settings: Settings, *, wait: bool = False) -> str:
    """Where the data are: the Redis that the settings name, else the embedded one.

    Raises NotRunning where that does not run, unless it is to be waited for.
    """
    if settings.redis_url:
        return settings.redis_url
    if not wait and not socket_path(settings.data_dir).exists():
        raise NotRunning(
            f"Relance does not run on {settings.data_dir}: start it with `relance run`, or set RELANCE_REDIS_URL",
            code="not_running",
        )
    return socket_url(settings.data_dir)


def open_redis(url: str) -> Redis:
    """A client that answers in bytes and never repeats a command by itself; it connects when it is first used."""
    return Redis.from_url(url, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=5)


@asynccontextmanager
async def open_relance(
    settings: Settings,
    *,
    clock: Clock | None = None,
    chat: bool = False,
    patience: float = 0,
    stop: asyncio.Event | None = None,
) -> AsyncIterator[Relance]:
    """Open the installation that the settings describe; close what was opened at the end.

    With `chat` the bots of Slack and Telegram are made, not started, and cards can be delivered. `patience` is for
    how many seconds a Redis that starts is waited for, unless `stop` is set meanwhile. Raises DataDirError, NotRunning,
    `SealError` (another secret key), `Unavailable`.
    """
    clock = clock or SystemClock()
    url = redis_url(settings, wait=patience > 0)
    redis = open_redis(url)
    queue = Queue.open(settings.queue_redis_url or url)
    bots: dict[str, Bot] = {}
    post: Mail | None = None
    gateways: list[Gateway] = []
    try:
        store = await _open_store(redis, settings, clock, patience, stop)
        feed = TerminalFeed(store.redis, store.seal)
        channels: dict[str, CardChannel] = {}
        mail: dict[str, MessageChannel] = {}
        services = build_services(
            store, clock, settings.timezone, channels, bots if chat else None, mail,
            public_url=settings.url, language=settings.language, sender=settings.mail_from, rates=rates(settings),
        )  # fmt: skip
        if chat:
            bots.update(_bots(services, settings, store, clock))
            post = _mail(settings, services.links, clock)
            by_mail = Absent("email") if post is None else MailCards(post.teams, settings.language)
            channels.update(bots, terminal=TerminalChannel(feed), email=by_mail)
            others = message_channels(settings, store, clock, post, await services.devices.key())
            gateways = others.gateways
            mail.update(others.channels)
        yield Relance(settings=settings, clock=clock, store=store, queue=queue, feed=feed, services=services, bots=bots)
    finally:
        for bot in bots.values():
            await bot.stop()
        if post is not None:
            await post.mailer.close()
        for gateway in gateways:
            await gateway.close()
        await queue.close()
        await redis.aclose()


async def _open_store(
    redis: Redis, settings: Settings, clock: Clock, patience: float, stop: asyncio.Event | None
) -> Store:
    secret = settings.secret_key or secret_key(settings.data_dir, make=bool(settings.redis_url))
    began = time.monotonic()
    told, pause = began, 0.02
    while True:
        try:
            return await Store.open(redis, secret=secret.encode(), clock=clock, partitions=settings.partitions)
        except Unavailable as error:
            now = time.monotonic()
            if now >= began + patience or (stop is not None and stop.is_set()):
                raise
            if now > told + _SAY_EVERY:
                log.warning("waiting for Redis", reason=error.fields.get("reason", ""), seconds=round(now - began))
                told = now
            await asyncio.sleep(pause)
            pause = min(pause * 1.3, 0.1)


def _bots(services: Services, settings: Settings, store: Store, clock: Clock) -> dict[str, Bot]:
    """The bots; one without a token is not even imported, as its framework is as large as all the rest."""

    def inbox(platform: str) -> Inbox:
        return Inbox(store.redis, store.seal, clock, platform)

    bots: dict[str, Bot] = {platform: Absent(platform) for platform in ("slack", "telegram")}
    if settings.slack_bot_token:
        from bots.slack.app import SlackBot

        bots["slack"] = SlackBot(services, settings, inbox=inbox("slack"), clock=clock)
    if settings.telegram_token:
        from bots.telegram.app import TelegramBot

        bots["telegram"] = TelegramBot(services, settings, inbox=inbox("telegram"), clock=clock)
    return bots


def _mail(settings: Settings, links: Links, clock: Clock) -> Mail | None:
    """E-mail; where it is off, what speaks SMTP is not even imported."""
    if not settings.smtp_url:
        return None
    from server.mail import open_mail

    return open_mail(settings, links, clock)


def build_services(
    store: Store,
    clock: Clock,
    timezone: str,
    channels: Mapping[str, CardChannel],
    bots: Mapping[str, HasState] | None,
    mail: Mapping[str, MessageChannel] | None = None,
    *,
    public_url: str = "",
    language: str = "en",
    sender: str = "",
    rates: Mapping[str, Rate] | None = None,
) -> Services:
    """Every service over one store. `channels` show cards, `mail` hands over messages, and `bots` are those of this
    process; all may grow.

    `public_url` begins the links of messages; `language` is spoken where none is known; `sender` is whom the footer of
    an e-mail names; `rates` is what each channel of messages bears.
    """
    rulebooks = Rulebooks(store)
    consents = Consents(store, clock, rulebooks)
    contacts = Contacts(store, clock, rulebooks, timezone=timezone)
    alerts = Alerts(store, clock, rulebooks, contacts, timezone=timezone)
    holding = Holding(store, clock, rulebooks)
    digests = Digests(store, clock, rulebooks, contacts, holding, timezone=timezone)
    people = People(store, clock)
    drafts = Drafts(store, clock, rulebooks, contacts, timezone=timezone)
    joining = Joining(store, clock, consents)
    ingest = Ingest(store, clock, joining, Rates(Buckets(store.redis), clock))
    links = Links(store.seal, clock, public_url)
    suppressions = Suppressions(store, clock)
    post: Mapping[str, MessageChannel] = {} if mail is None else mail  # which may still be empty
    messages = Messages(
        store, clock, rulebooks, contacts, language=language, timezone=timezone, sender=sender, url=public_url
    )
    return Services(
        ingest=ingest,
        exports=Exports(store, rulebooks, timezone=timezone),
        imports=Imports(store, clock, rulebooks, consents, joining, timezone=timezone),
        contacts=contacts,
        consents=consents,
        rulebooks=rulebooks,
        previews=Previews(store, clock, rulebooks, timezone=timezone),
        drafts=drafts,
        submissions=Submissions(store, clock, rulebooks, drafts, people),
        pauses=Pauses(store, clock, rulebooks),
        segments=Segments(store, rulebooks, timezone=timezone),
        lists=Lists(store, rulebooks, timezone=timezone),
        alerts=alerts,
        deliveries=Deliveries(store, clock, alerts, channels, holding=holding, digests=digests),
        digests=digests,
        holding=holding,
        messages=messages,
        outgoing=Outgoing(store, clock, contacts),
        sending=Sending(
            store, clock, rulebooks, messages, suppressions, links, post, timezone, own=people, rates=rates
        ),
        people=people,
        sources=Sources(store, clock),
        status=Status(store, clock, bots),
        rejected=Rejected(store, ingest),
        links=links,
        suppressions=suppressions,
        tracking=Tracking(store, clock, links),
        unsubscribing=Unsubscribing(store, clock, rulebooks, consents, links, language=language),
        visitors=Visitors(store, links, joining),
        mail_reports=MailReports(store, clock, links, suppressions),
        broadcasts=Broadcasts(store, clock),
        devices=Devices(store, clock),
        prints=Prints(store),
        site_inbox=SiteInbox(store, clock, contacts),
        webhooks=Webhooks(store, clock),
        runs=Runs(store, rulebooks, contacts),
        finding=Finding(store, rulebooks),
        reminders=Reminders(store, clock, people),
        responses=Responses(store, clock, rulebooks),
        tasks=Tasks(store, clock, contacts),
        timezone=timezone,
    )
