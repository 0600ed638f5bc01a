"""Where the links of mails lead: on to their target, to a picture, to the page on which one unsubscribes."""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

from litestar import Controller, Request, Response, get, post, route
from litestar.enums import HttpMethod
from litestar.params import FromPath

from server.api.guard import ANY, Limits, read_body
from server.api.reader_page import ReaderPage
from server.api.wiring import From
from server.errors import NotFound, Unavailable
from server.i18n import Translator, translator
from server.services.programs import Visit
from server.services.unsubscribing import Subscription

__all__ = ["VISITOR", "MailLinkRoutes"]

VISITOR: Final = "relance"  # the parameter of a link's target by which the site knows the visitor

_PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_PRIVATE: Final = {"cache-control": "no-store, private", "x-robots-tag": "noindex, nofollow"}
_FORM: Final = Limits(16 * 1024)
_READ: Final = [HttpMethod.GET, HttpMethod.HEAD]

_Request = Request[Any, Any, Any]


class MailLinkRoutes(Controller):
    """`/l/…`, `/o/….gif` and `/unsubscribe/…`: their tokens are sealed, so they need no key."""

    tags = ("Contacts' own pages",)
    security: list[dict[str, list[str]]] = [{}]  # noqa: RUF012 - Litestar's own way
    path = "/"

    @route("/l/{token:str}", http_method=_READ, status_code=302, summary="Follow a link of a mail")
    async def follow(self, services: From, request: _Request, token: FromPath[str]) -> Response[bytes]:
        """Counts the click and leads on, with a token in the parameter `relance` that tells the site who came."""
        try:
            found = await services.tracking.clicked(token, _visit(request))
        except Unavailable:
            return _later(_accepted(request))
        if found is None:
            return _gone(_accepted(request))
        target, visitor = found
        return Response(b"", status_code=302, headers={**_PRIVATE, "location": _with_visitor(target, visitor)})

    @route(
        "/o/{token:str}", http_method=_READ, status_code=200, media_type="image/gif", summary="The picture of a mail"
    )
    async def picture(self, services: From, request: _Request, token: FromPath[str]) -> Response[bytes]:
        """Counts an opening; answers with an invisible picture, whatever was asked."""
        if token.endswith(".gif"):
            with suppress(Unavailable):  # the reader wants to read
                await services.tracking.opened(token.removesuffix(".gif"), _visit(request))
        return Response(_PIXEL, media_type="image/gif", headers=_PRIVATE)

    @get("/unsubscribe/{token:str}", summary="The page on which a contact unsubscribes")
    async def unsubscribe_page(self, services: From, request: _Request, token: FromPath[str]) -> Response[bytes]:
        """Asks; changes nothing, as programs look at links too."""
        try:
            found = await services.unsubscribing.look(token, accepts=_accepted(request))
        except NotFound:
            return _gone(_accepted(request))
        except Unavailable:
            return _later(_accepted(request))
        return _asking(found).response()

    @post("/unsubscribe/{token:str}", status_code=200, summary="Unsubscribe, also by one click of a mail program")
    async def unsubscribe(self, services: From, request: _Request, token: FromPath[str]) -> Response[bytes]:
        """RFC 8058: `List-Unsubscribe=One-Click`. It holds when the answer comes. `undo` takes it back."""
        body = await read_body(dict(request.scope["headers"]), request.receive, ANY, _FORM)
        fields = parse_qs(body.decode("utf-8", "replace"))
        agent, accepts = request.headers.get("user-agent", ""), _accepted(request)
        unsubscribing = services.unsubscribing
        try:
            if undo := fields.get("undo"):
                return _undone(await unsubscribing.undo(undo[0], user_agent=agent, accepts=accepts)).response()
            how = "one click" if b"One-Click" in body else "page"
            found = await unsubscribing.withdraw(token, how, user_agent=agent, accepts=accepts)  # type: ignore[arg-type]
        except NotFound:
            return _gone(accepts)
        except Unavailable:
            return _later(accepts)
        return (_asking(found) if found.test else _done(found)).response()


def _asking(found: Subscription) -> ReaderPage:
    t = translator(found.language)
    if found.test:
        return ReaderPage(
            language=t.language,
            title=t("This was a test"),
            texts=(
                t("Somebody sent this message to themselves. In a real one, this page is where a reader unsubscribes."),
            ),
        )
    if not found.held:
        return ReaderPage(
            language=t.language, title=t("You are not subscribed"), texts=(t("We send you nothing of this kind."),)
        )
    return ReaderPage(
        language=t.language,
        title=t("Unsubscribe?"),
        texts=(t("You agreed to this:"),),
        quoted=found.wording,
        hint=t("If you unsubscribe, we send you nothing more of this kind, from this moment on."),
        button=t("Unsubscribe"),
        fields={"action": "unsubscribe"},
    )


def _done(found: Subscription) -> ReaderPage:
    t = translator(found.language)
    page = ReaderPage(
        language=t.language,
        title=t("You are unsubscribed"),
        texts=(t("From now on we send you nothing more of this kind."),)
        + ((t("You no longer agree to this:"),) if found.wording else ()),
        quoted=found.wording,
    )
    if not found.undo:
        return page
    return ReaderPage(
        language=page.language, title=page.title, texts=page.texts, quoted=page.quoted,
        hint=t("Was that a mistake? You can take it back for an hour."), button=t("Subscribe again"),
        fields={"undo": found.undo}, quiet=True,
    )  # fmt: skip


def _undone(found: Subscription) -> ReaderPage:
    if not found.held:
        return _asking(found)
    t = translator(found.language)
    return ReaderPage(
        language=t.language,
        title=t("You are subscribed again"),
        texts=(t("Nothing has changed: you agree to this, as before."),),
        quoted=found.wording,
    )


def _gone(accepts: str) -> Response[bytes]:
    t = _spoken(accepts)
    text = t("It may be incomplete, or too old. The address was perhaps broken into two lines: copy all of it.")
    return ReaderPage(language=t.language, title=t("This link does not work"), texts=(text,)).response(404)


def _later(accepts: str) -> Response[bytes]:
    t = _spoken(accepts)
    text = t("Nothing was stored, and nothing has changed. Please try again in a moment.")
    response = ReaderPage(language=t.language, title=t("Not possible right now"), texts=(text,)).response(503)
    response.headers["retry-after"] = "5"
    return response


def _spoken(accepts: str) -> Translator:
    return translator(accepts)


def _accepted(request: _Request) -> str:
    """The first language that the browser asks for."""
    return request.headers.get("accept-language", "").split(",")[0].split(";")[0].strip()


def _visit(request: _Request) -> Visit:
    purpose = " ".join(request.headers.get(name, "") for name in ("purpose", "sec-purpose", "x-purpose", "x-moz"))
    return Visit(
        method=str(request.method),
        user_agent=request.headers.get("user-agent", ""),
        ahead="prefetch" in purpose or "preview" in purpose or "prerender" in purpose,
    )


def _with_visitor(target: str, visitor: str) -> str:
    """Where a click leads, as a header can say it."""
    target = quote(target, safe="%/:=&?~#+!$,;'@()*[]")
    if not visitor:
        return target
    parts = urlsplit(target)
    query = f"{parts.query}&{VISITOR}={visitor}" if parts.query else f"{VISITOR}={visitor}"
    return urlunsplit(parts._replace(query=query))
