"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rules.contact import Millis

__all__ = ["FakeClock"]

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday morning


class FakeClock:
    """Implements `server.ports.Clock`; starts on Monday 2026-03-02 at 09:00 UTC."""

    def __init__(self, start: datetime | Millis = START) -> None:
        self.millis: Millis = _millis(start)

    def now(self) -> Millis:
        return self.millis

    @property
    def time(self) -> datetime:
        """The present as aware UTC."""
        return datetime.fromtimestamp(self.millis / 1000, UTC)

    def set(self, moment: datetime | Millis) -> None:
        """Jump to a moment, given as aware time or in milliseconds."""
        self.millis = _millis(moment)

    def advance(self, *, milliseconds: int = 0, **span: float) -> Millis:
        """Let time pass: `advance(hours=2)`, any keyword of `timedelta`; returns the new now."""
        self.millis += milliseconds + round(timedelta(**span).total_seconds() * 1000)
        return self.millis


def _millis(moment: datetime | Millis) -> Millis:
    return round(moment.timestamp() * 1000) if isinstance(moment, datetime) else moment
