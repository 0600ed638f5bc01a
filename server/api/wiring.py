"""What the routes need: the services, and who asks, as handlers receive them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Protocol, TypeAlias

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from server.errors import Unauthorized
from server.model.actor import Actor
from server.services.alerts import Alerts
from server.services.broadcasts import Broadcasts
from server.services.consents import Consents
from server.services.contacts import Contacts
from server.services.devices import Devices
from server.services.ingest import Ingest
from server.services.mail_reports import MailReports
from server.services.messages import Messages
from server.services.outgoing import Outgoing
from server.services.people import People
from server.services.previews import Previews
from server.services.rejected import Rejected
from server.services.rulebooks import Rulebooks
from server.services.runs import Runs
from server.services.segments import Lists, Segments
from server.services.site_inbox import SiteInbox
from server.services.sources import Sources
from server.services.status import Status
from server.services.tracking import Tracking
from server.services.unsubscribing import Unsubscribing
from server.services.visitors import Visitors

__all__ = ["Bot", "Cursor", "From", "Limit", "Services", "Who", "actor_of"]


class Services(Protocol):
    """The services that routes call."""

    @property
    def alerts(self) -> Alerts: ...
    @property
    def broadcasts(self) -> Broadcasts: ...
    @property
    def consents(self) -> Consents: ...
    @property
    def contacts(self) -> Contacts: ...
    @property
    def devices(self) -> Devices: ...
    @property
    def site_inbox(self) -> SiteInbox: ...
    @property
    def ingest(self) -> Ingest: ...
    @property
    def lists(self) -> Lists: ...
    @property
    def messages(self) -> Messages: ...
    @property
    def people(self) -> People: ...
    @property
    def outgoing(self) -> Outgoing: ...
    @property
    def previews(self) -> Previews: ...
    @property
    def rejected(self) -> Rejected: ...
    @property
    def rulebooks(self) -> Rulebooks: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def segments(self) -> Segments: ...
    @property
    def sources(self) -> Sources: ...
    @property
    def status(self) -> Status: ...
    @property
    def tracking(self) -> Tracking: ...
    @property
    def unsubscribing(self) -> Unsubscribing: ...
    @property
    def mail_reports(self) -> MailReports: ...
    @property
    def visitors(self) -> Visitors: ...


class Bot(Protocol):
    """A chat platform that sends requests: answers one with status, headers and body."""

    async def dispatch(self, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]: ...


From: TypeAlias = NamedDependency[SkipValidation[Services]]
Who: TypeAlias = NamedDependency[SkipValidation[Actor]]
Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=200, description="How many at most.")]
Cursor: TypeAlias = Annotated[str | None, QueryParameter(max_length=200, description="`next` of the page before.")]


def actor_of(sources: Sources) -> Callable[[Request[Any, Any, Any]], Awaitable[Actor]]:
    """What finds out who asks: by `Authorization: Bearer <api key>`; raises `Unauthorized`."""

    async def actor(request: Request[Any, Any, Any]) -> Actor:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        known = await sources.authenticate_key(key.strip()) if scheme.lower() == "bearer" else None
        if known is None:
            raise Unauthorized("give an API key: Authorization: Bearer <key>", code="unknown_key")
        return known

    return actor
