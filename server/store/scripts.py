"""Lua scripts, one verb a file, called by digest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

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


@cache
def script(name: str) -> Script:
    """The script lua/NAME.lua."""
    return Script((Path(__file__).parent / "lua" / f"{name}.lua").read_text())
