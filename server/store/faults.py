"""Redis's failures, as the one error that services know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from server.errors import Unavailable

__all__ = ["REDIS_FAULTS", "redis_needed"]

REDIS_FAULTS = (RedisError, OSError, EOFError)


@contextmanager
def redis_needed() -> Iterator[None]:
    """Turn a failure of Redis into `Unavailable`."""
    try:
        yield
    except REDIS_FAULTS as error:
        raise Unavailable(
            "the store cannot take this now; try again", code="store_unavailable", reason=type(error).__name__
        ) from error
