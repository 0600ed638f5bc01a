"""Sees to it that there is a dictionary to pack records with, as soon as there are contacts to train one on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence

import msgspec
import structlog

from rules.contact import Contact
from server.engine.owned import Owned
from server.errors import Unavailable
from server.store.consents import Consents
from server.store.dictionaries import SAMPLES
from server.store.faults import REDIS_FAULTS
from server.store.partition import Partitions

__all__ = ["Packing", "samples"]

_FIRST = 0  # whoever has this partition trains
_LEDGERS = 250  # contacts whose consents are among the samples

_log = structlog.get_logger(__name__)


async def samples(partitions: Partitions, contacts: Sequence[Contact]) -> list[object]:
    """What a dictionary is trained on: contacts, and the consents of some of them."""
    found: list[object] = [*contacts]
    consents = Consents(partitions.redis, partitions.seal, partitions.count)
    for contact in contacts[:_LEDGERS]:
        found += [msgspec.structs.replace(record, previous="") for record in await consents.ledger(contact.id)]
    return found


class Packing:
    """Trains dictionaries beside the engine's work."""

    def __init__(self, partitions: Partitions) -> None:
        self._partitions = partitions
        self._training: asyncio.Task[None] | None = None

    async def tend(self, owned: Mapping[int, Owned]) -> None:
        """Learn of new dictionaries; begin to train one where it is time."""
        await self._partitions.dictionaries.load()
        if _FIRST not in owned or (self._training is not None and not self._training.done()):
            return
        if sum(len(own.contacts) for own in owned.values()) < SAMPLES:
            return
        if self._partitions.dictionaries.wanted(await self._partitions.contacts.count()):
            known = [contact for own in owned.values() for contact in own.contacts.values()]
            self._training = asyncio.create_task(self._train(random.sample(known, SAMPLES)))

    async def _train(self, contacts: list[Contact]) -> None:
        try:
            await self._partitions.dictionaries.make(await samples(self._partitions, contacts))
        except (*REDIS_FAULTS, Unavailable) as error:
            _log.warning("no dictionary was made; it is tried again", error=type(error).__name__)

    async def end(self) -> None:
        """Wait for a training that is under way."""
        if self._training is not None:
            await asyncio.gather(self._training, return_exceptions=True)
