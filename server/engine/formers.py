"""The rulebooks of before: those that states of contacts are of which no recompute has reached yet."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from rules.contact import Contact
from rules.errors import RuleError
from rules.rulebook import Rulebook
from server.engine.owned import Owned
from server.errors import NotFound
from server.services.rulebooks import Rulebooks

__all__ = ["Formers"]

_log = structlog.get_logger(__name__)


class Formers:
    """Knows former versions of the rulebook; where one cannot be had, contacts are worked out from their histories."""

    def __init__(self, rulebooks: Rulebooks) -> None:
        self._rulebooks = rulebooks
        self._known: dict[int, Rulebook | None] = {0: Rulebook()}

    async def prepare(self, book: Rulebook, owned: Iterable[Owned]) -> None:
        """Have at hand what the contacts of these partitions may be of, besides `book`, which is the present one."""
        versions = {version for own in owned for version in (own.base, own.agenda.version)}
        wanted = versions - {book.version}
        for version in wanted:
            if version not in self._known:
                self._known[version] = await self._read(version)
        if self._known.get(book.version) is not book:
            self._known[book.version] = book  # the next one may be published while contacts are being brought to it
            oldest = min(wanted | {book.version})
            self._known = {version: one for version, one in self._known.items() if version >= oldest or not version}

    async def _read(self, version: int) -> Rulebook | None:
        try:
            return await self._rulebooks.former(version)
        except (NotFound, RuleError) as error:  # it is from a time when the language was another
            _log.warning("a former rulebook cannot be read", version=version, error=type(error).__name__)
            return None

    def at(self, version: int) -> Rulebook | None:
        """A version of the rulebook, where it is at hand."""
        return self._known.get(version)

    def of(self, contact: Contact) -> Rulebook | None:
        """The rulebook that a contact's state is of."""
        return self._known.get(contact.version)
