"""What became of mails, told by mail services and by mail servers."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import structlog
from litestar import Controller, Request, post

from server.api.bodies import described
from server.api.credentials import key_in
from server.api.guard import ANY, JSON, PLAIN, Limits, read_body
from server.api.wiring import From
from server.errors import Forbidden, Unauthorized
from server.services.bounce_message import read_bounce
from server.services.mail_webhooks import read_events, subscription_of
from server.services.sources import Sources

__all__ = ["MailReportRoutes"]

log = structlog.get_logger(__name__)

_LIMITS: Final = Limits(1024 * 1024)
_EVENT: Final = {"type": "bounce", "message_id": "<…@shop.example>", "recipient": "zoe@home.example", "reason": "5.1.1"}

_Request = Request[Any, Any, Any]


class _Taken(msgspec.Struct, frozen=True):
    """How many of the reports were about mails of ours."""

    success: bool
    taken: int


class MailReportRoutes(Controller):
    """For the write key of a server source (Basic or Bearer), or an API key with the scope `write`."""

    tags = ("E-mail",)
    security: list[dict[str, list[str]]] = [{"writeKey": []}, {"apiKey": []}]  # noqa: RUF012 - Litestar's own way
    path = "/"

    @post(
        "/hooks/email-events",
        status_code=200,
        summary="Deliveries, bounces and complaints, as a mail service tells them",
        operation_class=described(_EVENT),
    )
    async def events(self, services: From, request: _Request) -> _Taken:
        """One event or a list of them, in our own form, Amazon SES's (also by SNS), Postmark's or Mailgun's."""
        await _known(services.sources, request)
        body = await read_body(dict(request.scope["headers"]), request.receive, JSON | PLAIN, _LIMITS)
        if url := subscription_of(body):
            log.warning("a topic of Amazon SNS asks to be confirmed: open its address", address=url)
            return _Taken(True, 0)
        return _Taken(True, await services.mail_reports.take(read_events(body)))

    @post(
        "/v1/bounces",
        status_code=200,
        summary="A mail that came back, as it arrived",
        operation_class=described("From: MAILER-DAEMON@mail.example …", media_type="text/plain"),
    )
    async def bounces(self, services: From, request: _Request) -> _Taken:
        """A delivery status notification (RFC 3464) or a complaint (RFC 5965), as `message/rfc822`."""
        await _known(services.sources, request)
        body = await read_body(dict(request.scope["headers"]), request.receive, ANY, _LIMITS)
        return _Taken(True, await services.mail_reports.take(read_bounce(body)))


async def _known(sources: Sources, request: _Request) -> None:
    key = key_in(request.headers.get("authorization", "").encode("latin-1"))
    source = await sources.authenticate(key)
    if source is not None:
        if source.kind == "browser":
            raise Forbidden("a browser source's key is public; use a server source's", code="browser_reports")
        return
    actor = await sources.authenticate_key(key)
    if actor is None:
        raise Unauthorized("no source has this write key; `relance source add` makes one", code="unknown_key")
    if "write" not in actor.scopes and "admin" not in actor.scopes:
        raise Forbidden("this key lacks the scope write; make one with it", code="needs_scope", scope="write")
