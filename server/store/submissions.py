"""Texts that were handed in for approval: frozen, and over exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from rules.contact import Millis
from server.model.draft import Submission
from server.store import keys
from server.store.faults import redis_needed
from server.store.rulebooks import RulebookVersion
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Submissions"]

_REMEMBER: Final[Millis] = 90 * 24 * 3600 * 1000
_KIND: Final = "submission"


class Submissions:
    """Keeps submissions sealed. Each method raises `Unavailable`."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal

    async def load(self, submission_id: str) -> Submission | None:
        with redis_needed():
            blob = await self._redis.get(keys.submission(submission_id))
        return None if blob is None else self._seal.decode(_KIND, blob, Submission)

    async def waiting(self) -> list[Submission]:
        """Those that wait, oldest first."""
        with redis_needed():
            ids = await self._redis.zrange(keys.submissions_waiting(), 0, -1)
            blobs = await self._redis.mget([keys.submission(one.decode()) for one in ids]) if ids else []
        return [self._seal.decode(_KIND, blob, Submission) for blob in blobs if blob is not None]

    async def open(self, submission: Submission) -> None:
        """Let a submission wait for approval."""
        with redis_needed():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.delete(keys.submission_shown(submission.id))
                pipe.set(keys.submission(submission.id), self._seal.encode(_KIND, submission))
                pipe.zadd(keys.submissions_waiting(), {submission.id: submission.time})
                await pipe.execute()

    async def approve(
        self, submission: Submission, version: RulebookVersion
    ) -> Literal["published", "over", "base moved"]:
        """Publish what waits as a version, and remember how it ended: in one step, or not at all."""
        names = [
            keys.submissions_waiting(),
            keys.submission(submission.id),
            keys.rulebook_current(),
            keys.rulebook(version.version),
        ]
        arguments = [
            submission.id,
            submission.base,
            version.version,
            self._seal.encode("rulebook", version),
            self._seal.encode(_KIND, submission),
            _REMEMBER,
        ]
        with redis_needed():
            done = await script("submission_approve")(self._redis, names, arguments)
        return "published" if done == 1 else "over" if done == 0 else "base moved"

    async def end(self, submission: Submission) -> bool:
        """End one without publishing it; False where it was over already."""
        names = [keys.submissions_waiting(), keys.submission(submission.id)]
        with redis_needed():
            done = await script("submission_end")(
                self._redis, names, [submission.id, self._seal.encode(_KIND, submission), _REMEMBER]
            )
        return bool(done)

    async def show(self, submission_id: str, person: str) -> None:
        """Note that a person has been shown a submission."""
        with redis_needed():
            await self._redis.sadd(keys.submission_shown(submission_id), person)
            await self._redis.pexpire(keys.submission_shown(submission_id), _REMEMBER)

    async def shown(self, submission_id: str, person: str) -> bool:
        """Whether a person has been shown a submission."""
        with redis_needed():
            return bool(await self._redis.sismember(keys.submission_shown(submission_id), person))

    async def alone(self) -> bool:
        """Whether an approver may publish without a second person."""
        with redis_needed():
            return bool(await self._redis.get(keys.approval()) == b"off")

    async def set_alone(self, alone: bool) -> None:
        """Let an approver publish without a second person, or not."""
        with redis_needed():
            if alone:
                await self._redis.set(keys.approval(), "off")
            else:
                await self._redis.delete(keys.approval())
