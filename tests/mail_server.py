"""A real SMTP server in the test's own loop, which keeps what it takes and answers as a test scripts it."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

__all__ = ["MailServer", "ReceivedMail", "certificate", "mail_server"]


class ReceivedMail(NamedTuple):
    """A mail that was taken: its envelope, its bytes, and what they say."""

    sender: str
    recipient: str
    raw: bytes
    options: list[str]

    @property
    def message(self) -> EmailMessage:
        found: Any = message_from_bytes(self.raw, policy=default)
        return found  # type: ignore[no-any-return]

    def part(self, subtype: str) -> str:
        """The text of the part `text/<subtype>`."""
        for part in self.message.walk():
            if part.get_content_type() == f"text/{subtype}":
                return str(part.get_content())
        raise AssertionError(f"no text/{subtype}")


class MailServer:
    """What the server took, and what it answers next.

    `at_mail`, `at_rcpt`, `at_data` hold answers ("550 5.1.1 no such user"); "" and nothing: yes. In `at_data` "drops"
    ends the connection when the text has come, "hangs" answers nothing, "took, drops" keeps the mail first, "waits"
    does so and answers after `go_on`.
    """

    def __init__(self) -> None:
        self.port = 0
        self.mails: list[ReceivedMail] = []
        self.connections = 0
        self.go_on = asyncio.Event()
        self.at_mail: deque[str] = deque()
        self.at_rcpt: deque[str] = deque()
        self.at_data: deque[str] = deque()
        self.sessions: list[SMTP] = []

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def drop_connections(self) -> None:
        """End every connection that is open."""
        for session in self.sessions:
            if session.transport is not None:
                session.transport.close()

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        answer = self.at_mail.popleft() if self.at_mail else ""
        if not answer:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer or "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        answer = self.at_rcpt.popleft() if self.at_rcpt else ""
        if not answer:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        answer = self.at_data.popleft() if self.at_data else ""
        if not answer or answer in ("took, drops", "waits"):
            [recipient] = envelope.rcpt_tos
            content: bytes = envelope.original_content
            self.mails.append(ReceivedMail(envelope.mail_from, recipient, content, list(envelope.mail_options)))
        if answer.endswith("drops"):
            server.transport.close()
            await asyncio.sleep(0)
        if answer == "hangs":
            await asyncio.sleep(3600)
        if answer == "waits":
            await self.go_on.wait()
        return answer if answer[:1].isdigit() else "250 OK"


def certificate(directory: Path) -> ssl.SSLContext:
    """What a server on this machine proves itself with; nobody else vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1)).sign(key, SHA256())
    )  # fmt: skip
    path = directory / "mail.pem"
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(plain + made.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@asynccontextmanager
async def mail_server(
    *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None, password: str = ""
) -> AsyncIterator[MailServer]:
    """A mail server on a free port of this machine; with a password it lets in the user `news` alone."""
    mails = MailServer()

    def lets_in(server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(handled=False, success=(data.login, data.password) == (b"news", password.encode()))

    def session() -> SMTP:
        mails.connections += 1
        one = SMTP(
            mails, hostname="mail.test", enable_SMTPUTF8=True, tls_context=starttls, auth_required=bool(password),
            authenticator=lets_in if password else None,
        )  # fmt: skip
        mails.sessions.append(one)
        return one

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=tls)
    mails.port = server.sockets[0].getsockname()[1]
    try:
        yield mails
    finally:
        mails.drop_connections()
        server.close()
        await asyncio.sleep(0)
