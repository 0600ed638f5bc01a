"""Row 12: `relance run` on existing data until it is ready, against redis-server loading the same file alone.

The data are keys as an installation has them for a contact of ten attributes, twenty events, two consents, three
segments and two identities. What lies in them is random bytes of the right length, as sealed bytes look.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from rules.contact import Consent, Contact, Event, Membership
from server.data_dir import socket_path
from server.embedded import find_redis_server
from server.store import keys
from server.store.codec import Sealer
from tests.bench.table import Measured, Row
from tests.installation import Installation

CONTACTS = int(os.environ.get("RELANCE_BENCH_CONTACTS", "100000"))
JUDGED = 1_000_000  # fewer are loaded sooner than the processes start: then their own start is most of the figure
REPEATS = 3
TARGET = 1.3
PARTITIONS = 64


def run() -> Row:
    """Seconds until ready and until loaded, on the same directory, in turn."""
    directory = Path(tempfile.mkdtemp(prefix="relance-start-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    try:
        installation = Installation(directory)
        _start(installation)
        data = directory / "data"
        _fill(data)
        ours, alone = Measured(), Measured()
        for repeat in range(REPEATS + 1):
            bare, whole = _load(data), _start(installation)
            if repeat:  # the first warms the page cache up
                alone.values.append(bare)
                ours.values.append(whole)
        ratio = ours.median / alone.median
        size = (data / "redis" / "appendonly.aof").stat().st_size >> 20
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return Row(
        12,
        f"start on {CONTACTS:,} contacts ({size:,} MB) → ready",
        ours.text("s", 2),
        f"redis-server alone: {alone.text('s', 2)}",
        f"{ratio:.2f} ×",
        f"≤ {TARGET} × of {JUDGED:,} (RELANCE_BENCH_CONTACTS)",
        ratio <= TARGET if CONTACTS >= JUDGED else None,
    )


def _start(installation: Installation) -> float:
    """Seconds from the command to ready; it is stopped again."""
    began = time.perf_counter()
    installation.start(600)
    took = time.perf_counter() - began
    installation.stop()
    return took


def _load(data: Path) -> float:
    """Seconds that redis-server needs for the same file."""
    began = time.perf_counter()
    server, client = serve(data)
    took = time.perf_counter() - began
    client.close()
    server.terminate()
    server.wait(60)
    return took


def serve(data: Path) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """A bare redis-server on an installation's file, loaded."""
    path = socket_path(data)
    path.unlink(missing_ok=True)
    server = subprocess.Popen(
        [
            find_redis_server(), "--port", "0", "--unixsocket", path, "--dir", data / "redis", "--appendonly", "yes",
            "--appendfsync", "no", "--save", "", "--auto-aof-rewrite-percentage", "0",
        ],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    client = socket.socket(socket.AF_UNIX)
    while True:
        try:
            client.connect(str(path))
            break
        except OSError:
            time.sleep(0.005)
    while _say(client, b"PING\r\n") != b"+PONG":
        time.sleep(0.005)
    return server, client


def _say(client: socket.socket, words: bytes) -> bytes:
    client.sendall(words)
    return client.recv(4096).split(b"\r\n")[0]


def _fill(data: Path) -> None:
    """Write the contacts, and rewrite the file as the server itself does when it has doubled."""
    server, client = serve(data)
    client.setblocking(True)
    chance = random.Random(1)
    length = len(Sealer({1: bytes(32)}, b"k").encode("contact", _contact())) // 3  # as packed by a dictionary
    batch: list[bytes] = []
    for number in range(CONTACTS):
        batch += _commands(f"u{number:017d}", chance, length)
        if len(batch) >= 5_000:
            _send(client, batch)
    _send(client, batch)
    client.sendall(b"BGREWRITEAOF\r\n")
    client.recv(4096)
    while b"aof_rewrite_in_progress:0" not in _info(client):
        time.sleep(0.2)
    client.close()
    server.terminate()
    server.wait(120)


def _send(client: socket.socket, batch: list[bytes]) -> None:
    """Send commands and take their answers, one line each."""
    count = len(batch)
    client.sendall(b"".join(batch))
    batch.clear()
    lines = 0
    while lines < count:
        lines += client.recv(1 << 20).count(b"\r\n")


def _info(client: socket.socket) -> bytes:
    client.sendall(b"INFO persistence\r\n")
    return client.recv(1 << 16)


def _commands(contact: str, chance: random.Random, length: int) -> list[bytes]:
    partition = keys.partition_of(contact, PARTITIONS)
    bucket = keys.bucket_of(contact, PARTITIONS)
    score, sealed = str(chance.randrange(1000)), chance.randbytes(length)
    commands = [
        _command("HSET", keys.contacts(partition, bucket), contact, sealed),
        _command("HSET", keys.consents(partition, bucket), contact, chance.randbytes(350)),
    ]
    for namespace in ("user", "email"):
        name = keys.identity(namespace, chance.randbytes(12).hex())
        commands.append(_command("HSET", name[: -keys.IDENTITY_FIELD], name[-keys.IDENTITY_FIELD :], contact))
    for segment in range(3):
        commands.append(_command("ZADD", keys.segment(partition, f"s{segment}"), score, contact))
    return commands


def _command(*words: str | bytes) -> bytes:
    parts = [word if isinstance(word, bytes) else word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def _contact() -> Contact:
    """One that is as large as most."""
    time = 1_700_000_000_000
    event = Event(
        "Product Viewed", time, {"price": 129, "category": "shoes", "url": "https://shop.example/p/1"}, "shop"
    )
    consent = Consent(status="granted", since=time, granted=((time, None),))
    return Contact(
        id="u" * 18,
        identities=[("user", "1234567"), ("email", "ada.lovelace@example.com")],
        attributes={f"attribute_{number}": f"a value of {number}" for number in range(10)},
        consents={"newsletter": consent, "offers": consent},
        segments={f"s{number}": Membership(entered=time, entry="1-1", version=1) for number in range(3)},
        tail=[event] * 20,
    )
