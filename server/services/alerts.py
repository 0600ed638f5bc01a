"""Alerts: who has which lead. An act is an entry of the contact's log, so that of two claims the first one wins."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from rules.contact import Alert, AlertStatus, Contact, Millis, Reason
from rules.entry import AlertActed
from rules.explain import gained
from rules.moment import DAY, instant, known_zone
from rules.rulebook import Rulebook
from server.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from server.model.actor import Actor
from server.model.card import Card, CardReason
from server.ports import Clock
from server.services.access import may, require
from server.services.masking import company, told_of
from server.services.rulebooks import Rulebooks
from server.services.views import bad_cursor
from server.store.coalesce import Coalescer
from server.store.store import Store

__all__ = ["LIVE", "OUTCOMES", "OVER", "AlertPage", "Alerts", "Names", "Outcome"]

Act: TypeAlias = Literal["claim", "release", "snooze", "done", "dismiss"]
Outcome: TypeAlias = Literal["", "won", "lost", "junk"]

OVER: Final = frozenset({"done", "dismissed"})
LIVE: Final[tuple[AlertStatus, ...]] = ("open", "claimed", "snoozed")
OUTCOMES: Final[tuple[Outcome, ...]] = ("won", "lost", "junk")
LONGEST_SNOOZE: Final[Millis] = 366 * 24 * 3600 * 1000
LONGEST_REASON: Final = 500  # characters

_CURSOR: Final = re.compile(r"\d{1,15}:[0-9A-Za-z]{1,40}")  # as the store makes them
_PATIENCE: Final = 2.0  # seconds that an act may take before it is answered as pending
_STATUS_OF: Final[dict[Act, AlertStatus]] = {
    "claim": "claimed", "release": "open", "snooze": "snoozed", "done": "done", "dismiss": "dismissed"
}  # fmt: skip


class Names(Protocol):
    """Names a contact for a channel: by attributes that may be shown, else by a masked identity."""

    def display(self, contact: Contact, book: Rulebook) -> str: ...


class AlertPage(NamedTuple):
    """Some alerts, the newest first, and the cursor of the next page (None: there is none)."""

    alerts: list[Alert]
    next: str | None


class Alerts:
    """Lists alerts, lets people claim and release them, and says what their cards show."""

    def __init__(
        self, store: Store, clock: Clock, rulebooks: Rulebooks, names: Names, *, timezone: str = "UTC"
    ) -> None:
        self._timezone = timezone
        self._store = store
        self._clock = clock
        self._rulebooks = rulebooks
        self._names = names
        self._contacts = Coalescer(store.contacts.load_many, limit=200, parallel=2)

    async def listing(
        self,
        actor: Actor,
        status: AlertStatus | Collection[AlertStatus] | None = None,
        owner: str | None = None,
        cursor: str | None = None,
        limit: int = 20,
    ) -> AlertPage:
        """Alerts in a state (None: all that are not over), of one owner (a user's id; None: anybody), newest first.

        Raises `Forbidden` unless the actor may read, `Invalid` for a cursor that is not one of ours.
        """
        require(actor, "read", "viewer")
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise bad_cursor()
        wanted = LIVE if status is None else (status,) if isinstance(status, str) else tuple(status)
        if owner is None:
            return AlertPage(*await self._store.alerts.listing(wanted, limit, cursor))
        found: list[Alert] = []
        while True:
            # A page holds what is missing, so the cursor never passes an alert of the owner that is not shown.
            alerts, cursor = await self._store.alerts.listing(wanted, limit - len(found), cursor)
            found += [alert for alert in alerts if alert.owner == owner]
            if cursor is None or len(found) == limit:
                return AlertPage(found, cursor)

    async def get(self, actor: Actor, alert_id: str) -> Alert:
        """An alert by its id, in the letters that somebody typed. Raises `Forbidden`, `NotFound`."""
        require(actor, "read", "viewer")
        return await self._load(alert_id)

    async def claim(self, actor: Actor, alert_id: str) -> Alert:
        """Take an alert on; claiming one's own again changes nothing.

        Raises `Conflict` where another has it (`current` is that person's name) or it is over. Where the engine is
        more than two seconds behind, the alert is returned as it is: the act is stored, and `owner` is not yet the
        actor.
        """
        require(actor, "write", "rep")
        alert = await self._load(alert_id)
        if alert.owner != actor.id or alert.status != "claimed":
            _actable(alert, actor)
            alert = await self._act(actor, alert, "claim")
        if alert.owner not in ("", actor.id):
            raise _taken(alert)
        return alert

    async def release(self, actor: Actor, alert_id: str) -> Alert:
        """Give an alert back to its team; releasing an open one changes nothing.

        The owner may, and an approver. Raises `Forbidden`, `Conflict` where it is over.
        """
        require(actor, "write", "rep")
        alert = await self._load(alert_id)
        if alert.status in OVER:
            raise _over(alert)
        if not alert.owner:
            return alert
        if alert.owner != actor.id and not may(actor, "admin", "approver"):
            raise Forbidden(
                f"{alert.owner_name} has this alert; they or an approver can release it",
                code="not_owner",
                owner=alert.owner_name,
            )
        return await self._act(actor, alert, "release")

    async def snooze(self, actor: Actor, alert_id: str, until: Millis) -> Alert:
        """Put an alert off until a moment: it is the actor's, and comes back as claimed.

        As `done`, this takes on an alert that nobody has; an approver may do it to another's. Raises `Forbidden`,
        `NotFound`, `Conflict` where another has it or it is over, `Invalid` for a moment that is not to come, or not
        within a year. Returns as `claim` does.
        """
        now = self._clock.now()
        if not now < until <= now + LONGEST_SNOOZE:
            wrong = FieldError("until", "must be to come, within a year")
            raise Invalid("an alert is put off to a moment within the next year", [wrong], code="wrong_moment")
        return await self._settle(actor, alert_id, "snooze", until=until)

    async def done(self, actor: Actor, alert_id: str, outcome: Outcome = "") -> Alert:
        """Finish an alert: won, lost, junk, or just done. Raises as `snooze` does."""
        return await self._settle(actor, alert_id, "done", outcome=outcome)

    async def dismiss(self, actor: Actor, alert_id: str, reason: str) -> Alert:
        """Close an alert that was none, saying why. Raises `Invalid` without a reason, else as `snooze` does."""
        reason = " ".join(reason.split())
        if not reason or len(reason) > LONGEST_REASON:
            wrong = FieldError("reason", f"must have 1 to {LONGEST_REASON} characters")
            raise Invalid("say in a few words why it is dismissed", [wrong], code="no_why")
        return await self._settle(actor, alert_id, "dismiss", outcome=reason)

    async def card(self, alert: Alert) -> Card:
        """What an alert's card shows: personal attributes only where the rulebook lets alerts show them."""
        [contact] = await self._contacts([alert.contact])
        if contact is not None and contact.moved_to:
            contact = await self._store.contacts.load(contact.moved_to)
        book, now = await self._rulebooks.live(), self._clock.now()
        return Card(
            alert=alert.id,
            contact=contact.id if contact else alert.contact,
            who=self._names.display(contact, book) if contact else alert.contact,
            text=alert.text,
            trigger=alert.trigger,
            version=alert.version,
            team=alert.team,
            score=alert.score_tenths / 10,
            reasons=tuple(_reason(reason, book, contact) for reason in alert.reasons),
            status=alert.status,
            owner=alert.owner_name,
            count=alert.count,
            created=alert.created,
            last_seen=contact.last_seen if contact else 0,
            revision=alert.revision,
            outcome=alert.outcome,
            kind=alert.kind,
            company=company(contact, book) if contact else "",
            gained=gained(contact, book, now - DAY, now, self._timezone) / 10 if contact else 0,
            there=_there(contact, now) if contact else "",
            timezone=self._timezone,
            also=tuple(alert.also),
            due=alert.due,
            until=alert.until,
            claim_by=alert.escalates if alert.status == "open" else 0,
            otherwise=alert.otherwise,
        )

    async def _load(self, alert_id: str) -> Alert:
        alert = await self._store.alerts.load(alert_id)
        if alert is None:
            raise NotFound("there is no such alert; `leads` lists those that are open", code="no_alert")
        return alert

    async def _settle(self, actor: Actor, alert_id: str, act: Act, *, until: Millis = 0, outcome: str = "") -> Alert:
        """Snooze, finish or dismiss an alert, which takes it on where nobody has it."""
        require(actor, "write", "rep")
        alert = await self._load(alert_id)
        override = may(actor, "admin", "approver")
        if not override or alert.status in OVER:
            _actable(alert, actor)
        after = await self._act(actor, alert, act, until=until, outcome=outcome, override=override)
        if after.status != _STATUS_OF[act] and after.revision > alert.revision:  # somebody was first
            _actable(after, actor)
        return after

    async def _act(
        self, actor: Actor, alert: Alert, act: Act, *, until: Millis = 0, outcome: str = "", override: bool = False
    ) -> Alert:
        """Append the act to the contact's log, and read the alert again once it has taken effect."""
        entry = AlertActed(
            time=self._clock.now(), alert=alert.id, act=act, by=actor.id, by_name=actor.name or actor.id, until=until,
            outcome=outcome, override=override,
        )  # fmt: skip
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        [position] = await self._store.log.append([(alert.contact, entry)])
        await self._store.log.wait(position, _PATIENCE)
        while True:
            now = await self._load(alert.id)
            # The log of a contact that was joined into another hands the entry on: then it takes a moment longer.
            settled = now.revision > alert.revision or now.status in (_STATUS_OF[act], *OVER)
            if settled or asyncio.get_running_loop().time() > deadline:
                return now
            await asyncio.sleep(0.02)


def _reason(reason: Reason, book: Rulebook, contact: Contact | None) -> CardReason:
    """A part of the score with what it is for: its event, or what is true of the contact."""
    score = book.scores.get(reason.rule)
    when = score.when if score and not score.event else None
    words = (score.event or (when.text if when else "")) if score else ""
    about = told_of(when, contact, book) if when and contact else ()
    return CardReason(reason.rule, reason.tenths / 10, reason.hits, words, about)


def _there(contact: Contact, now: Millis) -> str:
    """`14:05 Europe/Paris`: the time where the contact is; "" where that is not known."""
    name = contact.attributes.get("timezone")
    where = known_zone(name) if isinstance(name, str) and name else None
    return f"{instant(now).astimezone(where):%H:%M} {name}" if where else ""


def _actable(alert: Alert, actor: Actor) -> None:
    if alert.status in OVER:
        raise _over(alert)
    if alert.owner not in ("", actor.id):
        raise _taken(alert)


def _taken(alert: Alert) -> Conflict:
    return Conflict(
        f"{alert.owner_name} has this alert", current=alert.owner_name, code="alert_taken", owner=alert.owner_name
    )


def _over(alert: Alert) -> Conflict:
    return Conflict("this alert is over", current=alert.status, code="alert_over", status=alert.status)
