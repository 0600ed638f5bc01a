"""The environment as typed settings. Entry points read them; everything else is handed what it needs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from server.channels.mail_address import mailbox
from server.channels.relay import read_relay

__all__ = ["LOCAL_MAIL", "SETTINGS", "Settings", "SettingsError", "load_settings", "unknown_settings"]

PREFIX: Final = "RELANCE_"

LOCAL_MAIL: Final = "local:"  # mails are kept in the data directory, and looked at in a browser


class SettingsError(Exception):
    """A variable of the environment is wrong or missing; the message, one line, names it and says what to write."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an installation is told by its environment: `RELANCE_PORT` is `port`. Unset text is ""."""

    redis_url: str = ""  # none: the embedded redis-server
    queue_redis_url: str = ""  # none: the same as redis_url
    data_dir: Path = Path("data")
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""
    secret_key: str = ""  # none: made and kept in data_dir
    slack_bot_token: tuple[str, ...] = ()  # one a workspace
    slack_signing_secret: tuple[str, ...] = ()  # one for all, or one for each bot token
    slack_app_token: tuple[str, ...] = ()  # Socket Mode; as many as secrets
    slack_api_url: str = ""
    telegram_token: str = ""
    telegram_secret: str = ""
    telegram_api_url: str = ""
    smtp_url: str = ""  # none: no e-mail
    mail_from: str = ""
    mail_reply_to: str = ""
    mail_bounces: str = ""  # none: the address of mail_from
    mail_rate: int = 0  # mails a second of all workers; 0: any
    dkim_key: str = ""  # path
    dkim_selector: str = ""
    timezone: str = "UTC"
    language: str = "en"
    log_level: str = "info"
    partitions: int = 64
    fsync: str = "always"
    allow_private_urls: bool = False
    channels: str = ""  # path; none: channels.toml in data_dir, if it is there

    @property
    def url(self) -> str:
        """Where others reach this installation, without a final slash."""
        return self.public_url or f"http://localhost:{self.port}"


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from an environment; a variable that is empty counts as not set.

    Raises SettingsError for the first value that is wrong.
    """
    values: dict[str, Any] = {}
    for name, read in SETTINGS.items():
        text = environ.get(PREFIX + name.upper(), "").strip()
        if not text:
            continue
        try:
            values[name] = read(text)
        except ValueError as problem:
            raise SettingsError(f"{PREFIX}{name.upper()} {problem}") from None
    for name, needed in _TOGETHER.items():
        if name in values and needed not in values:
            raise SettingsError(f"{PREFIX}{needed.upper()} must be set where {PREFIX}{name.upper()} is")
    for name, beside in _BESIDE.items():
        if len(values.get(name, ())) not in (0, 1, len(values.get(beside, ()))):
            raise SettingsError(
                f"{PREFIX}{name.upper()} must be one value, or one for each of {PREFIX}{beside.upper()}, in that order"
            )
    return Settings(**values)


def unknown_settings(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """List the `RELANCE_…` variables that are no settings, each with the setting that was probably meant, or ""."""
    known = [PREFIX + name.upper() for name in SETTINGS]
    strangers = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return [(name, next(iter(difflib.get_close_matches(name, known, 1)), "")) for name in strangers]


def _text(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds characters that cannot be printed")
    return text


def _several(read: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """Values with commas between them."""

    def read_all(text: str) -> tuple[str, ...]:
        values = tuple(value.strip() for value in text.split(","))
        if not all(values):
            raise ValueError("must have a value on both sides of each comma")
        return tuple(read(value) for value in values)

    return read_all


def _bot_tokens(text: str) -> tuple[str, ...]:
    tokens = _several(_bot_token)(text)
    if len(set(tokens)) < len(tokens):
        raise ValueError("holds the same token twice")
    return tokens


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or len(text) > 9 or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text.lower()

    return read


def _yes_or_no(text: str) -> bool:
    return _one_of("yes", "no")(text) == "yes"


def _redis_url(text: str) -> str:
    """A URL of one Redis. It may hold a password, so the message never shows it."""
    parts = urlsplit(text)
    if parts.scheme == "unix" and parts.path:
        return text
    try:
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    if parts.scheme not in ("redis", "rediss") or not parts.hostname or not port_is_fine:
        raise ValueError("must be redis://host:port/0, rediss://host:port/0 or unix:///path/to/socket")
    return text


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be a URL such as https://relance.example.com")
    return text.rstrip("/")


def _smtp_url(text: str) -> str:
    """A URL of a mail server, or `local:`. It may hold a password, so the message never shows it."""
    if text != LOCAL_MAIL:
        read_relay(text)
    return text


def _mailbox(text: str) -> str:
    mailbox(text)
    return text


def _address(text: str) -> str:
    return mailbox(text).address


def _selector(text: str) -> str:
    if not all(label.replace("-", "").isalnum() and text.isascii() for label in text.split(".")):
        raise ValueError("must be the name before ._domainkey in DNS, such as relance1")
    return text


def _secret(text: str) -> str:
    if len(text) < 32:
        raise ValueError("must have at least 32 characters; `openssl rand -hex 32` makes one")
    return _text(text)


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Paris") from None
    return text


_TOGETHER: Final = {"smtp_url": "mail_from", "dkim_key": "dkim_selector"}  # one makes no sense without the other
_BESIDE: Final = {"slack_signing_secret": "slack_bot_token", "slack_app_token": "slack_bot_token"}


def _app_token(text: str) -> str:
    if not text.startswith("xapp-"):
        raise ValueError("must be an app-level token, which begins with xapp-")
    return _text(text)


def _bot_token(text: str) -> str:
    if not text.startswith(("xoxb-", "xoxe.xoxb-")):
        raise ValueError("must be a bot token, which begins with xoxb-")
    return _text(text)


def _telegram_token(text: str) -> str:
    number, colon, rest = text.partition(":")
    if not (number.isdigit() and colon and rest):
        raise ValueError("must be the token that @BotFather gave, such as 123456:ABC-DEF")
    return _text(text)


def _telegram_secret(text: str) -> str:
    """Telegram takes no other characters for it."""
    if len(text) > 256 or not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ValueError("must be 1 to 256 letters, digits, _ and -")
    return text


SETTINGS: Final[Mapping[str, Callable[[str], Any]]] = {
    "redis_url": _redis_url,
    "queue_redis_url": _redis_url,
    "data_dir": lambda text: Path(_text(text)).expanduser(),
    "host": _text,
    "port": _whole(1, 65535),
    "public_url": _http_url,
    "secret_key": _secret,
    "slack_bot_token": _bot_tokens,
    "slack_signing_secret": _several(_text),
    "slack_app_token": _several(_app_token),
    "slack_api_url": _http_url,
    "telegram_token": _telegram_token,
    "telegram_secret": _telegram_secret,
    "telegram_api_url": _http_url,
    "smtp_url": _smtp_url,
    "mail_from": _mailbox,
    "mail_reply_to": _mailbox,
    "mail_bounces": _address,
    "mail_rate": _whole(0, 100_000),
    "dkim_key": _text,
    "dkim_selector": _selector,
    "timezone": _timezone,
    "language": _one_of("en", "fr"),
    "log_level": _one_of("debug", "info", "warning", "error"),
    "partitions": _whole(1, 4096),
    "fsync": _one_of("always", "everysec"),
    "allow_private_urls": _yes_or_no,
    "channels": _text,
}
