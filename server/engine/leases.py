"""Which partitions this engine may write: leases, shared fairly among the engines that live."""

from __future__ import annotations

import secrets

import structlog

from server.engine.owned import Owned
from server.ports import Clock
from server.store.partition import Partitions

__all__ = ["LEASE", "Leases"]

LEASE = 4000  # milliseconds; a writer that was paused for longer is refused

_log = structlog.get_logger(__name__)


class Leases:
    """Takes, prolongs and gives back leases. `owned` changes only in `balance` and `forget`."""

    def __init__(self, partitions: Partitions, clock: Clock, *, lease: int = LEASE) -> None:
        self._partitions = partitions
        self._clock = clock
        self._lease = lease
        self._taken = 0
        self._tokens: dict[int, str] = {}
        self.engine = secrets.token_hex(6)
        self.owned: dict[int, Owned] = {}

    async def keep(self) -> None:
        """Prolong what is ours and forget what is lost. Call at least four times a lease."""
        if not self.owned:
            return
        tokens = {partition: owned.token for partition, owned in self.owned.items()}
        for partition in await self._partitions.renew(tokens, self._lease):
            if partition in self.owned and self.owned[partition].token == tokens[partition]:
                self.forget(partition)
                _log.warning("lease lost", partition=partition)

    async def balance(self) -> bool:
        """Register, give back what is more than a fair share and take what is free; True where something changed."""
        now = self._clock.now()
        engines = await self._partitions.register(self.engine, now, now + self._lease)
        fair = -(-self._partitions.count // max(engines, 1))
        changed = False
        for partition in sorted(self.owned)[fair:]:
            await self.give_back(partition)
            changed = True
        if len(self.owned) < fair:
            changed = await self._take(fair) or changed
        return changed

    async def _take(self, fair: int) -> bool:
        changed = False
        holders = await self._partitions.holders()
        for partition, holder in enumerate(holders):
            if len(self.owned) >= fair:
                break
            before = self._tokens.get(partition, "")
            if partition in self.owned or (holder and holder != before):
                continue
            self._taken += 1
            token = f"{self.engine}:{self._taken}"
            if await self._partitions.acquire(partition, token, before, self._lease):
                self._tokens[partition] = token
                opened = await self._partitions.open(partition)
                self.owned[partition] = Owned(
                    partition=partition,
                    token=token,
                    cursor=opened.cursor,
                    alerts=opened.alerts,
                    base=opened.base,
                    recomputed=opened.recomputed,
                    bucket=opened.bucket,
                    done=opened.done,
                    left=opened.left,
                    next_timer=opened.next_timer,
                    transfers=opened.transfers,
                    agenda=opened.agenda,
                )
                changed = True
        return changed

    async def give_back(self, partition: int) -> None:
        """Let another engine have a partition. Its batches must be committed."""
        owned = self.owned.pop(partition)
        self._tokens.pop(partition, None)
        await self._partitions.release(partition, owned.token)

    def forget(self, partition: int | None = None) -> None:
        """Start again from what Redis has, for one partition or for all."""
        if partition is None:
            self.owned.clear()
        else:
            self.owned.pop(partition, None)

    async def end(self) -> None:
        """Give back everything."""
        for partition in list(self.owned):
            await self.give_back(partition)
        await self._partitions.unregister(self.engine)
