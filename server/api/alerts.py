"""Routes of alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath, FromQuery, QueryParameter

from rules.contact import Alert, AlertStatus
from rules.moment import millis
from server.api.bodies import described, read_json
from server.api.wiring import Cursor, From, Limit, Who
from server.services.alerts import Outcome
from server.services.views import moment

__all__ = ["AlertRoutes"]


class _AlertView(msgspec.Struct, frozen=True, kw_only=True):
    """An alert, or a task. `owner` is the name of whoever has it; `also` are teams that were told later, as nobody
    took it on in time; `due` is when a task is to be done, `until` when a snoozed one comes back.
    """

    id: str
    contact: str
    trigger: str
    team: str
    status: AlertStatus
    owner: str | None
    created: datetime
    count: int
    kind: Literal["alert", "task"]
    text: str
    also: list[str]
    due: datetime | None
    until: datetime | None
    outcome: str


class _Snooze(msgspec.Struct, forbid_unknown_fields=True):
    """Until when an alert is put off: a moment with its zone."""

    until: Annotated[datetime, msgspec.Meta(tz=True)]


class _Done(msgspec.Struct, forbid_unknown_fields=True):
    """What came of an alert; without an outcome it is just done."""

    outcome: Outcome = ""


class _Dismissal(msgspec.Struct, forbid_unknown_fields=True):
    """Why an alert was none."""

    reason: str


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

    @post(
        "/{alert:str}/snooze", status_code=200, summary="Put an alert off until a moment",
        operation_class=described({"until": "2027-03-02T14:00:00Z"}),
    )  # fmt: skip
    async def snooze(
        self, services: From, actor: Who, alert: FromPath[str], request: Request[Any, Any, Any]
    ) -> Response[_AlertView]:
        asked = await read_json(request, _Snooze)
        return _acted(await services.alerts.snooze(actor, alert, millis(asked.until)), "snoozed")

    @post(
        "/{alert:str}/done", status_code=200, summary="Finish an alert, with what came of it",
        operation_class=described({"outcome": "won"}),
    )  # fmt: skip
    async def done(
        self, services: From, actor: Who, alert: FromPath[str], request: Request[Any, Any, Any]
    ) -> Response[_AlertView]:
        asked = await read_json(request, _Done)
        return _acted(await services.alerts.done(actor, alert, asked.outcome), "done")

    @post(
        "/{alert:str}/dismiss", status_code=200, summary="Dismiss an alert, with the reason",
        operation_class=described({"reason": "a competitor"}),
    )  # fmt: skip
    async def dismiss(
        self, services: From, actor: Who, alert: FromPath[str], request: Request[Any, Any, Any]
    ) -> Response[_AlertView]:
        asked = await read_json(request, _Dismissal)
        return _acted(await services.alerts.dismiss(actor, alert, asked.reason), "dismissed")


def _acted(alert: Alert, status: AlertStatus) -> Response[_AlertView]:
    """202 where the act is stored and has not taken effect yet."""
    return Response(_view(alert), status_code=200 if alert.status == status else 202)


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
        kind=alert.kind,
        text=alert.text,
        also=alert.also,
        due=moment(alert.due) if alert.due else None,
        until=moment(alert.until) if alert.status == "snoozed" else None,
        outcome=alert.outcome,
    )
