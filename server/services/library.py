"""The ready-made rulebooks, and taking one into the published rulebook."""

from __future__ import annotations

from importlib import resources

import msgspec

from rules import parse_rulebook
from server.errors import NotFound
from server.model.actor import Actor
from server.services.rulebooks import Rulebooks
from server.store.rulebooks import RulebookVersion

__all__ = ["Library", "Ready", "Used", "ready_made", "ready_text"]

_LANGUAGES = ("en", "fr")


class Ready(msgspec.Struct, frozen=True):
    """A ready-made rulebook: its name, and what it is for (its first comment)."""

    name: str
    about: str


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What came of using one: the version published (None where nothing was new), what was added, what stayed."""

    version: RulebookVersion | None
    added: list[str]
    kept: list[str]


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


class Library:
    """Takes ready-made rulebooks into the published one."""

    def __init__(self, rulebooks: Rulebooks) -> None:
        self._rulebooks = rulebooks

    async def use(self, actor: Actor, name: str, *, language: str = "en", replace: bool = False) -> Used:
        """Add a ready-made rulebook's statements to the published rulebook, as a new version.

        A statement whose kind and name are taken stays as it is published. With `replace` the ready-made text takes
        the place of the whole rulebook. Raises `NotFound`, and what publishing raises.
        """
        text = ready_text(name, language)
        base = await self._rulebooks.live()
        ready = parse_rulebook(text)
        kept = [] if replace else [key for key in ready.sources if key in base.sources]
        added = [key for key in ready.sources if key not in kept]
        version = None
        if added:
            if base.text and not replace:
                pieces = [ready.sources[key].strip() for key in added]
                text = "\n\n".join([base.text.rstrip(), f"# --- library: {name} ---", *pieces]) + "\n"
            comment = f"ready-made rulebook {name}"
            version = await self._rulebooks.publish(actor, text, base=base.version, comment=comment)
        return Used(version=version, added=[" ".join(key) for key in added], kept=[" ".join(key) for key in kept])


def _known(language: str) -> str:
    return language if language in _LANGUAGES else "en"
