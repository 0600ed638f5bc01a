"""Drafts of the rulebook, one a person, and what the messages that ask for a text are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from rules.contact import Millis
from server.model.draft import Draft, Place, Touched
from server.store import keys
from server.store.faults import redis_needed
from server.store.scripts import script

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["Drafts"]

_PROMPT: Final[Millis] = 7 * 24 * 3600 * 1000


class Drafts:
    """Keeps drafts sealed until they are discarded or published. Each method raises `Unavailable`."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal

    async def load(self, person: str) -> Draft | None:
        with redis_needed():
            blob = await self._redis.hget(keys.drafts(), person)
        return None if blob is None else self._seal.decode("draft", blob, Draft)

    async def save(self, draft: Draft, statements: Sequence[tuple[str, str]]) -> Draft | None:
        """Keep a draft as its next revision, with the statements that it changes; None where it changed meanwhile."""
        kept = replace(draft, revision=draft.revision + 1)
        touched = Touched(person=draft.person, name=draft.name, statements=tuple(statements))
        with redis_needed():
            done = await script("draft_save")(
                self._redis,
                [keys.draft_revisions(), keys.drafts(), keys.drafts_touched()],
                [
                    draft.person,
                    draft.revision,
                    kept.revision,
                    self._seal.encode("draft", kept),
                    self._seal.encode("touched", touched),
                ],
            )
        return kept if done else None

    async def remove(self, person: str) -> bool:
        """Forget a draft; False where there is none."""
        with redis_needed():
            async with self._redis.pipeline(transaction=True) as pipe:
                for key in (keys.drafts(), keys.drafts_touched(), keys.draft_revisions()):
                    pipe.hdel(key, person)
                removed, *_ = await pipe.execute()
        return bool(removed)

    async def touched(self) -> list[Touched]:
        """What every draft changes."""
        with redis_needed():
            blobs = await self._redis.hvals(keys.drafts_touched())
        return [self._seal.decode("touched", blob, Touched) for blob in blobs]

    async def ask(self, platform: str, message: str, place: Place) -> None:
        """Note what a message asks a text for."""
        with redis_needed():
            await self._redis.set(self._prompt(platform, message), self._seal.encode("place", place), px=_PROMPT)

    async def asked(self, platform: str, message: str) -> Place | None:
        """What a message asks a text for; None where it asks for none, or did so a week ago."""
        with redis_needed():
            blob = await self._redis.get(self._prompt(platform, message))
        return None if blob is None else self._seal.decode("place", blob, Place)

    def _prompt(self, platform: str, message: str) -> str:
        return keys.prompt(self._seal.digest(f"prompt:{platform}:{message}"))
