"""Routes of scenarios and their runs, and of broadcasts."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, Request, get, post
from litestar.params import FromPath, QueryParameter

from server.api.bodies import described, read_object
from server.api.wiring import From, Who
from server.services.broadcasts import Sent
from server.services.runs import RunView, ScenarioSteps, ScenarioView

__all__ = ["ScenarioRoutes"]

_BROADCAST = described(
    {"event": "Price Dropped", "properties": {"product_id": "p7", "price": 49.9}, "messageId": "price-p7-2026-01-31"}
)


class ScenarioRoutes(Controller):
    path = "/v1"
    tags = ("Scenarios",)

    @get("/scenarios", summary="All scenarios, how many runs wait in each, how many started and finished")
    async def scenarios(self, services: From, actor: Who) -> dict[str, list[ScenarioView]]:
        return {"scenarios": await services.runs.scenarios(actor)}

    @get("/scenarios/{name:str}", summary="A scenario's steps, and how many runs wait at each")
    async def scenario(self, services: From, actor: Who, name: FromPath[str]) -> ScenarioSteps:
        return await services.runs.scenario(actor, name)

    @get("/runs", summary="Where a contact is in scenarios")
    async def runs(
        self, services: From, actor: Who, contact: Annotated[str, QueryParameter(max_length=320)]
    ) -> dict[str, list[RunView]]:
        return {"runs": await services.runs.runs(actor, contact)}

    @post(
        "/broadcast",
        status_code=200,
        summary="Take an event about no contact; the same messageId within seven days has no effect",
        operation_class=_BROADCAST,
    )
    async def broadcast(self, services: From, actor: Who, request: Request[Any, Any, Any]) -> Sent:
        return await services.broadcasts.send(actor, await read_object(request))
