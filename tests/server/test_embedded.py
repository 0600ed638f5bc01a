"""The redis-server of a one-machine installation."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from server.data_dir import DataDirError, lock_data, secret_key, socket_path
from server.embedded import EmbeddedError, EmbeddedRedis, find_redis_server

STARTS_AND_WAITS = """
import asyncio, sys
from pathlib import Path
from server.embedded import EmbeddedRedis

async def main():
    embedded = EmbeddedRedis(Path(sys.argv[1]))
    await embedded.start()
    print(embedded.process.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path / "data")
    await server.start()
    yield server
    await server.stop()


async def ask(server: EmbeddedRedis, *words: str) -> object:
    async with Redis.from_url(server.url) as client:
        return await client.execute_command(*words)


async def test_every_write_is_on_disk_before_it_is_answered_and_nothing_is_evicted(embedded: EmbeddedRedis) -> None:
    assert await ask(embedded, "CONFIG", "GET", "appendfsync") == [b"appendfsync", b"always"]
    assert await ask(embedded, "CONFIG", "GET", "appendonly") == [b"appendonly", b"yes"]
    assert await ask(embedded, "CONFIG", "GET", "maxmemory-policy") == [b"maxmemory-policy", b"noeviction"]


async def test_it_listens_on_a_socket_that_nobody_else_may_reach(embedded: EmbeddedRedis) -> None:
    assert await ask(embedded, "CONFIG", "GET", "port") == [b"port", b"0"]
    assert embedded.socket.parent.stat().st_mode & 0o777 == 0o700
    assert embedded.directory.stat().st_mode & 0o777 == 0o700


async def test_data_are_there_again_after_a_stop(embedded: EmbeddedRedis) -> None:
    await ask(embedded, "SET", "k", "v")
    await embedded.stop()
    assert not embedded.socket.exists()
    await embedded.start()
    assert await ask(embedded, "GET", "k") == b"v"


async def test_data_are_there_again_after_a_kill(embedded: EmbeddedRedis) -> None:
    await ask(embedded, "SET", "k", "v")
    assert embedded.process is not None
    embedded.process.kill()
    await embedded.process.wait()
    await embedded.start()
    assert await ask(embedded, "GET", "k") == b"v"


async def test_an_orphan_is_ended_before_another_server_starts(embedded: EmbeddedRedis, tmp_path: Path) -> None:
    await ask(embedded, "SET", "k", "v")
    second = EmbeddedRedis(tmp_path / "data")
    await second.start()
    try:
        assert embedded.process is not None
        assert await asyncio.wait_for(embedded.process.wait(), 5) == 0
        assert await ask(second, "GET", "k") == b"v"
    finally:
        await second.stop()


async def test_an_orphan_that_no_longer_answers_is_killed(embedded: EmbeddedRedis, tmp_path: Path) -> None:
    assert embedded.process is not None
    embedded.socket.unlink()
    second = EmbeddedRedis(tmp_path / "data")
    await second.start()
    try:
        assert await asyncio.wait_for(embedded.process.wait(), 5) == -signal.SIGKILL
    finally:
        await second.stop()


async def test_it_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", STARTS_AND_WAITS, tmp_path / "data"], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(await asyncio.to_thread(parent.stdout.readline))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(500):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        await asyncio.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the redis-server outlived its parent by five seconds")


async def test_a_long_data_directory_gets_a_socket_elsewhere(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 25)
    path = socket_path(data)
    assert len(os.fsencode(path)) <= 107
    assert not path.is_relative_to(tmp_path)
    server = EmbeddedRedis(data)
    await server.start()
    assert await ask(server, "PING") is True
    await server.stop()
    path.parent.rmdir()


async def test_data_of_a_newer_server_are_refused(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "version").write_text("99.1")
    with pytest.raises(EmbeddedError, match=r"written by redis-server 99\.1"):
        await server.start()


async def test_a_server_that_cannot_start_tells_its_own_last_words(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path, fsync="sometimes")
    with pytest.raises(EmbeddedError, match="ended at once"):
        await server.start()


def test_one_data_directory_belongs_to_one_installation_at_a_time(tmp_path: Path) -> None:
    lock = lock_data(tmp_path / "data")
    with pytest.raises(DataDirError, match=f"runs already .*process {os.getpid()}"):
        lock_data(tmp_path / "data")
    os.close(lock)
    os.close(lock_data(tmp_path / "data"))


def test_a_data_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataDirError, match="set RELANCE_DATA_DIR"):
        lock_data(tmp_path / "file")


def test_the_secret_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    made = secret_key(tmp_path / "data")
    assert len(made) == 64
    assert secret_key(tmp_path / "data") == made
    assert (tmp_path / "data" / "secret.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret.key"]


def test_a_key_that_should_be_there_is_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match="RELANCE_SECRET_KEY"):
        secret_key(tmp_path, make=False)


def test_a_server_is_found_that_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=5.0.7 sha=0 malloc=libc bits=64'\n")
    old.chmod(0o755)
    new = tmp_path / "valkey-server"
    new.write_text("#!/bin/sh\necho 'Valkey server v=8.0.1 sha=0 malloc=libc bits=64'\n")
    new.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_redis_server() == new
    new.unlink()
    assert find_redis_server() != old
