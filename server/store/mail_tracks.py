"""What readers do with mails: openings, clicks that wait until it is clear who clicks, mails that nobody opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from rules.contact import Millis
from rules.entry import EventReceived
from server.store import keys
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["MailTracks", "Unread"]

_REMEMBERED: Final[Millis] = 600_000  # for so long a program that follows links is known
_SLICE: Final = 200


class Unread(NamedTuple):
    """A mail whose opening would be seen, by what it is named in the index of the unread."""

    contact: str
    delivery: str
    message: str

    @property
    def member(self) -> str:
        return f"{self.contact}:{self.delivery}:{self.message}"

    @classmethod
    def parse(cls, member: str) -> Unread:
        return cls(*member.split(":", 2))


class MailTracks:
    """Each method raises `Unavailable` where Redis does not answer."""

    def __init__(self, redis: Redis, seal: Sealer, partitions: int) -> None:
        self._redis = redis
        self._seal = seal
        self._partitions = partitions

    async def opened(self, mail: Unread, entry: EventReceived) -> None:
        """A mail was opened: the log learns it, and the mail is not unread any more."""
        partition = self._partition(mail.contact)
        with redis_needed():
            async with self._redis.pipeline() as pipe:
                pipe.zrem(keys.unread(partition), mail.member)
                pipe.xadd(keys.log(partition), {"c": mail.contact, "e": self._seal.encode("log", entry)})
                await pipe.execute()

    async def clicked(
        self,
        mail: Unread,
        link: str,
        entry: EventReceived,
        now: Millis,
        *,
        within: Millis,
        program: int,
        counts: Millis,
    ) -> bool:
        """A link of a mail was followed: it counts from `counts` on, unless `program` links of the mail (0: any number
        may be a person) were followed within so many milliseconds: then none of these does, nor what follows soon.

        Returns whether it is to count.
        """
        partition = self._partition(mail.contact)
        names = [keys.clicked(partition, mail.delivery), keys.clicks_due(partition), keys.clicks(partition)]
        record = f"{mail.contact}\n{mail.member}\n".encode() + self._seal.encode("log", entry)
        words = [mail.delivery, link, now, within, program, counts, record, _REMEMBERED]
        with redis_needed():
            return bool(await script("click")(self._redis, names, words))

    async def by_program(self, mail: Unread) -> bool:
        """Whether a program has just followed the links of a mail."""
        with redis_needed():
            return bool(await self._redis.hexists(keys.clicked(self._partition(mail.contact), mail.delivery), "*"))

    async def count_clicks(self, partition: int, now: Millis) -> None:
        """Tell the log of the clicks whose moment has come."""
        names = [keys.clicks_due(partition), keys.clicks(partition), keys.log(partition), keys.unread(partition)]
        with redis_needed():
            while await script("clicks_count")(self._redis, names, [now, _SLICE]) == _SLICE:
                pass

    async def unread(self, partition: int, now: Millis) -> list[Unread]:
        """Some of the mails that count as ignored by now."""
        with redis_needed():
            found = await self._redis.zrangebyscore(keys.unread(partition), "-inf", now, start=0, num=_SLICE)
        return [Unread.parse(member.decode()) for member in found]

    async def ignored(self, partition: int, mails: Sequence[tuple[Unread, EventReceived]]) -> None:
        """Tell the log of mails that nobody opened; of each once, whoever else does the same."""
        words: list[str | bytes] = []
        for mail, entry in mails:
            words += (mail.member, mail.contact, self._seal.encode("log", entry))
        with redis_needed():
            await script("mails_ignored")(self._redis, [keys.unread(partition), keys.log(partition)], words)

    async def due(self, now: Millis) -> tuple[list[int], list[int]]:
        """The partitions in which clicks are to be counted, and those in which mails count as ignored."""
        with redis_needed():
            async with self._redis.pipeline(transaction=False) as pipe:
                for partition in range(self._partitions):
                    pipe.zcount(keys.clicks_due(partition), "-inf", now)
                    pipe.zcount(keys.unread(partition), "-inf", now)
                counts = await pipe.execute()
        clicks = [partition for partition in range(self._partitions) if counts[2 * partition]]
        return clicks, [partition for partition in range(self._partitions) if counts[2 * partition + 1]]

    def _partition(self, contact: str) -> int:
        return keys.partition_of(contact, self._partitions)
