"""`relance doctor` on e-mail: the mail server, SPF, DKIM and DMARC."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from server.finding import Finding
from server.mail_doctor import Ask, examine_mail
from server.settings import Settings, SettingsError, load_settings
from tests.installation import free_port
from tests.mail_server import MailServer, mail_server


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as running:
        yield running


@pytest.fixture
def key(tmp_path: Path) -> tuple[Path, str]:
    """The path of a private key, and its public part as DNS has it."""
    made = generate_private_key(65537, 1024)
    path = tmp_path / "dkim.pem"
    path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return path, base64.b64encode(public).decode()


def settings(url: str, **more: object) -> Settings:
    fields = {"smtp_url": url, "mail_from": "Shop <news@mail.shop.example>", "public_url": "https://r.example"}
    return Settings(**{**fields, **more})


def dns(records: dict[str, str]) -> Ask:
    async def ask(name: str) -> Sequence[str]:
        return [records[name]] if name in records else []

    return ask


async def looked(known: Settings, ask: Ask) -> dict[str, Finding]:
    return {finding.subject: finding async for finding in examine_mail(known, ask)}


async def test_all_is_well(server, key):
    path, public = key
    records = {
        "mail.shop.example": "v=spf1 include:mx.example ~all",
        "s1._domainkey.mail.shop.example": f"v=DKIM1; k=rsa; p={public[:100]} {public[100:]}",
        "_dmarc.shop.example": "v=DMARC1; p=quarantine",
    }
    found = await looked(settings(server.url, dkim_key=str(path), dkim_selector="s1"), dns(records))
    assert {finding.verdict for finding in found.values()} == {"good"}
    assert set(found) == {"mail server", "SPF", "DKIM", "DMARC"}
    assert server.mails == []


async def test_what_is_missing_is_told_with_what_to_do(server, key):
    path, public = key
    known = settings(server.url, dkim_key=str(path), dkim_selector="s1", public_url="http://r.example")
    found = await looked(known, dns({}))
    assert {subject for subject, finding in found.items() if finding.verdict == "wrong"} == {"SPF", "DKIM", "DMARC"}
    assert f"v=DKIM1; k=rsa; p={public}" in found["DKIM"].text
    assert "one click" in found["e-mail"].text


async def test_another_key_in_dns_is_found_out(server, key):
    path, _ = key
    known = settings(server.url, dkim_key=str(path), dkim_selector="s1")
    found = await looked(known, dns({"s1._domainkey.mail.shop.example": "v=DKIM1; p=AAAA"}))
    assert "another key" in found["DKIM"].text


async def test_without_a_resolver_nothing_is_claimed(server):
    async def silent(name: str) -> None:
        return None

    found = await looked(settings(server.url), silent)
    assert {found[subject].verdict for subject in ("SPF", "DKIM", "DMARC")} == {"note"}


async def test_a_mail_server_that_is_away_is_told():
    found = await looked(settings(f"smtp://127.0.0.1:{free_port()}"), dns({}))
    assert found["mail server"].verdict == "wrong"


async def test_without_e_mail_nobody_is_asked():
    assert [(one.subject, one.verdict) async for one in examine_mail(Settings())] == [("e-mail", "note")]


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"SMTP_URL": "smtp://h"}, "RELANCE_MAIL_FROM must be set"),
        ({"SMTP_URL": "mail.example"}, "RELANCE_SMTP_URL must be smtp://"),
        ({"SMTP_URL": "smtp://u:secret@h:x", "MAIL_FROM": "a@b.example"}, "RELANCE_SMTP_URL must be"),
        ({"MAIL_FROM": "nobody"}, "RELANCE_MAIL_FROM must be an address"),
        ({"DKIM_KEY": "k.pem"}, "RELANCE_DKIM_SELECTOR must be set"),
        ({"MAIL_RATE": "-1"}, "RELANCE_MAIL_RATE must be a whole number"),
    ],
)
def test_a_wrong_setting_is_one_line_without_secrets(environ, named):
    with pytest.raises(SettingsError, match=named) as caught:
        load_settings({f"RELANCE_{name}": value for name, value in environ.items()})
    assert "secret" not in str(caught.value)
