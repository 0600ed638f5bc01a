"""The file that describes gateways: TOML, `channels.toml` in the data directory or where RELANCE_CHANNELS says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from server.channels.gateway import GatewayForm
from server.settings import Settings, SettingsError

__all__ = ["ChannelsFile", "SmsForm", "read_channels"]


class SmsForm(GatewayForm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gateway of SMS. `country`: the calling code of numbers that name none."""

    country: str = ""
    per_second: float = 0  # messages; 0: any


class PushForm(GatewayForm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gateway of pushes to phones."""

    per_second: float = 0


class ChannelsFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says: a table a channel."""

    sms: SmsForm | None = None
    push: PushForm | None = None


def read_channels(settings: Settings) -> ChannelsFile:
    """What the file says; nothing where there is none. Raises `SettingsError`, naming the place."""
    named = bool(settings.channels)
    path = Path(settings.channels).expanduser() if named else settings.data_dir / "channels.toml"
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return _checked(msgspec.convert(content, ChannelsFile), path)
    except FileNotFoundError:
        if named:
            raise SettingsError(f"RELANCE_CHANNELS: there is no file {path}") from None
        return ChannelsFile()
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as problem:
        raise SettingsError(f"{path}: {problem}") from None


def _checked(file: ChannelsFile, path: Path) -> ChannelsFile:
    for name, form in (("sms", file.sms), ("push", file.push)):
        if form is None:
            continue
        if urlsplit(form.url).scheme not in ("http", "https") or not urlsplit(form.url).hostname:
            raise SettingsError(f"{path}: [{name}] url must be one such as https://gateway.example.com/messages")
        if bool(form.form) == bool(form.json):
            raise SettingsError(f"{path}: [{name}] wants either `form` or `json`")
    return file
