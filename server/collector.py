"""The garbage collector of a process that holds many records, and makes few cycles of them."""

from __future__ import annotations

import gc

__all__ = ["collect_rarely"]


def collect_rarely() -> None:
    """Let the collector leave alone what is there now, and look seldom at the rest: it would walk it for nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
