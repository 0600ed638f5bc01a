"""Mails as files instead of to a mail server: for a demo, and for looking before any mail goes out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final

import msgspec

from rules.contact import Millis
from server.ports import ChannelDown, Clock

__all__ = ["FiledMail", "MailFiles"]

_KEPT: Final = 1000


class FiledMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that was kept: the name of its file, and what a list of mails shows."""

    name: str
    time: Millis
    to: str
    subject: str


class MailFiles:
    """Keeps the newest mails in a directory; hands over as `channels.smtp.Mailer` does."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    async def send(self, sender: str, recipient: str, message: bytes, *, envelope_id: str = "") -> None:
        """Keep one mail. Raises `ChannelDown` where it cannot be written."""
        try:
            await asyncio.to_thread(self._write, message)
        except OSError as error:
            raise ChannelDown(type(error).__name__) from None

    async def close(self) -> None:
        """There is nothing to let go of."""

    def newest(self, limit: int = 100) -> list[FiledMail]:
        """The newest mails, the last one first."""
        found = []
        for path in self._files()[:limit]:
            mail = self.read(path.name)
            if mail is not None:
                time = int(path.name.partition("-")[0])
                found.append(FiledMail(name=path.name, time=time, to=str(mail["To"]), subject=str(mail["Subject"])))
        return found

    def read(self, name: str) -> EmailMessage | None:
        """A mail by the name of its file; None where there is none."""
        path = self._directory / Path(name).name
        try:
            found = message_from_bytes(path.read_bytes(), policy=policy.default)
        except OSError:
            return None
        return found if isinstance(found, EmailMessage) else None

    def _write(self, message: bytes) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{self._clock.now()}-{secrets.token_hex(4)}.eml"
        handle = os.open(self._directory / f".{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(message)
        os.rename(self._directory / f".{name}", self._directory / name)
        for old in self._files()[_KEPT:]:
            with contextlib.suppress(OSError):
                old.unlink()

    def _files(self) -> list[Path]:
        return sorted(self._directory.glob("[0-9]*.eml"), reverse=True) if self._directory.is_dir() else []
