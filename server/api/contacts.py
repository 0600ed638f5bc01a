"""Routes of contacts."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get, patch, post
from litestar.params import FromPath, QueryParameter

from server.api.bodies import described, read_json
from server.api.wiring import Cursor, From, Limit, Who
from server.errors import FieldError, Invalid
from server.model.consent import ConsentAction
from server.services.access import require
from server.services.calls import moment_of
from server.services.consents import ConsentRequest
from server.services.contacts import ContactPage, ContactView
from server.services.timeline import TimelinePage
from server.services.why import Why

__all__ = ["ContactRoutes"]

Name = Annotated[str | None, QueryParameter(max_length=100)]
Text = Annotated[str | None, QueryParameter(max_length=320)]


class _Patch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    attributes: dict[str, Any]


class _Consent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    purpose: str
    action: ConsentAction
    source: Annotated[str, msgspec.Meta(min_length=1)]
    channel: str | None = None
    wording_version: str | None = None
    ip: str | None = None
    user_agent: str | None = None
    time: str | None = None

    def request(self) -> ConsentRequest:
        return ConsentRequest(
            purpose=self.purpose,
            action=self.action,
            source=self.source,
            channel=self.channel or "",
            wording_version=self.wording_version or "",
            ip=self.ip or "",
            user_agent=self.user_agent or "",
            time=moment_of({"time": self.time}, "time"),
        )


class ContactRoutes(Controller):
    path = "/v1/contacts"
    tags = ("Contacts",)

    @get(summary="List contacts: of a segment, of a list, by an identity, or all")
    async def contacts(
        self,
        services: From,
        actor: Who,
        segment: Name = None,
        list: Name = None,  # noqa: A002 - the parameter's name in the interface
        search: Text = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> ContactPage:
        given = [each for each in (segment, list, search) if each is not None]
        if len(given) > 1:
            raise Invalid("choose one", [FieldError("segment, list, search", "only one of them")])
        if search is not None:
            return await services.contacts.search(actor, search)
        if not given:
            return await services.contacts.page(actor, cursor=cursor, limit=limit)
        index = services.segments if segment is not None else services.lists
        ids, following = await index.ids(actor, given[0], limit, cursor)
        return ContactPage(await services.contacts.among(ids), following)

    @get("/{ref:str}", summary="What is known of a contact")
    async def contact(self, services: From, actor: Who, ref: FromPath[str]) -> ContactView:
        return await services.contacts.view(actor, ref)

    @patch(
        "/{ref:str}",
        summary="Set attributes; null removes one",
        operation_class=described({"attributes": {"plan": "pro", "phone": None}}),
    )
    async def change(
        self, services: From, actor: Who, request: Request[Any, Any, Any], ref: FromPath[str]
    ) -> Response[Any]:
        wanted = await read_json(request, _Patch)
        patched = await services.contacts.patch(actor, ref, wanted.attributes)
        if patched.pending:
            return Response({**msgspec.to_builtins(patched.contact), "pending": True}, status_code=202)
        return Response(patched.contact)

    @get("/{ref:str}/timeline", summary="What happened to a contact, newest first")
    async def timeline(
        self, services: From, actor: Who, ref: FromPath[str], cursor: Cursor = None, limit: Limit = 50
    ) -> TimelinePage:
        return await services.contacts.timeline(actor, ref, cursor, limit)

    @get("/{ref:str}/why", summary="The score line by line; with `rule`, why that rule is or is not true")
    async def why(self, services: From, actor: Who, ref: FromPath[str], rule: Name = None) -> Why:
        return await services.contacts.why(actor, ref, rule)

    @get("/{ref:str}/consents", summary="What a contact consents to now, by purpose")
    async def consents(self, services: From, actor: Who, ref: FromPath[str]) -> dict[str, str]:
        return await services.consents.current((await services.contacts.find(actor, ref)).id)

    @post(
        "/{ref:str}/consents",
        status_code=200,
        summary="Record an act of consent; answers with what holds now",
        operation_class=described({"purpose": "newsletter", "action": "grant", "source": "checkout"}),
    )
    async def consent(
        self, services: From, actor: Who, request: Request[Any, Any, Any], ref: FromPath[str]
    ) -> dict[str, str]:
        require(actor, "consent", "privacy")
        act = (await read_json(request, _Consent)).request()
        reached = await services.contacts.reach(ref)
        current = await services.consents.record(actor, reached.contact, act)
        await services.contacts.introduce(reached)
        return current
