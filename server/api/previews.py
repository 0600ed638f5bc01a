"""The route of previews: one answer when it is done, or lines as it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, Request, Response, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from server.api.bodies import described, read_text
from server.api.problems import Refused, problem_of
from server.api.wiring import From, Who
from server.model.preview import Preview, Progress

__all__ = ["LINES", "PreviewRoutes"]

LINES: Final = "application/x-ndjson"

_TEXT = described('segment loyal: count("Order Completed", t"P180D") >= 3\n', media_type="text/plain")
_PAUSE = 0.25  # seconds between two words about the progress


class PreviewRoutes(Controller):
    path = "/v1/rulebook/preview"
    tags = ("Rulebook",)

    @post(
        status_code=200,
        summary="What publishing a text would change; nothing is changed by asking",
        operation_class=_TEXT,
        responses={200: ResponseSpec(data_container=Preview, description="What would change.")},
    )
    async def preview(
        self,
        services: From,
        actor: Who,
        request: Request[Any, Any, Any],
        full: Annotated[
            bool, QueryParameter(description="Tell all histories again, not those of a sample of 20,000.")
        ] = False,
        accept: Annotated[str, HeaderParameter(name="Accept", max_length=1000)] = "*/*",
    ) -> Response[Any]:
        """Segments and scores are counted over all contacts, triggers over a sample of 20,000 histories with their 95 %
        intervals. Some thousand contacts are looked at in a second by each of up to four processes.

        With `Accept: application/x-ndjson` the answer is a line for each step, `{"progress": {"done", "of"}}`, and a
        last one, `{"preview": …}` or `{"problem": …}`; so a connection is never silent for long. Otherwise it is one
        JSON document at the end. Whoever closes the connection stops the work.
        """
        running = _Running()
        text = await read_text(request)
        running.start(services.previews.run(actor, text, full, running.hear))
        if LINES in accept:
            await running.begun()
            return Stream(running.lines(), media_type=LINES, headers={"cache-control": "no-store"})
        return Response(await running.result(request))


class _Running:
    """A preview under way."""

    def __init__(self) -> None:
        self._latest: Progress | None = None
        self._news = asyncio.Event()
        self._task: asyncio.Task[Preview]

    def start(self, work: Any) -> None:
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(lambda _: self._news.set())

    def hear(self, progress: Progress) -> None:
        """How far it is."""
        self._latest = progress
        self._news.set()

    async def begun(self) -> None:
        """Wait until it works; raises what keeps it from that."""
        try:
            await self._news.wait()
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        if self._task.done():
            self._task.result()

    async def result(self, request: Request[Any, Any, Any]) -> Preview:
        """Its end; raises `Refused` when the one who asked is gone, and stops."""
        gone = asyncio.create_task(_gone(request))
        try:
            await asyncio.wait({self._task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not self._task.done():
                raise Refused(400, "the sender went away")
            return self._task.result()
        finally:
            await _stop(gone, self._task)

    async def lines(self) -> AsyncIterator[bytes]:
        """A line whenever there is something to tell, and the end."""
        try:
            while not self._task.done():
                await self._news.wait()
                self._news.clear()
                if self._latest is not None:
                    yield _line({"progress": self._latest})
                    await asyncio.wait({self._task}, timeout=_PAUSE)
            error = self._task.exception()
            if error is None:
                yield _line({"preview": self._task.result()})
            elif isinstance(error, Exception):
                yield _line({"problem": msgspec.Raw(problem_of(error).encode())})
        finally:
            await _stop(self._task)


async def _gone(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _stop(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _line(value: object) -> bytes:
    return msgspec.json.encode(value) + b"\n"
