"""The score: hits of `on` rules, `while` rules that hold, adjustments; in tenths of a point.

A contact keeps the times of all events that met a rule's event and `when`. Which of them count follows from consent
and `at most` whenever it is asked, so that a new cap, price or consent re-prices the past.
"""

from __future__ import annotations

from bisect import bisect_right, insort_right
from collections.abc import Sequence
from datetime import tzinfo
from math import fsum, log2
from typing import Any

from rules.consent import consented, consented_at
from rules.contact import Contact, Event, Millis
from rules.course import EVALUATION_FAULTS, Course
from rules.facts import EventFacts, facts_at
from rules.history import History
from rules.moment import calendar_period, zone
from rules.plan import EventPlan, Hit, Plan
from rules.planning import plan_of
from rules.rulebook import AtMost, Duration, Rulebook

__all__ = [
    "add_hits",
    "counted",
    "highest_score",
    "points",
    "rescore",
    "score_at",
    "score_moment",
    "static_tenths",
    "told_alike",
]


def within(at_most: AtMost, times: Sequence[Millis], where: tzinfo) -> list[Millis]:
    """The times, in order, that a cap lets count."""
    number, per = at_most.number, at_most.per
    if per == "ever" or len(times) <= number:
        return list(times[:number])
    kept: list[Millis] = []
    if isinstance(per, Duration):
        length = per.milliseconds
        for time in times:
            if len(kept) < number or kept[-number] <= time - length:
                kept.append(time)
        return kept if number else []
    period, used = None, 0
    for time in times:
        this = calendar_period(time, per, where)
        if this != period:
            period, used = this, 0
        if used < number:
            used += 1
            kept.append(time)
    return kept


def counted(contact: Contact, hit: Hit, where: tzinfo) -> list[Millis]:
    """The times of a rule's hits that count."""
    return countable(contact, hit, contact.hits.get(hit.name, []), where)


def countable(contact: Contact, hit: Hit, times: list[Millis], where: tzinfo) -> list[Millis]:
    """The times that would count if they were a rule's hits: with consent at the event and now, under its cap."""
    if hit.purpose is not None:
        if not times or not consented(contact, hit.purpose):
            return []
        times = [time for time in times if consented_at(contact, hit.purpose, time)]
    return times if hit.at_most is None else within(hit.at_most, times, where)


def points(hit: Hit, times: Sequence[Millis], now: Millis) -> float:
    """The tenths of a point that counted hits are worth now."""
    if hit.halves:
        return hit.tenths * fsum(2.0 ** (min(time - now, 0) / hit.halves) for time in times)
    if hit.lasts:
        return float(hit.tenths * (len(times) - bisect_right(times, now - hit.lasts)))
    return float(hit.tenths * len(times))


def static_tenths(contact: Contact, plan: Plan, where: tzinfo) -> int:
    """The tenths of a score that do not age, worked out in full."""
    total = sum(adjustment.tenths for adjustment in contact.adjustments)
    for name in contact.holds:
        total += plan.book.scores[name].tenths if name in plan.book.scores else 0
    for name in contact.hits:
        hit = plan.hits.get(name)
        if hit is not None and not hit.ages:
            total += hit.tenths * len(counted(contact, hit, where))
    return total


def ageing_tenths(contact: Contact, plan: Plan, where: tzinfo, now: Millis) -> float:
    """The tenths of a score that age, as they are now."""
    hits = contact.hits
    return fsum(points(hit, counted(contact, hit, where), now) for hit in plan.ageing if hit.name in hits)


def rescore(course: Course) -> bool:
    """Bring the score up to date; True when it changed."""
    contact, plan = course.contact, course.plan
    course.rescored = True
    tenths = contact.static
    if plan.ageing:
        tenths = round(tenths + ageing_tenths(contact, plan, course.where, course.now))
    if tenths == contact.tenths:
        return False
    contact.tenths = tenths
    course.decision.score_changed = True
    course.forget("score")
    return True


def score_at(contact: Contact, book: Rulebook, now: Millis, timezone: str = "UTC") -> int:
    """The score at a moment at or after the last decision, in tenths of a point, ageing included."""
    plan = plan_of(book)
    if not plan.ageing:
        return contact.tenths
    where = zone(contact.attributes.get("timezone"), timezone)
    return round(contact.static + ageing_tenths(contact, plan, where, now))


def highest_score(contact: Contact, book: Rulebook, now: Millis, timezone: str = "UTC") -> int:
    """An upper bound, in tenths, of the score from `now` until the contact's next entry: negative parts may fade."""
    plan = plan_of(book)
    if not plan.ageing:
        return contact.tenths
    where = zone(contact.attributes.get("timezone"), timezone)
    rising = fsum(
        points(hit, counted(contact, hit, where), now)
        for hit in plan.ageing
        if hit.tenths > 0 and hit.name in contact.hits
    )
    return max(contact.tenths, int(contact.static + rising + 1))


def add_hits(course: Course, concerned: EventPlan, event: Event, shown: EventFacts, late: bool) -> None:
    """Evaluate the `on` scores of an event and keep its time with those that it meets.

    Where the event is late, rules that look back are left to `rules.replay`.
    """
    contact, time = course.contact, event.time
    facts: dict[str, Any] = {"event": shown}
    then = facts
    if concerned.conditional:
        history = History(contact.index, course.plan.kept, time, contact.tail)
        then = facts_at(contact, course.plan.book, event, shown, history)
    hits, matched, gain = contact.hits, course.decision.matched, 0
    began: dict[str, Millis] = {}  # the calendar periods that the event is in
    for hit in concerned.hits:
        run = hit.run
        if run is not None:
            if late and hit.looks_back:
                continue
            try:
                if not run(facts if hit.plain else then):
                    continue
            except EVALUATION_FAULTS as problem:
                course.mishap(hit.name, problem)
                continue
        name = hit.name
        matched.append(name)
        times = hits.get(name)
        if hit.simple:
            gain += hit.tenths
        elif not hit.ages:
            gain += hit.tenths * _gain(course, hit, times or [], time, began)
        if times is None:
            hits[name] = [time]
        elif time >= times[-1]:
            times.append(time)
        else:
            insort_right(times, time)
    contact.static += gain
    if matched:
        course.dirty.append(course.plan.score)


def _gain(course: Course, hit: Hit, times: list[Millis], time: Millis, began: dict[str, Millis]) -> int:
    """How many more hits count with one more at `time`. `began` keeps when its calendar periods began."""
    contact, at_most = course.contact, hit.at_most
    if hit.purpose is None and at_most is not None and (not times or time >= times[-1]):
        number, per = at_most.number, at_most.per
        if len(times) < number:
            return 1
        if per == "ever" or not number:
            return 0
        if not isinstance(per, Duration):
            if per not in began:
                began[per] = calendar_period(time, per, course.where)
            return int(times[-number] < began[per])
    place = bisect_right(times, time)
    return len(countable(contact, hit, [*times[:place], time, *times[place:]], course.where)) - len(
        countable(contact, hit, times, course.where)
    )


def score_moment(course: Course) -> Millis | None:
    """The next moment before which no segment that reads the score can change through ageing; None if never.

    The falling (positive) and rising (negative) parts are bounded apart: within a time t, a part that halves every D
    loses at most 1 - 2^(-t/D) of itself.
    """
    contact, plan, now = course.contact, course.plan, course.now
    falling, rising, total = 0.0, 0.0, float(contact.static)
    fastest, soonest = 0, None
    for hit in plan.ageing:
        times = counted(contact, hit, course.where) if hit.name in contact.hits else []
        worth = points(hit, times, now)
        if not worth:
            continue
        total += worth
        if hit.halves:
            falling += max(worth, 0.0)
            rising -= min(worth, 0.0)
            fastest = min(fastest or hit.halves, hit.halves)
        else:
            end = times[bisect_right(times, now - hit.lasts)] + hit.lasts
            soonest = end if soonest is None else min(soonest, end)
    low, high = _stretch(contact.tenths, plan.thresholds)
    moments = [] if soonest is None else [soonest]
    for part, slack in ((falling, total - low), (rising, high - total)):
        if part and slack < part:
            after = int(fastest * log2(part / (part - slack))) if slack > 0 else 0
            moments.append(now + max(after, 1000 if falling and rising else 1))
    return min(moments, default=None)


def told_alike(plan: Plan, tenths: int, others: int) -> bool:
    """Whether two scores, as they are stored, compare alike with all that segments compare them with."""
    low, high = _stretch(tenths, plan.thresholds)
    return low < others < high


def _stretch(tenths: int, thresholds: tuple[float, ...] | None) -> tuple[float, float]:
    """Between which exact scores no comparison with a threshold changes, given the rounded score."""
    if thresholds is None:
        return tenths - 0.5, tenths + 0.5
    low, high = float("-inf"), float("inf")
    for threshold in thresholds:
        floor = threshold // 1
        ceiling = -(-threshold // 1)
        if threshold < tenths:
            low = max(low, floor + 0.5)
        elif threshold > tenths:
            high = min(high, ceiling - 0.5)
        else:
            return tenths - 0.5, tenths + 0.5
    return low, high
