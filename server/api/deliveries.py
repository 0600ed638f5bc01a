"""Routes of deliveries: what became of messages to contacts."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, get, post
from litestar.params import FromPath, QueryParameter

from server.api.wiring import Cursor, From, Limit, Who
from server.model.outgoing import MessageState
from server.services.outgoing import DeliveryPage, DeliveryView

__all__ = ["DeliveryRoutes"]


class DeliveryRoutes(Controller):
    path = "/v1/deliveries"
    tags = ("Deliveries",)

    @get(summary="Messages to contacts, the latest first; in one state, of one contact")
    async def deliveries(
        self,
        services: From,
        actor: Who,
        in_state: Annotated[MessageState | None, QueryParameter(name="state")] = None,
        contact: Annotated[str, QueryParameter(max_length=320)] = "",
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> DeliveryPage:
        return await services.outgoing.listing(actor, (in_state,) if in_state else (), contact, cursor, limit)

    @get("/{delivery:str}", summary="One message to a contact")
    async def delivery(self, services: From, actor: Who, delivery: FromPath[str]) -> DeliveryView:
        return await services.outgoing.get(actor, delivery)

    @post("/{delivery:str}/retry", status_code=200, summary="Try a message again; all checks are made again")
    async def retry(self, services: From, actor: Who, delivery: FromPath[str]) -> DeliveryView:
        return await services.outgoing.retry(actor, delivery)

    @post("/{delivery:str}/drop", status_code=200, summary="Let a message not go out")
    async def drop(self, services: From, actor: Who, delivery: FromPath[str]) -> DeliveryView:
        return await services.outgoing.drop(actor, delivery)
