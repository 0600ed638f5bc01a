"""The shop of the pictures: a roaster that sells coffee machines to small companies; its rulebook, customers, staff."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from redis.asyncio import Redis

from bots.slack.app import SlackBot
from bots.telegram.app import TelegramBot
from rules.contact import Alert
from server.model.actor import SYSTEM
from server.model.source import Source
from server.services.strict import Item
from server.settings import Settings
from server.store.inbox import Inbox
from server.store.store import Store
from tests.bots.conftest import served
from tests.bots.desk import Desk
from tests.clock import FakeClock
from tests.conftest import PARTITIONS, SECRET, start_redis
from tests.emulators import slack as slack_emulator
from tests.emulators import telegram as telegram_emulator
from tests.emulators.http import eventually
from tests.emulators.slack import SlackEmulator
from tests.emulators.telegram import TelegramEmulator
from tests.engines import publish

__all__ = ["ANA", "BOOKS", "CHANNEL", "GROUP", "NOE", "PATIENCE", "ZONE", "Shop", "opened"]

ZONE = "Europe/Paris"
CHANNEL, GROUP = "#hot-leads", -1001
PATIENCE = 60.0
ANA, NOE = ("U0ANA", 42), ("U0NOE", 43)  # a rep and a marketer, as Slack and as Telegram know them

_BOOK = """\
attribute email: text, personal, "E-mail"
attribute first_name: text, personal, shown in alerts, "First name"
attribute company: text, "Company"
attribute country: text, "Country"
attribute interest: text, "Looks at"
attribute timezone: text, "Time zone"
purpose offers: "Yes, send me offers that suit what I looked at.", via email, profiling
team sales: slack "#hot-leads", telegram "-1001"
team managers: slack "#sales-managers"
list fair: "Met at the trade show"

score page: +1 on "Page Viewed" at most 10 per day
score pricing: +10 on "Page Viewed" at most 1 per day when event.path == "/pricing"
score cart: +20 on "Product Added" at most 3 per day halves every 30 days
score quote: +30 on "Quote Requested" at most 1 per week
score business: +10 while contact.company != null
score near: +5 while contact.country in ["FR", "BE", "CH"]

segment ready_to_buy: contact.score >= 60
segment regulars: count("Order Completed", t"P180D") >= 2

trigger hot_lead: on enter ready_to_buy
  alert sales "{{ contact.first_name }} is choosing {{ contact.interest }}", claim within 20 minutes else alert managers
"""
_LIVRE = """\
attribut email: texte, personnel, "E-mail"
attribut first_name: texte, personnel, visible dans les alertes, "Prénom"
attribut company: texte, "Entreprise"
attribut country: texte, "Pays"
attribut interest: texte, "Regarde"
attribut timezone: texte, "Fuseau horaire"
finalité offers: "Oui, envoyez-moi des offres qui correspondent à ce que j'ai regardé.", via email, profilage
équipe ventes: slack "#hot-leads", telegram "-1001"
équipe chefs: slack "#sales-managers"
liste salon: "Rencontrés au salon"

score page: +1 sur "Page Viewed" au plus 10 par jour
score tarifs: +10 sur "Page Viewed" au plus 1 par jour quand event.path == "/tarifs"
score panier: +20 sur "Product Added" au plus 3 par jour demi-vie 30 jours
score devis: +30 sur "Quote Requested" au plus 1 par semaine
score entreprise: +10 tant que contact.company != null
score proche: +5 tant que contact.country in ["FR", "BE", "CH"]

segment prets_a_acheter: contact.score >= 60
segment fideles: count("Order Completed", t"P180D") >= 2

déclencheur prospect: sur entrée dans prets_a_acheter
  alerter ventes "{{ contact.first_name }} veut {{ contact.interest }}", à prendre sous 20 minutes sinon alerter chefs
"""
BOOKS = {"en": _BOOK, "fr": _LIVRE}

_PAGES = {
    "en": ("/pricing", "/machines", "/service", "/contact"),
    "fr": ("/tarifs", "/machines", "/entretien", "/contact"),
}
_MACHINES = {"en": "an espresso machine", "fr": "une machine à espresso"}
_GRINDERS = {"en": "two grinders", "fr": "deux moulins"}


class Shop:
    """The shop while it is open: its desk, both chats, and what customers do."""

    def __init__(self, desk: Desk, slack: SlackEmulator, telegram: TelegramEmulator, language: str) -> None:
        self.desk = desk
        self.slack = slack
        self.telegram = telegram
        self.language = language
        self._source = Source(name="shop", kind="server")

    @property
    def hour(self) -> str:
        """What a clock in the shop shows."""
        return self.clock(self.desk.clock.now() / 1000)

    def clock(self, seconds: float) -> str:
        """What it showed at a moment, in seconds since 1970."""
        return f"{datetime.fromtimestamp(seconds, ZoneInfo(ZONE)):%H:%M}"

    def at(self, day: int, clock: str) -> None:
        """It is a day of March 2026, at this time."""
        hours, minutes = map(int, clock.split(":"))
        self.desk.clock.set(datetime(2026, 3, day, hours, minutes, tzinfo=ZoneInfo(ZONE)))

    async def joins(self, user: str, **traits: object) -> None:
        """A customer says who they are."""
        await self._send("identify", {"userId": user, "traits": {"timezone": ZONE, **traits}})

    async def reads(self, user: str, *places: int) -> None:
        """A customer looks at these pages, a minute each."""
        for place in places:
            path = _PAGES[self.language][place]
            await self._send("page", {"userId": user, "properties": {"path": path}})
            self.desk.clock.advance(minutes=1)

    async def fills(self, user: str, product: str, price: int) -> None:
        """A customer puts something into their cart."""
        await self._send("track", {"userId": user, "event": "Product Added",
                                   "properties": {"product": product, "price": price, "quantity": 1}})  # fmt: skip
        self.desk.clock.advance(minutes=2)

    async def does(self, user: str, event: str, **properties: object) -> None:
        """A customer does something else."""
        await self._send("track", {"userId": user, "event": event, "properties": properties})
        self.desk.clock.advance(minutes=1)

    async def alert(self, user: str) -> Alert:
        """The alert that a customer has raised; its cards are where they belong."""
        contact = await self.desk.services.contacts.find(SYSTEM, user)
        listed = (await self.desk.services.alerts.listing(SYSTEM)).alerts
        await self.desk.deliver()
        return next(alert for alert in listed if alert.contact == contact.id and alert.kind == "alert")

    async def week(self) -> None:
        """What happened until the afternoon of Thursday the 5th; the card of C-1038 is claimed, that of C-1042 open."""
        machine, grinders = _MACHINES[self.language], _GRINDERS[self.language]
        ana = await self.desk.person("Ana", slack=ANA[0], telegram=ANA[1])
        ben = await self.desk.person("Ben", slack="U0BEN")
        await self.desk.person("Noé", "marketer", slack=NOE[0], telegram=NOE[1])
        self.at(2, "10:12")
        await self.joins("C-0977", first_name="Nora", company="Hôtel des Arcs", country="FR",
                         email="nora@hotel-des-arcs.example", interest=machine)  # fmt: skip
        await self.reads("C-0977", 1, 0)
        await self.fills("C-0977", "Duo 2", 2490)
        await self.does("C-0977", "Quote Requested", model="Duo 2")
        await self.desk.services.alerts.claim(ana, (await self.alert("C-0977")).id)
        self.at(3, "09:31")
        await self.joins("C-1042", first_name="Léa", company="Maison Verdier", country="FR",
                         email="lea@maison-verdier.example", interest=machine)  # fmt: skip
        await self.reads("C-1042", 1, 2)
        self.at(3, "16:40")
        await self.joins("C-1011", first_name="Marco", company="Studio Bianchi", country="CH",
                         email="marco@bianchi.example", timezone="Europe/Zurich", interest=grinders)  # fmt: skip
        await self.reads("C-1011", 0)
        await self.fills("C-1011", "Mill S", 390)
        await self.fills("C-1011", "Mill S", 390)
        await self.desk.services.alerts.claim(ben, (await self.alert("C-1011")).id)
        self.at(5, "13:46")
        await self.joins("C-1038", first_name="Tom", company="Brasserie Lulu", country="BE",
                         email="tom@brasserie-lulu.example", timezone="Europe/Brussels", interest=grinders)  # fmt: skip
        await self.reads("C-1038", 1, 0)
        await self.fills("C-1038", "Mill S", 390)
        await self.does("C-1038", "Quote Requested", model="Mill S")
        await self.alert("C-1038")
        self.at(5, "14:02")
        await self.reads("C-1042", 1, 0)
        await self.fills("C-1042", "Solo 1", 1290)
        await self.fills("C-1042", "Mill S", 390)
        await self.alert("C-1042")

    async def _send(self, kind: str, call: dict[str, object]) -> None:
        self.desk.clock.advance(seconds=1)
        await self.desk.services.ingest.one(self._source, kind, Item(b"", call))
        await eventually_quiet(self.desk.store)


async def eventually_quiet(store: Store) -> None:
    """Wait until everything has taken effect."""
    async with asyncio.timeout(PATIENCE):
        while await store.log.lag():
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def opened(language: str) -> AsyncIterator[Shop]:
    """The shop with a Redis, an engine and both bots of its own, in this language."""
    directory = Path(tempfile.mkdtemp(prefix="relance-", dir="/tmp"))
    redis_server = start_redis(directory)
    clock = FakeClock()
    try:
        with SlackEmulator() as slack, TelegramEmulator() as telegram:
            slack.time = lambda: clock.now() / 1000
            for name in (CHANNEL, "#sales-managers"):
                slack.add_channel(name)
            telegram.add_chat(GROUP)
            async with _desk(redis_server.url, clock, language) as desk, _bots(desk, slack, telegram, language):
                yield Shop(desk, slack, telegram, language)
    finally:
        redis_server.process.terminate()
        redis_server.process.wait(30)
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.asynccontextmanager
async def _desk(url: str, clock: FakeClock, language: str) -> AsyncIterator[Desk]:
    client = Redis.from_url(url)
    store = await Store.open(client, secret=SECRET, clock=clock, partitions=PARTITIONS)
    await publish(store, BOOKS[language])
    desk = await Desk.again(store, clock, timezone=ZONE)
    yield desk
    await desk.close()
    await client.aclose()


@contextlib.asynccontextmanager
async def _bots(desk: Desk, slack: SlackEmulator, telegram: TelegramEmulator, language: str) -> AsyncIterator[None]:
    settings = Settings(
        slack_bot_token=(slack_emulator.TOKEN,), slack_signing_secret=(slack_emulator.SIGNING_SECRET,),
        slack_api_url=slack.api_url, telegram_token=telegram_emulator.TOKEN,
        telegram_secret=telegram_emulator.SECRET, telegram_api_url=telegram.url, language=language,
    )  # fmt: skip
    store, clock = desk.store, desk.clock
    in_slack = SlackBot(desk.services, settings, inbox=Inbox(store.redis, store.seal, clock, "slack"), clock=clock)
    in_telegram = TelegramBot(
        desk.services, settings, inbox=Inbox(store.redis, store.seal, clock, "telegram"), clock=clock
    )
    await in_slack.start()
    await in_telegram.start()
    await eventually(lambda: in_slack.state == in_telegram.state == "ok", "signed-in bots", PATIENCE)
    desk.channels |= {"slack": in_slack, "telegram": in_telegram}
    async with served(desk, in_slack) as slack.app_url, served(desk, in_telegram) as telegram.app_url:
        yield
    await in_slack.stop()
    await in_telegram.stop()
