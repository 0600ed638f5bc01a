"""Totals over all contacts, known from all of them or estimated from a sample."""

from __future__ import annotations

from math import sqrt

import msgspec

__all__ = ["Estimate", "Spread"]

_Z = 1.959964  # of the normal distribution, two-sided 95 %


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A number, and the 95 % interval in which it lies; the three are equal where it was counted."""

    value: float
    low: float
    high: float

    def per(self, days: float) -> Estimate:
        """The same a day."""
        return Estimate(
            value=round(self.value / days, 3), low=round(self.low / days, 3), high=round(self.high / days, 3)
        )


class Spread(msgspec.Struct, array_like=True, kw_only=True):
    """What is needed of many contacts' numbers: how many are not 0, their sum, the sum of their squares."""

    contacts: int = 0
    total: int = 0
    squares: int = 0

    def add(self, number: int) -> None:
        """One more contact's number."""
        if number:
            self.contacts += 1
            self.total += number
            self.squares += number * number

    def merge(self, other: Spread) -> None:
        """The numbers of other contacts."""
        self.contacts += other.contacts
        self.total += other.total
        self.squares += other.squares

    def estimate(self, seen: int, of: int) -> Estimate:
        """The sum over `of` contacts, of which these `seen` are a random sample without replacement.

        The interval is Byar's approximation of the exact Poisson limits (Breslow and Day 1987, 2.5), at the number of
        independent events that gives the variance of the sample, with the correction for a finite population. So it
        is never below what was seen, and does not shrink to nothing where nothing was seen.
        """
        if seen >= of:
            return Estimate(value=self.total, low=self.total, high=self.total)
        if not seen:
            return Estimate(value=0, low=0, high=float("inf"))
        scale, unseen = of / seen, 1 - seen / of
        value = self.total * scale
        if not self.total:
            return Estimate(value=0, low=0, high=round(_byar_high(0) * scale * unseen, 1))
        mean = self.total / seen
        variance = max(self.squares - seen * mean * mean, 0.0) * seen / max(seen - 1, 1) * unseen
        if not variance:
            return Estimate(value=round(value, 1), low=round(value, 1), high=round(value, 1))
        events = self.total * self.total / variance
        low, high = (value * limit / events for limit in (_byar_low(events), _byar_high(events)))
        return Estimate(value=round(value, 1), low=round(max(low, self.total), 1), high=round(high, 1))


def _byar_low(events: float) -> float:
    return max(events * (1 - 1 / (9 * events) - _Z / (3 * sqrt(events))) ** 3, 0.0) if events else 0.0


def _byar_high(events: float) -> float:
    events += 1
    return events * (1 - 1 / (9 * events) + _Z / (3 * sqrt(events))) ** 3
