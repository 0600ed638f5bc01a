"""Lua scripts, one verb a file, called by digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

from server.store.wire import exchange

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Script", "script"]


class Script:
    """A script's text and digest. `await script(redis, keys, arguments)` runs it, loading it where needed."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - Redis names scripts by SHA-1

    async def __call__(self, redis: Redis, keys: Sequence[str], arguments: Sequence[Any] = ()) -> Any:
        try:
            return await redis.execute_command("EVALSHA", self.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await redis.execute_command("EVAL", self.text, len(keys), *keys, *arguments)

    async def each(self, redis: Redis, calls: Sequence[tuple[Sequence[str], Sequence[Any]]]) -> list[Any]:
        """Run it once for each pair of keys and arguments, in order and in one round trip; the answers."""
        head = ("EVALSHA", self.sha)
        answers = await exchange(redis, [(*head, len(keys), *keys, *arguments) for keys, arguments in calls])
        for index, answer in enumerate(answers):
            if isinstance(answer, NoScriptError):
                answers[index] = await self(redis, *calls[index])
            elif isinstance(answer, Exception):
                raise answer
        return answers


@cache
def script(name: str) -> Script:
    """The script lua/NAME.lua."""
    return Script((Path(__file__).parent / "lua" / f"{name}.lua").read_text())
