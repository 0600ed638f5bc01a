"""What the routes need of the composition root."""

from __future__ import annotations

from typing import Protocol

from server.services.ingest import Ingest
from server.services.sources import Sources

__all__ = ["Services"]


class Services(Protocol):
    """The services that routes call."""

    @property
    def ingest(self) -> Ingest: ...
    @property
    def sources(self) -> Sources: ...
