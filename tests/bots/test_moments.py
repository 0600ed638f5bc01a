"""Moments as people type them."""

from __future__ import annotations

import pytest

from bots.commands.moments import moment_of
from rules.moment import instant
from tests.rules.story import START  # Monday 2026-03-02 at 09:00 UTC, 10:00 in Paris

MOMENTS = {
    "3h": "2026-03-02T12:00", "3 heures": "2026-03-02T12:00", "in 30 min": "2026-03-02T09:30",
    "2 days": "2026-03-04T09:00", "2 jours": "2026-03-04T09:00", "1 semaine": "2026-03-09T09:00",
    "1 month": "2026-04-02T08:00", "demain": "2026-03-03T08:00", "tomorrow 9:00": "2026-03-03T08:00",
    "tomorrow at 14h30": "2026-03-03T13:30", "today 17:00": "2026-03-02T16:00", "monday": "2026-03-09T08:00",
    "lundi 14h": "2026-03-02T13:00", "17:00": "2026-03-02T16:00", "09:00": "2026-03-03T08:00",
    "2027-07-01": "2027-07-01T07:00", "le 2027-07-01 à 8:15": "2027-07-01T06:15",
}  # fmt: skip
NONE = (
    "", "soon", "3", "25:00", "tomorrow 25:00", "tomorrow 9:00 sharp now", "2027-02-30", "-3h", "99999999 days",
    "monday tuesday",
)  # fmt: skip


@pytest.mark.parametrize("said", MOMENTS)
def test_a_moment_is_read_in_either_language_in_the_installations_zone(said: str) -> None:
    moment = moment_of(said.split(), START, "Europe/Paris")
    assert moment is not None
    assert instant(moment).strftime("%Y-%m-%dT%H:%M") == MOMENTS[said]


@pytest.mark.parametrize("said", NONE)
def test_what_is_no_moment_is_none(said: str) -> None:
    assert moment_of(said.split(), START, "Europe/Paris") is None
