"""The process that looks at a share of the partitions for a preview: `python -m server.services.preview_process`.

It is told its task on its standard input and answers on its standard output, in frames of msgpack: how far it is, then
what it counted. It reads, and writes nothing. It ends with its parent, whose end closes its standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import BinaryIO, TypeAlias

import msgspec

from rules import parse_rulebook
from rules.backtest import Backtest, Tally
from rules.contact import Contact, Millis
from rules.rulebook import Rulebook
from server.collector import collect_rarely
from server.errors import Unavailable
from server.ports import SystemClock
from server.store.address import Address
from server.store.codec import SealError
from server.store.faults import redis_needed
from server.store.partition import Partitions
from server.store.store import Store

__all__ = ["Advanced", "Answer", "Counted", "Failed", "Text", "Work", "work"]

_PAGE = 100  # contacts that are in memory at once
_POLITE = 10  # how much less than the server and the engines a process is heard when processors are short


class Text(msgspec.Struct, array_like=True, frozen=True):
    """A rulebook as it travels; version 0 is the empty one before the first."""

    version: int
    text: str

    def book(self) -> Rulebook:
        """The rulebook; the text has been checked."""
        return msgspec.structs.replace(parse_rulebook(self.text), version=self.version) if self.version else Rulebook()


class Work(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """What a process is to look at, and how."""

    address: Address
    present: Text
    draft: Text
    now: Millis
    timezone: str
    bound: int  # of the sample, in the upper 63 bits of a hash
    partitions: list[int]


class Advanced(msgspec.Struct, array_like=True, frozen=True, tag="advanced"):
    """So many more contacts have been looked at."""

    contacts: int


class Counted(msgspec.Struct, array_like=True, frozen=True, tag="counted"):
    """The end: what was seen of all contacts of the partitions."""

    tally: Tally


class Failed(msgspec.Struct, array_like=True, frozen=True, tag="failed"):
    """The end: it cannot be done. `redis`: because Redis does not answer; `error` is the type of the error."""

    redis: bool
    error: str


Answer: TypeAlias = Advanced | Counted | Failed


async def work(task: Work, tell: Callable[[Answer], None]) -> Tally:
    """Look at all contacts of the task's partitions; raises `Unavailable`."""
    backtest = Backtest(task.present.book(), task.draft.book(), task.now, task.timezone, bound=task.bound)
    store = await Store.reopen(task.address, SystemClock())
    try:
        partitions = Partitions(store.redis, store.seal, store.partitions)
        for partition in task.partitions:
            bucket: int | None = 0
            while bucket is not None:
                with redis_needed():
                    some, bucket = await partitions.contacts.slice(partition, bucket, _PAGE)
                    opened = [partitions.contacts.open(sealed) for _, sealed in some]
                    found = [contact for contact in opened if isinstance(contact, SealError) or not contact.moved_to]
                    await _page(partitions, partition, found, backtest)
                tell(Advanced(len(found)))
    finally:
        await store.redis.aclose()
    return backtest.tally


async def _page(
    partitions: Partitions, partition: int, found: Sequence[Contact | SealError], backtest: Backtest
) -> None:
    contacts = [contact for contact in found if isinstance(contact, Contact)]
    backtest.tally.failed += sum(isinstance(contact, SealError) for contact in found)
    past = await partitions.load_past([(partition, contact.id) for contact in contacts if contact.chunks])
    for contact in contacts:
        try:
            backtest.take(contact, past.get(contact.id, []))
        except Exception as error:  # one contact that meets an error of ours does not stop the others
            backtest.tally.failed += 1
            print(f"contact {contact.id}: {type(error).__name__}", file=sys.stderr)  # noqa: T201


def main() -> None:
    """Do the one task that standard input holds."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that is printed gets among the frames
    with contextlib.suppress(OSError):
        os.nice(_POLITE)
    task = msgspec.msgpack.decode(_read(sys.stdin.buffer), type=Work)
    threading.Thread(target=_end_with_parent, args=(sys.stdin.buffer,), daemon=True).start()
    collect_rarely()

    def tell(answer: Answer) -> None:
        frame = msgspec.msgpack.encode(answer)
        answers.write(len(frame).to_bytes(4, "big") + frame)
        answers.flush()

    try:
        tell(Counted(asyncio.run(work(task, tell))))
    except BrokenPipeError:
        os._exit(1)
    except Unavailable as error:
        tell(Failed(True, str(error.fields.get("reason", ""))))
    except Exception as error:
        tell(Failed(False, type(error).__name__))


def _read(source: BinaryIO) -> bytes:
    return source.read(int.from_bytes(source.read(4), "big"))


def _end_with_parent(source: BinaryIO) -> None:
    source.read()
    os._exit(1)


if __name__ == "__main__":
    main()
