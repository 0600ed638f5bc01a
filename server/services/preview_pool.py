"""The processes of a preview: started for it, ended with it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence

import msgspec

from rules.backtest import Tally
from server.errors import RelanceError, Unavailable
from server.services.preview_process import Advanced, Answer, Counted, Failed, Work

__all__ = ["PreviewFailed", "count"]

_COMMAND = (sys.executable, "-m", "server.services.preview_process")


class PreviewFailed(RelanceError):
    """A process of a preview ended before its end."""


async def count(tasks: Sequence[Work], advanced: Callable[[int], None]) -> Tally:
    """Do every task in a process of its own and add up what they counted; `advanced` hears of contacts looked at.

    Cancelled, it ends the processes. Raises `Unavailable` where Redis does not answer, `PreviewFailed`.
    """
    tally = Tally()
    try:
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(_one(task, advanced)) for task in tasks]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    for part in parts:
        tally.merge(part.result())
    return tally


async def _one(task: Work, advanced: Callable[[int], None]) -> Tally:
    # a session of its own: Ctrl+C in a terminal reaches the parent alone, which then ends it
    process = await asyncio.create_subprocess_exec(*_COMMAND, stdin=PIPE, stdout=PIPE, start_new_session=True)
    try:
        return await _talk(process, task, advanced)
    except (asyncio.IncompleteReadError, ConnectionError):
        raise _failed("it ended") from None
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(process.wait())


async def _talk(process: Process, task: Work, advanced: Callable[[int], None]) -> Tally:
    assert process.stdin is not None
    assert process.stdout is not None
    frame = msgspec.msgpack.encode(task)
    process.stdin.write(len(frame).to_bytes(4, "big") + frame)
    await process.stdin.drain()
    while True:
        length = int.from_bytes(await process.stdout.readexactly(4), "big")
        answer: Answer = msgspec.msgpack.decode(await process.stdout.readexactly(length), type=Answer)
        match answer:
            case Advanced(contacts=contacts):
                advanced(contacts)
            case Counted(tally=tally):
                return tally
            case Failed(redis=True, error=error):
                raise Unavailable("the store does not answer; try again", code="store_unavailable", reason=error)
            case Failed(error=error):
                raise _failed(error)


def _failed(reason: str) -> PreviewFailed:
    return PreviewFailed(
        f"a process of the preview failed ({reason}); try again, and look for its memory", code="preview_failed",
        reason=reason,
    )  # fmt: skip
