"""Routes of messages: their templates, what they look like, sending one to oneself."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, delete, get, post, put
from litestar.params import FromPath, HeaderParameter, QueryParameter

from server.api.bodies import described, read_json
from server.api.guard import Limits
from server.api.problems import ProblemLine, Refused, problem_lines
from server.api.wiring import From, Who
from server.errors import Conflict
from server.model.message import MessageTemplate, TemplateFormat
from server.services.message_heads import ANY
from server.services.messages import Listed
from server.services.views import moment

__all__ = ["MessageRoutes"]

_EXAMPLE = {"source": "---\nsubject: Welcome\n---\nHello {{ contact.first_name }}\n", "owner": "Ann"}
_LIMITS = Limits(512 * 1024)  # a template has at most 100,000 characters
_ETAG = re.compile(r'(?:W/)?"?(\d{1,9})"?')

Contact = Annotated[str, QueryParameter(name="contact", max_length=320, description="An id, an identity.")]


class _Template(msgspec.Struct, frozen=True, kw_only=True):
    """A template; `locale` `-` is the one for every language that has none of its own."""

    name: str
    channel: str
    locale: str
    format: TemplateFormat
    source: str
    owner: str
    expires: datetime | None
    revision: int
    by: str
    updated: datetime | None


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """A template in the list: whether it is past its time, what is wrong in it now, and which rules send it."""

    name: str
    channel: str
    locale: str
    format: TemplateFormat
    owner: str
    expires: datetime | None
    revision: int
    stale: bool
    errors: list[ProblemLine]
    sent_by: list[str]


class _Put(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template as it is to be kept."""

    source: Annotated[str, msgspec.Meta(max_length=200_000)]
    format: TemplateFormat | None = None
    owner: Annotated[str, msgspec.Meta(max_length=100)] = ""
    expires: datetime | msgspec.UnsetType | None = msgspec.UNSET


class _Words(msgspec.Struct, frozen=True, kw_only=True):
    """A message for one contact."""

    contact: str
    locale: str
    subject: str
    text: str
    html: str
    body: str
    fields: dict[str, str]


class _Test(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For which contact a message is filled in, and to whom of the team it goes."""

    contact: Annotated[str, msgspec.Meta(max_length=320)]
    user: Annotated[str, msgspec.Meta(max_length=100)]


class MessageRoutes(Controller):
    path = "/v1/messages"
    tags = ("Messages",)

    @get(summary="All templates")
    async def listing(
        self, services: From, actor: Who, name: Annotated[str, QueryParameter(max_length=60)] = ""
    ) -> dict[str, list[_Row]]:
        return {"messages": [_row(one) for one in await services.messages.listing(actor, name)]}

    @get("/{name:str}/{channel:str}/{locale:str}", summary="One template; `-` as locale: for every other language")
    async def one(
        self, services: From, actor: Who, name: FromPath[str], channel: FromPath[str], locale: FromPath[str]
    ) -> Response[_Template]:
        return _answer(await services.messages.get(actor, name, channel, locale))

    @put(
        "/{name:str}/{channel:str}/{locale:str}",
        summary="Keep a template as the revision after the one in If-Match",
        operation_class=described(_EXAMPLE),
    )
    async def keep(
        self,
        services: From,
        actor: Who,
        request: Request[Any, Any, Any],
        name: FromPath[str],
        channel: FromPath[str],
        locale: FromPath[str],
        if_match: Annotated[str | None, HeaderParameter(name="If-Match", max_length=20)] = None,
    ) -> Response[_Template]:
        asked = await read_json(request, _Put, _LIMITS)
        expires = asked.expires
        until = None if expires is msgspec.UNSET else 0 if expires is None else round(expires.timestamp() * 1000)
        try:
            kept = await services.messages.put(
                actor, name, channel, locale, asked.source, form=asked.format, owner=asked.owner, expires=until,
                base=_base(if_match),
            )  # fmt: skip
        except Conflict:
            if if_match is None:
                raise Refused(428, 'say which revision this replaces: If-Match: "<revision>"') from None
            raise
        return _answer(kept)

    @delete("/{name:str}/{channel:str}/{locale:str}", summary="Forget a template")
    async def forget(
        self,
        services: From,
        actor: Who,
        name: FromPath[str],
        channel: FromPath[str],
        locale: FromPath[str],
        if_match: Annotated[str | None, HeaderParameter(name="If-Match", max_length=20)] = None,
    ) -> None:
        base = None if if_match is None else _base(if_match)
        await services.messages.delete(actor, name, channel, locale, base=base)

    @post(
        "/{name:str}/{channel:str}/{locale:str}/preview",
        status_code=200,
        summary="A message as a contact would get it",
    )
    async def preview(
        self, services: From, actor: Who, name: FromPath[str], channel: FromPath[str], locale: FromPath[str],
        contact: Contact,
    ) -> _Words:  # fmt: skip
        seen = await services.messages.preview(actor, name, channel, locale, contact)
        words = seen.rendered
        return _Words(
            contact=seen.contact, locale=seen.template.locale or ANY, subject=words.subject, text=words.text,
            html=words.html, body=words.body, fields=words.fields,
        )  # fmt: skip

    @post(
        "/{name:str}/{channel:str}/{locale:str}/test",
        status_code=202,
        summary="Send a message to somebody of the team, as a contact would get it",
        operation_class=described({"contact": "user:42", "user": "Ann"}),
    )
    async def test(
        self,
        services: From,
        actor: Who,
        request: Request[Any, Any, Any],
        name: FromPath[str],
        channel: FromPath[str],
        locale: FromPath[str],
    ) -> dict[str, str]:
        asked = await read_json(request, _Test)
        person = await services.people.find(asked.user)
        sent = await services.messages.test(actor, name, channel, locale, asked.contact, to=person)
        return {"delivery": sent}


def _answer(template: MessageTemplate) -> Response[_Template]:
    shown = _Template(
        name=template.name, channel=template.channel, locale=template.locale or ANY, format=template.format,
        source=template.source, owner=template.owner, expires=moment(template.expires) if template.expires else None,
        revision=template.revision, by=template.by, updated=moment(template.updated) if template.updated else None,
    )  # fmt: skip
    return Response(shown, headers={"etag": f'"{template.revision}"'})


def _row(one: Listed) -> _Row:
    template = one.template
    return _Row(
        name=template.name, channel=template.channel, locale=template.locale or ANY, format=template.format,
        owner=template.owner, expires=moment(template.expires) if template.expires else None,
        revision=template.revision, stale=one.stale, errors=problem_lines(one.problems),
        sent_by=sorted({f"{sent.kind} {sent.rule}" for sent in one.sent_by}),
    )  # fmt: skip


def _base(if_match: str | None) -> int | None:
    """The revision that a template was made from: none for a new one, whatever is there for `*`."""
    if if_match is None:
        return 0
    if if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise Refused(400, 'If-Match holds a revision, such as "3"')
    return int(found[1])
