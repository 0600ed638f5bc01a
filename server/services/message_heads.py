"""What is said of a message beside its words: its place (name, channel, locale), format, owner and expiry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, cast

from msgspec.structs import replace

from rules.contact import Millis
from rules.message import CHANNELS, read_source
from server.errors import FieldError, Invalid
from server.model.message import MessageTemplate, TemplateFormat

__all__ = ["ANY", "FORMATS", "check_place", "chosen", "made", "normal_locale", "read_expiry", "usual_format"]

ANY: Final = "-"  # in paths and commands: the template for every language that has none of its own
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,59}")
_LOCALE: Final = re.compile(r"([a-z]{2,3}(-([A-Z]{2}|[0-9]{3}))?)?")
FORMATS: Final[Mapping[str, TemplateFormat]] = {"md": "markdown", "html": "html", "txt": "text", "json": "json"}


def normal_locale(locale: str) -> str:
    """A locale as it is kept: `fr`, `fr-BE`; "" for `-`."""
    language, _, region = locale.strip().replace("_", "-").partition("-")
    return f"{language.lower()}-{region.upper()}" if region else language.lower()


def chosen(there: Mapping[str, MessageTemplate], locale: str, language: str) -> MessageTemplate | None:
    """The template for a locale: its own, its language's, another region's of its language, the installation's, that
    for every language, else any."""
    wanted = normal_locale(locale)
    own, ours = wanted.partition("-")[0], language.partition("-")[0]
    for name in (wanted, own) if wanted else ():
        if name in there:
            return there[name]
    for spoken in (own, ours):
        near = sorted(name for name in there if spoken and name.partition("-")[0] == spoken)
        if near:
            return there[near[0]]
    return there.get("") or next((there[name] for name in sorted(there)), None)


def check_place(name: str, channel: str, locale: str) -> None:
    """Raise `Invalid` unless a message can be called so."""
    errors = []
    if not _NAME.fullmatch(name):
        errors.append(FieldError("name", "a name has small letters, digits and _, and begins with a letter"))
    if channel not in CHANNELS:
        errors.append(FieldError("channel", f"a channel is one of {', '.join(CHANNELS)}"))
    if not _LOCALE.fullmatch(locale):
        errors.append(FieldError("locale", "a locale is written fr or fr-BE, or - for every language"))
    if errors:
        raise Invalid(errors[0].message, errors, code="wrong_message_name")


def usual_format(channel: str) -> TemplateFormat:
    """The format of a channel's messages where none is said."""
    return "markdown" if channel == "email" else "json" if channel == "webhook" else "text"


def made(
    template: MessageTemplate,
    former: MessageTemplate | None,
    *,
    form: TemplateFormat | None,
    owner: str,
    expires: Millis | None,
) -> MessageTemplate:
    """A template with its format, owner and expiry: as given, else as its head says, else as they were, else the usual
    format of its channel, `template.owner`, and never. Raises `Invalid` for what a head cannot say."""
    about = read_source(template.source, template.channel, "text")[0].about
    said = about.get("format", "")
    if said and said not in FORMATS.values():
        message = f"a format is one of {', '.join(FORMATS.values())}"
        raise Invalid(message, [FieldError("format", message)], code="wrong_message_head")
    if expires is None and about.get("expires"):
        expires = read_expiry(about["expires"])
    usual = former.format if former else usual_format(template.channel)
    return replace(
        template,
        format=form or (cast(TemplateFormat, said) if said else usual),
        owner=(owner or about.get("owner", "") or (former.owner if former else "") or template.owner)[:100],
        expires=expires if expires is not None else former.expires if former else 0,
    )


def read_expiry(text: str) -> Millis:
    """The moment after the last day of `2026-12-31` (UTC), or a moment as RFC 3339 writes it; 0 for `never`."""
    if text == "never":
        return 0
    try:
        if len(text) == 10:
            day = date.fromisoformat(text) + timedelta(days=1)
            return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
        moment = datetime.fromisoformat(text)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        message = "an expiry is the last day on which it is good, such as 2026-12-31, or never"
        raise Invalid(message, [FieldError("expires", message)], code="wrong_message_head") from None
