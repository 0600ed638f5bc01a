"""E-mail, as `relance doctor` looks at it: the mail server, and what the sender's domain says of itself in DNS."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import dns.asyncresolver
import dns.exception
import dns.resolver
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from server.channels.dkim import Signer
from server.channels.mail_address import mailbox
from server.channels.relay import read_relay
from server.channels.smtp import Mailer
from server.finding import Finding
from server.ports import ChannelError
from server.settings import LOCAL_MAIL, Settings

__all__ = ["Ask", "examine_mail", "texts_of"]

Ask: TypeAlias = Callable[[str], Awaitable[Sequence[str] | None]]

_SECONDS: Final = 5.0


async def texts_of(name: str) -> Sequence[str] | None:
    """The TXT records of a name; None where no resolver answers."""
    resolver = dns.asyncresolver.Resolver()
    try:
        answer = await resolver.resolve(name, "TXT", lifetime=_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except (dns.exception.DNSException, OSError):
        return None
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


async def examine_mail(settings: Settings, ask: Ask = texts_of) -> AsyncIterator[Finding]:
    """Look at everything that mails need; `ask` looks up TXT records."""
    if not settings.smtp_url:
        yield Finding("e-mail", "note", "off: RELANCE_SMTP_URL and RELANCE_MAIL_FROM turn it on")
        return
    if settings.smtp_url == LOCAL_MAIL:
        yield Finding("e-mail", "note", f"mails go nowhere: they are kept, and shown at {settings.url}/mailbox")
        return
    yield await _server(settings)
    if not settings.public_url.startswith("https://"):
        text = "RELANCE_PUBLIC_URL is not https: mail programs offer no unsubscribing by one click"
        yield Finding("e-mail", "note", text)
    sender = mailbox(settings.mail_from)
    bounces = settings.mail_bounces or sender.address
    yield await _spf(bounces.rpartition("@")[2], ask)
    yield await _dkim(settings, sender.domain, ask)
    yield await _dmarc(sender.domain, ask)


async def _server(settings: Settings) -> Finding:
    relay = read_relay(settings.smtp_url)
    try:
        await Mailer(relay).probe()
    except (ChannelError, TimeoutError) as problem:
        reason = problem.reason if isinstance(problem, ChannelError) else "the mail server does not answer"
        return Finding("mail server", "wrong", f"{reason}: is RELANCE_SMTP_URL right?")
    return Finding("mail server", "good", f"{relay.host} lets us in")


async def _spf(domain: str, ask: Ask) -> Finding:
    found = await ask(domain)
    if found is None:
        return _unasked("SPF")
    records = [text for text in found if text.lower().startswith("v=spf1")]
    if not records:
        return Finding("SPF", "wrong", f"{domain} has none: publish what your mail service tells, as `v=spf1 … ~all`")
    if len(records) > 1:
        return Finding("SPF", "wrong", f"{domain} has {len(records)}, which counts as none: join them into one")
    return Finding("SPF", "good", f"{domain} says who may send for it")


async def _dkim(settings: Settings, domain: str, ask: Ask) -> Finding:
    if not settings.dkim_key:
        text = "off: let the mail server sign, or set RELANCE_DKIM_KEY and RELANCE_DKIM_SELECTOR"
        return Finding("DKIM", "note", text)
    try:
        ours = _public_key(settings, domain)
    except ValueError as problem:
        return Finding("DKIM", "wrong", f"RELANCE_DKIM_KEY {problem}")
    name = f"{settings.dkim_selector}._domainkey.{domain}"
    found = await ask(name)
    if found is None:
        return _unasked("DKIM")
    if any(_tag(text, "p") == ours for text in found):
        return Finding("DKIM", "good", f"{name} holds our key")
    wrong = "holds another key" if found else "is not there"
    return Finding("DKIM", "wrong", f"{name} {wrong}: publish the TXT record v=DKIM1; k=rsa; p={ours}")


def _public_key(settings: Settings, domain: str) -> str:
    """The public part of our key, as DNS has it; raises `ValueError`."""
    path = Path(settings.dkim_key).expanduser()
    Signer.read(path, settings.dkim_selector, domain)
    public = load_pem_private_key(path.read_bytes(), password=None).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


async def _dmarc(domain: str, ask: Ask) -> Finding:
    labels = domain.split(".")
    for start in range(max(len(labels) - 1, 1)):  # the domain itself, then those above it
        found = await ask("_dmarc." + ".".join(labels[start:]))
        if found is None:
            return _unasked("DMARC")
        for text in found:
            if text.lower().startswith("v=dmarc1"):
                return Finding("DMARC", "good", f"{domain} asks for p={_tag(text, 'p') or 'none'}")
    text = f"{domain} has none, and large mailboxes ask for one: publish _dmarc.{domain} TXT `v=DMARC1; p=none`"
    return Finding("DMARC", "wrong", text)


def _unasked(subject: str) -> Finding:
    return Finding(subject, "note", "no DNS resolver answers here, so it was not looked at")


def _tag(record: str, name: str) -> str:
    """The value of a tag of a record such as `v=DKIM1; p=…`."""
    for part in record.split(";"):
        tag, _, value = part.partition("=")
        if tag.strip() == name:
            return "".join(value.split())
    return ""
