"""What travels to another partition: the snapshot of a joined contact, and what came for it later, in order."""

from __future__ import annotations

from rules.entry import Absorbed, EventReceived
from server.engine.owned import Owned
from server.services.consents import Consents
from server.store.identities import Identities
from server.store.log import Log
from server.store.partition import Partitions, Transfer

__all__ = ["Transfers"]


class Transfers:
    """Sends what lies on a partition's list. Only the engine that has the partition's lease does; each step can be
    done twice without harm: the receiver knows merges, message ids and alerts again."""

    def __init__(self, partitions: Partitions, log: Log, identities: Identities, consents: Consents) -> None:
        self._partitions = partitions
        self._log = log
        self._identities = identities
        self._consents = consents

    async def send(self, own: Owned, *, limit: int) -> bool:
        """Send up to `limit` transfers of a partition; True where more wait."""
        for _ in range(limit):
            first = await self._partitions.first_transfer(own.partition)
            if first is None:
                return False
            blob, transfer = first
            await self._send(transfer)
            if not await self._partitions.transferred(own.partition, own.token, blob):
                return False
        return True

    async def _send(self, transfer: Transfer) -> None:
        entry = transfer.entry
        match entry:
            case Absorbed():
                await self._consents.carry_over(transfer.old, transfer.contact, everything=True)
                await self._log.append([(transfer.contact, entry)])
                await self._identities.point(entry.snapshot.identities, transfer.old, transfer.contact)
            case EventReceived():
                await self._log.append([(transfer.contact, entry)])
                await self._identities.point(entry.identities, transfer.old, transfer.contact)
            case _:
                await self._log.append([(transfer.contact, entry)])
