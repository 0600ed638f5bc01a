"""Handing mails to a mail server: pooled connections, and what each answer means.

Until the last line of a mail is written nothing was sent; from then until the server's answer nobody knows.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPSenderRefused,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from server.channels.relay import CONNECTIONS, Relay
from server.ports import ChannelBusy, ChannelDown, ChannelError, ChannelRefused, ChannelUnsure

__all__ = ["Mailer"]

_IDLE: Final = 20.0  # seconds after which a connection is not used again
_LONGEST_WAIT: Final = 2.0  # seconds in a queue of our own
_LATER: Final = 60.0  # seconds after which a server that says "not now" is asked again
_LOST: Final = (SMTPServerDisconnected, SMTPTimeoutError, OSError, TimeoutError)
_ENHANCED: Final = re.compile(r"\A([245]\.\d{1,3}\.\d{1,3})\b")
_DEAD: Final = re.compile(r"5\.1\.(?!7\b|8\b)\d+")  # 5.1.7 and 5.1.8 are about the sender
_PERIOD: Final = re.compile(rb"(?m)^\.")


class Mailer:
    """Sends mails through one relay. `seconds`: what the server may take until it takes a mail's text, and `patience`
    from there to its answer."""

    def __init__(
        self, relay: Relay, *, connections: int = CONNECTIONS, seconds: float = 10, patience: float = 15
    ) -> None:
        self._relay = relay
        self._seconds = seconds
        self._patience = patience
        self._free = asyncio.Semaphore(connections)
        self._idle: list[tuple[SMTP, float]] = []
        self._context: ssl.SSLContext | None = None

    async def send(self, sender: str, recipient: str, message: bytes, *, envelope_id: str = "") -> None:
        """Hand one mail over. Raises as `ports.MessageChannel.send` does."""
        try:
            await asyncio.wait_for(self._free.acquire(), _LONGEST_WAIT)
        except TimeoutError:
            raise ChannelBusy("all connections to the mail server are in use", 1.0) from None
        try:
            async with self._prepared(sender, recipient, envelope_id) as smtp:
                await self._hand_over(smtp, message)
        finally:
            self._free.release()

    async def probe(self) -> None:
        """Sign in and say good-bye; raises `ChannelError`."""
        async with asyncio.timeout(self._seconds):
            try:
                smtp = await self._connect()
                await smtp.quit()
            except SMTPAuthenticationError as error:
                raise ChannelDown(f"the mail server refuses user or password ({error.code})") from None
            except (SMTPException, OSError) as error:
                raise ChannelDown(f"the mail server cannot be reached ({type(error).__name__})") from None

    async def close(self) -> None:
        """Say good-bye on every connection."""
        while self._idle:
            smtp, _ = self._idle.pop()
            smtp.close()

    @asynccontextmanager
    async def _prepared(self, sender: str, recipient: str, envelope_id: str) -> AsyncIterator[SMTP]:
        """A connection on which the server waits for the text of a mail; kept for the next one where all went well."""
        smtp: SMTP | None = None
        good = False
        try:
            try:
                async with asyncio.timeout(self._seconds):
                    smtp = await self._addressed(sender, recipient, envelope_id)
            except SMTPAuthenticationError as error:
                raise ChannelDown(f"the mail server refuses user or password ({error.code})") from None
            except SMTPSenderRefused as error:
                raise _refusal(error.code, str(error.message), of_recipient=False) from None
            except _LOST as error:
                raise ChannelDown(f"the mail server cannot be reached ({type(error).__name__})") from None
            except (SMTPException, ssl.SSLError) as error:
                raise ChannelDown(f"the mail server does not fit ({type(error).__name__})") from None
            yield smtp
            good = True
        finally:
            if smtp is not None:
                self._put_away(smtp, good=good)

    async def _addressed(self, sender: str, recipient: str, envelope_id: str) -> SMTP:
        """A connection on which the server has taken sender and recipient. One that had fallen silent is replaced."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            smtp, since = self._idle.pop()
            if smtp.is_connected and now - since < _IDLE:
                with suppress(*_LOST):
                    return await self._address(smtp, sender, recipient, envelope_id)
            smtp.close()
        return await self._address(await self._connect(), sender, recipient, envelope_id)

    async def _connect(self) -> SMTP:
        relay = self._relay
        smtp = SMTP(
            hostname=relay.host,
            port=relay.port,
            username=relay.user or None,
            password=relay.password or None,
            use_tls=relay.encryption == "tls",
            start_tls={"required": True, "optional": None}.get(relay.encryption, False),
            tls_context=self._trust(),
            timeout=self._seconds,
            local_hostname=socket.gethostname() or "localhost",
        )
        try:
            await smtp.connect()
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _trust(self) -> ssl.SSLContext:
        """Whose certificates are believed; reading them takes a while, so it is done once."""
        if self._context is None:
            self._context = ssl.create_default_context()
            if not self._relay.verify:
                self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        return self._context

    async def _address(self, smtp: SMTP, sender: str, recipient: str, envelope_id: str) -> SMTP:
        """MAIL and RCPT; raises `ChannelRefused`, `ChannelBusy`, `ChannelDown` where the server does not take the
        recipient. The connection is kept for another mail, or closed."""
        try:
            await smtp.mail(sender, options=_options(smtp, recipient, envelope_id), encoding="utf-8")
            await smtp.rcpt(recipient, encoding="utf-8")
        except SMTPRecipientRefused as error:
            with suppress(SMTPException, OSError):
                await smtp.rset()
                self._put_away(smtp, good=True)
            raise _refusal(error.code, str(error.message)) from None
        except ChannelError:
            self._put_away(smtp, good=True)
            raise
        except BaseException:
            smtp.close()
            raise
        return smtp

    async def _hand_over(self, smtp: SMTP, message: bytes) -> None:
        """DATA. Once the text is written, an answer that does not come leaves the mail unsure."""
        try:
            async with asyncio.timeout(self._seconds):
                started = await smtp.execute_command(b"DATA")
        except (SMTPException, *_LOST) as error:
            raise ChannelDown(f"the mail server went away ({type(error).__name__})") from None
        if started.code != 354:
            raise _refusal(started.code, started.message)
        protocol = smtp.protocol
        if protocol is None or not protocol.is_connected:
            raise ChannelDown("the mail server went away before it had the text")
        try:
            protocol.write(_PERIOD.sub(b"..", message) + b".\r\n")
            answer = await protocol.read_response(timeout=self._patience)
        except (SMTPException, *_LOST) as error:
            raise ChannelUnsure(f"the mail server's answer was lost ({type(error).__name__})") from None
        if answer.code // 100 != 2:
            raise _refusal(answer.code, answer.message)

    def _put_away(self, smtp: SMTP, *, good: bool) -> None:
        if good and smtp.is_connected:
            self._idle.append((smtp, asyncio.get_running_loop().time()))
        else:
            smtp.close()


def _options(smtp: SMTP, recipient: str, envelope_id: str) -> list[str]:
    """What MAIL asks for beside the sender. Raises `ChannelRefused` where the server cannot write to the recipient."""
    options = []
    if not recipient.isascii():
        if not smtp.supports_extension("smtputf8"):
            raise ChannelRefused("the mail server cannot write to this address (SMTPUTF8)")
        options += ["SMTPUTF8", "BODY=8BITMIME"]
    if envelope_id and smtp.supports_extension("dsn"):
        options += ["RET=HDRS", f"ENVID={envelope_id}"]
    return options


def _refusal(code: int, text: str, *, of_recipient: bool = True) -> ChannelError:
    """What an answer other than yes means. The server's own words may hold addresses, so only its numbers are told."""
    found = _ENHANCED.match(text)
    enhanced = found.group(1) if found else ""
    reason = f"the mail server said {code} {enhanced}".rstrip()
    if code == 421:
        return ChannelDown(reason)
    if code // 100 == 5:
        return ChannelRefused(reason, suppress=of_recipient and bool(_DEAD.fullmatch(enhanced)))
    if code // 100 == 4:
        return ChannelBusy(reason, _LATER)
    return ChannelDown(reason)
