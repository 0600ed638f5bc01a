"""The data directory of an installation: who holds it, its key, where its redis-server listens.

lock            held by the process that runs this installation; a second one is refused
secret.key      the installation's key, where the environment gives none
redis/          the redis-server's append-only file, log and version
redis/lock      inherited by the redis-server: while one lives, even without its supervisor, no other can start here
run/redis.sock  the socket (elsewhere where this path would be too long for one)
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Final

__all__ = ["DataDirError", "lock_data", "private_directory", "secret_key", "socket_path", "socket_url", "try_lock"]

LONGEST_SOCKET_PATH: Final = 107  # sockaddr_un has 108 bytes, the last is NUL


class DataDirError(Exception):
    """The data directory cannot be used; the message says why and what to do. `wrong`: no try would do better."""

    def __init__(self, message: str, *, wrong: bool = False) -> None:
        super().__init__(message)
        self.wrong = wrong


def lock_data(data_dir: Path) -> int:
    """Make the data directory where there is none and hold it for this process; return the lock's descriptor.

    Raises DataDirError where another process has it, or where it cannot be written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise DataDirError(
            f"{data_dir} cannot be written ({problem.strerror}): set RELANCE_DATA_DIR", wrong=True
        ) from None
    if not try_lock(lock):
        holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        raise DataDirError(
            f"Relance runs already on {data_dir} (process {holder}): stop it, or set RELANCE_DATA_DIR for a second one"
        )
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def secret_key(data_dir: Path, *, make: bool = True) -> str:
    """Read the installation's key from its data directory; on the first start make it, readable by its owner alone.

    Raises DataDirError where there is none and `make` is False.
    """
    path = data_dir / "secret.key"
    if path.exists():
        return path.read_text().strip()
    if not make:
        raise DataDirError(
            f"{path} is not there: set RELANCE_SECRET_KEY to the installation's key, or RELANCE_DATA_DIR"
        )
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = secrets.token_hex(32)
    with tempfile.NamedTemporaryFile("w", dir=data_dir, delete=False) as draft:  # 0600 from the start
        draft.write(made + "\n")
        draft.flush()
        os.fsync(draft.fileno())
    try:
        os.link(draft.name, path)  # fails where another process was first
    except FileExistsError:
        made = path.read_text().strip()
    finally:
        os.unlink(draft.name)
    _sync_directory(data_dir)
    return made


def socket_path(data_dir: Path) -> Path:
    """Where the embedded server of a data directory listens: the same answer for every process of this user."""
    inside = data_dir.resolve() / "run" / "redis.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    mark = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    return Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp") / f"relance-{os.getuid()}-{mark}" / "redis.sock"  # noqa: S108


def socket_url(data_dir: Path) -> str:
    """The `unix://` URL of `socket_path`."""
    return f"unix://{socket_path(data_dir)}"


def try_lock(descriptor: int) -> bool:
    """Take a file's lock for as long as its descriptor, or a copy in a child, is open; False where somebody has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def private_directory(path: Path) -> None:
    """Make a directory that nobody else may enter; refuse one that is another user's."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        raise DataDirError(f"{path} belongs to somebody else: remove it, or set RELANCE_DATA_DIR")
    path.chmod(0o700)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
