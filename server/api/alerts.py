"""Routes of alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, QueryParameter

from rules.contact import Alert, AlertStatus
from server.api.wiring import Cursor, From, Limit, Who
from server.services.views import moment

__all__ = ["AlertRoutes"]


class _AlertView(msgspec.Struct, frozen=True, kw_only=True):
    """An alert. `owner` is the name of whoever has it."""

    id: str
    contact: str
    trigger: str
    team: str
    status: AlertStatus
    owner: str | None
    created: datetime
    count: int


class _AlertPage(msgspec.Struct, frozen=True):
    """Some alerts, newest first, and the cursor of the next page (None: there is none)."""

    alerts: list[_AlertView]
    next: str | None


class AlertRoutes(Controller):
    path = "/v1/alerts"
    tags = ("Alerts",)

    @get(summary="Alerts, newest first; without `status` those that are not over")
    async def alerts(
        self,
        services: From,
        actor: Who,
        status: FromQuery[AlertStatus | None] = None,
        owner: Annotated[str | None, QueryParameter(max_length=100)] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> _AlertPage:
        page = await services.alerts.listing(actor, status, owner, cursor, limit)
        return _AlertPage([_view(alert) for alert in page.alerts], page.next)

    @get("/{alert:str}", summary="One alert")
    async def alert(self, services: From, actor: Who, alert: FromPath[str]) -> _AlertView:
        return _view(await services.alerts.get(actor, alert))

    @post("/{alert:str}/claim", status_code=200, summary="Take an alert on")
    async def claim(self, services: From, actor: Who, alert: FromPath[str]) -> Response[_AlertView]:
        claimed = await services.alerts.claim(actor, alert)
        return Response(_view(claimed), status_code=200 if claimed.owner == actor.id else 202)

    @post("/{alert:str}/release", status_code=200, summary="Give an alert back to its team")
    async def release(self, services: From, actor: Who, alert: FromPath[str]) -> Response[_AlertView]:
        released = await services.alerts.release(actor, alert)
        return Response(_view(released), status_code=202 if released.owner else 200)


def _view(alert: Alert) -> _AlertView:
    return _AlertView(
        id=alert.id,
        contact=alert.contact,
        trigger=alert.trigger,
        team=alert.team,
        status=alert.status,
        owner=alert.owner_name or None,
        created=moment(alert.created),
        count=alert.count,
    )
