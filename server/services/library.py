"""The ready-made rulebooks, and taking one into the published rulebook."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable

import msgspec

from rules import RuleErrors, parse_rulebook
from rules.sends import sends
from server.errors import NotFound
from server.model.actor import Actor
from server.services.message_heads import FORMATS
from server.services.messages import Messages
from server.services.rulebooks import Rulebooks
from server.store.rulebooks import RulebookVersion

__all__ = ["Library", "Ready", "Used", "ready_made", "ready_messages", "ready_text"]

_LANGUAGES = ("en", "fr")


class Ready(msgspec.Struct, frozen=True):
    """A ready-made rulebook: its name, and what it is for (its first comment)."""

    name: str
    about: str


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What came of using one: the version published (None where nothing was new), what was added, what stayed.

    `messages` are the templates that were taken along, as their files are called without ending.
    """

    version: RulebookVersion | None
    added: list[str]
    kept: list[str]
    messages: list[str] = []


def ready_made(language: str = "en") -> list[Ready]:
    """The ready-made rulebooks in a language."""
    suffix = f".{_known(language)}.rules"
    names = [file.name for file in (resources.files("rules") / "library").iterdir()]
    found = sorted(name.removesuffix(suffix) for name in names if name.endswith(suffix))
    return [Ready(name, ready_text(name, language).partition("\n")[0].lstrip("# ")) for name in found]


def ready_text(name: str, language: str = "en") -> str:
    """The text of a ready-made rulebook; raises `NotFound`."""
    file = resources.files("rules") / "library" / f"{name}.{_known(language)}.rules"
    if not name.isidentifier() or not file.is_file():
        raise NotFound("there is no such ready-made rulebook; `relance library list` names them", code="no_library")
    return file.read_text("utf-8")


def ready_messages(text: str) -> dict[tuple[str, str, str], Traversable]:
    """The files of the messages that a ready-made rulebook sends, by name, channel and locale."""
    sent = sends(parse_rulebook(text))
    files = resources.files("rules") / "library" / "messages"
    found = {}
    for file in sorted(files.iterdir() if files.is_dir() else (), key=lambda file: file.name):
        name, _, rest = file.name.partition(".")
        channel, _, locale = rest.rpartition(".")[0].partition(".")
        if (name, channel) in sent and rest.rpartition(".")[2] in FORMATS:
            found[name, channel, locale] = file
    return found


class Library:
    """Takes ready-made rulebooks into the published one, and their messages along."""

    def __init__(self, rulebooks: Rulebooks, messages: Messages) -> None:
        self._rulebooks = rulebooks
        self._messages = messages

    async def use(self, actor: Actor, name: str, *, language: str = "en", replace: bool = False) -> Used:
        """Add a ready-made rulebook's statements to the published rulebook, as a new version.

        A statement whose kind and name are taken stays as it is published, and so do templates of a name, channel and
        locale that are taken. With `replace` the ready-made text takes the place of the whole rulebook, and its
        messages that of their namesakes. Raises `NotFound`, and what publishing raises.
        """
        text = ready_text(name, language)
        base = await self._rulebooks.live()
        ready = parse_rulebook(text)
        kept = [] if replace else [key for key in ready.sources if key in base.sources]
        added = [key for key in ready.sources if key not in kept]
        version = None
        if added and base.text and not replace:
            pieces = [ready.sources[key].strip() for key in added]
            text = "\n\n".join([base.text.rstrip(), f"# --- library: {name} ---", *pieces]) + "\n"
        messages = await self._take_messages(actor, ready_messages(ready.text), text if added else base.text, replace)
        if added:
            comment = f"ready-made rulebook {name}"
            version = await self._rulebooks.publish(actor, text, base=base.version, comment=comment)
        return Used(
            version=version,
            added=[" ".join(key) for key in added],
            kept=[" ".join(key) for key in kept],
            messages=messages,
        )

    async def _take_messages(
        self, actor: Actor, files: Mapping[tuple[str, str, str], Traversable], text: str, replace: bool
    ) -> list[str]:
        """Keep the messages of a ready-made rulebook, as they are right under the text that is to be published."""
        try:
            book = parse_rulebook(text)
        except RuleErrors:
            return []  # publishing tells what is wrong
        there = {
            (one.name, one.channel, one.locale)
            for one in [each.template for each in await self._messages.listing(actor)]
        }
        taken = []
        for place, file in files.items():
            if place not in there or replace:
                form = FORMATS[file.name.rpartition(".")[2]]
                await self._messages.put(actor, *place, file.read_text("utf-8"), form=form, book=book)
                taken.append(".".join(part for part in place if part))
        return taken


def _known(language: str) -> str:
    return language if language in _LANGUAGES else "en"
