"""`relance run`: every process of an installation on this machine, kept alive, stopped in order."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from server.data_dir import lock_data, secret_key
from server.embedded import EmbeddedRedis, die_with_parent
from server.settings import Settings, SettingsError

__all__ = ["CHILDREN", "Child", "Supervisor"]

log = structlog.get_logger(__name__)

CHILDREN: Final = ("server", "engine", "worker")  # also the order in which they stop: first who takes, last who gives

_ROOT: Final = str(Path(__file__).parent.parent)  # a directory `server` where `relance` is called hides nothing
_STOP_SECONDS: Final = 15.0
_FIRST_PAUSE: Final = 0.1  # seconds before a child that died is started again; doubles up to the longest
_LONGEST_PAUSE: Final = 5.0
_MISCONFIGURED: Final = 2  # a child's exit status where trying again changes nothing
_STEADY: Final = 10.0  # seconds after which a child that runs is taken to be well again


class Child:
    """One process that is started again whenever it ends by itself."""

    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        self.name = name
        self._environ = {**environ, "PYTHONPATH": os.pathsep.join(filter(None, (_ROOT, environ.get("PYTHONPATH"))))}
        self._process: asyncio.subprocess.Process | None = None

    async def keep_alive(self) -> None:
        """Run the process, again and again with growing pauses, until cancelled."""
        pause = _FIRST_PAUSE
        while True:
            started = time.monotonic()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "server", self.name,
                env=self._environ,
                start_new_session=True,  # a ^C in the terminal is for the supervisor, who stops the children in order
                preexec_fn=die_with_parent(signal.SIGKILL),
            )  # fmt: skip
            status = await self._process.wait()
            if status == _MISCONFIGURED:
                raise SettingsError(f"the {self.name} cannot start with these settings; it says why above")
            if time.monotonic() - started > _STEADY:
                pause = _FIRST_PAUSE
            log.warning("process ended; it is started again", child=self.name, status=status, pause=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def stop(self) -> None:
        """Ask the process to finish what it has in hand; kill it when that takes too long."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            log.warning("process does not end and is killed", child=self.name)
            process.kill()
            await process.wait()
        log.info("stopped", child=self.name, status=process.returncode)


class Supervisor:
    """Starts the embedded redis-server (unless the settings name another) and the children, and keeps them alive."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], *, children: Sequence[str] = CHILDREN) -> None:
        self._settings = settings
        self._redis = None if settings.redis_url else EmbeddedRedis(settings.data_dir, fsync=settings.fsync)
        self._children = [Child(name, environ) for name in children]

    async def run(
        self, stop: asyncio.Event, prepare: Callable[[], Awaitable[None]], ready: Callable[[], Awaitable[None]]
    ) -> None:
        """Run everything until `stop` is set.

        `prepare` is called when Redis has loaded its data, `ready` when that is done and `/ready` answers 200. Raises
        DataDirError, EmbeddedError, SettingsError where this installation cannot start or go on.
        """
        lock = lock_data(self._settings.data_dir)
        try:
            await _need_free_port(self._settings.host, self._settings.port)
            if not self._settings.secret_key:
                secret_key(self._settings.data_dir)
            if self._redis is not None:
                await self._redis.spawn()
            await self._run_children(stop, prepare, ready)
        finally:
            if self._redis is not None and self._redis.process is not None:
                await self._redis.stop()
                log.info("stopped", child="redis-server")
            os.close(lock)

    async def _run_children(
        self, stop: asyncio.Event, prepare: Callable[[], Awaitable[None]], ready: Callable[[], Awaitable[None]]
    ) -> None:
        loaded = asyncio.Event()

        async def begin() -> None:
            await loaded.wait()
            await asyncio.gather(prepare(), self._until_ready())
            await ready()
            await stop.wait()

        # The children start while Redis loads: they import what they need, and wait for it.
        keepers = [asyncio.create_task(child.keep_alive()) for child in self._children]
        watchers = [asyncio.create_task(begin()), asyncio.create_task(_wait(stop))]
        if self._redis is None:
            loaded.set()
        else:
            watchers.append(asyncio.create_task(self._keep_redis(self._redis, loaded)))
        try:
            done, _ = await asyncio.wait([*watchers, *keepers], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # but for `stop`, a task ends only by an error that no new try mends
        finally:
            await _cancel(keepers)
            for child in self._children:
                await child.stop()
            await _cancel(watchers)

    async def _keep_redis(self, redis: EmbeddedRedis, loaded: asyncio.Event) -> None:
        """Say when the redis-server has loaded its data, and start it again whenever it ends by itself."""
        await redis.until_loaded()
        loaded.set()
        while redis.process is not None:
            status = await redis.process.wait()
            log.warning("redis-server ended; it is started again", status=status)
            await redis.start()

    async def _until_ready(self) -> None:
        host = "127.0.0.1" if self._settings.host in ("0.0.0.0", "::") else self._settings.host  # noqa: S104
        while not await _says_ready(host, self._settings.port):  # noqa: ASYNC110 - another process says it
            await asyncio.sleep(0.05)


async def _says_ready(host: str, port: int) -> bool:
    """Whether GET /ready answers 200."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        writer.write(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return b" 200 " in await asyncio.wait_for(reader.readline(), 5)
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


async def _need_free_port(host: str, port: int) -> None:
    """Raise SettingsError where the server could not listen: better said once than by a child that never starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for patience in (0.2, 0.8, 0):  # seconds in which the children of a supervisor that was killed are gone
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((host, port))
            except OSError as problem:
                reason = problem.strerror
            else:
                return
        await asyncio.sleep(patience)
    raise SettingsError(f"RELANCE_HOST and RELANCE_PORT: {host}:{port} cannot be used ({reason}); choose another")


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
