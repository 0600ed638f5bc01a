"""Commands to Redis in bulk: packed by hiredis, sent at once, answered in order.

redis-py's asynchronous client packs each word in Python, which costs more than everything else of a large append or
commit; this is its pipeline without that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import hiredis
from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Word", "exchange"]

Word: TypeAlias = str | bytes | int


async def exchange(redis: Redis, commands: Sequence[Sequence[Word]]) -> list[Any]:
    """The answers to commands, in their order; a `ResponseError` stands in the place of one that Redis refused.

    Raises `redis.ConnectionError` or `OSError` where the connection breaks: then nobody knows what took effect.
    """
    pool = redis.connection_pool
    connection = await pool.get_connection()
    try:
        packed = [hiredis.pack_command(tuple(words)) for words in commands]  # type: ignore[arg-type] # stub: one word
        await connection.send_packed_command(b"".join(packed))
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await connection.read_response())
            except ResponseError as error:
                answers.append(error)
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    finally:
        await pool.release(connection)
    return answers
