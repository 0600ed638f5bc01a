"""Puts an engine together and runs it."""

from __future__ import annotations

import asyncio

from server.collector import collect_rarely
from server.engine.engine import IDLE, Engine
from server.engine.leases import LEASE, Leases
from server.engine.transfers import Transfers
from server.ports import Bell, Clock
from server.services.consents import Consents
from server.services.rulebooks import Rulebooks
from server.store.partition import Partitions
from server.store.store import Store

__all__ = ["build_engine", "run_engine"]


def build_engine(
    store: Store,
    rulebooks: Rulebooks,
    bell: Bell,
    clock: Clock,
    *,
    timezone: str = "UTC",
    lease: int = LEASE,
    idle: int = IDLE,
) -> Engine:
    """An engine over a store; `lease` and `idle` in milliseconds."""
    partitions = Partitions(store.redis, store.seal, store.partitions)
    consents = Consents(store, clock, rulebooks)
    return Engine(
        partitions,
        Leases(partitions, clock, lease=lease),
        rulebooks,
        Transfers(partitions, store.log, store.identities, consents),
        store.stats,
        bell,
        clock,
        timezone=timezone,
        idle=idle,
    )


async def run_engine(
    store: Store, rulebooks: Rulebooks, bell: Bell, clock: Clock, *, timezone: str = "UTC", stop: asyncio.Event
) -> None:
    """Run an engine, the only work of its process, until `stop` is set."""
    collect_rarely()
    await build_engine(store, rulebooks, bell, clock, timezone=timezone).run(stop)
