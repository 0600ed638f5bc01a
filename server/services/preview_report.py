"""From what was counted to what is told: a tally of contacts becomes a preview."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Literal

from rules.backtest import Moves, Tally
from rules.contact import Millis
from rules.errors import Problem
from rules.estimate import Estimate, Spread
from rules.mapping import describe
from rules.moment import DAY
from rules.rulebook import At, Every, OnBroadcast, OnFeed, Rulebook, Scenario, Score, Segment, Trigger, meaning
from rules.words import Language
from server.model.preview import (
    Change,
    Flow,
    Left,
    MishapPreview,
    MovedStep,
    Mover,
    Movers,
    Preview,
    RuleName,
    ScenarioPreview,
    ScorePreview,
    SegmentPreview,
    TriggerPreview,
)
from server.services.views import moment

__all__ = ["Report", "moved_steps"]

Rule = Score | Segment | Trigger | Scenario
Kind = Literal["score", "segment", "trigger", "scenario"]


class Report:
    """Tells of a draft and the present rulebook what a tally says. `names` are masked names of contacts by id."""

    def __init__(self, tally: Tally, present: Rulebook, draft: Rulebook, now: Millis, names: Mapping[str, str]) -> None:
        self._tally = tally
        self._present = present
        self._draft = draft
        self._now = now
        self._names = names
        since = tally.since
        self._days = max((now - since) / DAY, 1.0) if since is not None else 1.0

    def preview(self, text: str, warnings: list[Problem]) -> Preview:
        """The whole of it; `text` is the draft as it was given."""
        tally = self._tally
        return Preview(
            base=self._present.version,
            hash=hashlib.sha256(text.encode()).hexdigest(),
            time=moment(self._now),
            contacts=tally.contacts,
            sampled=tally.sampled,
            exact=tally.sampled == tally.contacts,
            since=None if tally.since is None else moment(tally.since),
            days=round(self._days, 3),
            rescored=tally.rescored,
            segments=list(self._segments()),
            scores=list(self._scores()),
            triggers=list(self._triggers()),
            alerts=[self._flow(team, tally.teams.get(team), tally.teams_before.get(team)) for team in self._teams()],
            messages=[self._flow(channel, spread) for channel, spread in sorted(tally.channels.items())],
            never=list(self._matching(0)),
            everybody=list(self._matching(1)),
            left_out=list(self._left_out()),
            mishaps=list(self._mishaps()),
            warnings=warnings,
            failed=tally.failed,
            cut=tally.cut,
            scenarios=list(self._scenarios()),
        )

    def _segments(self) -> Iterator[SegmentPreview]:
        tally = self._tally
        for name in [
            *self._draft.segments,
            *(name for name in self._present.segments if name not in self._draft.segments),
        ]:
            yield SegmentPreview(
                name=name,
                change=_change(self._present.segments.get(name), self._draft.segments.get(name)),
                before=tally.before.get(name, 0),
                after=tally.after.get(name, 0),
                enter=self._movers(tally.entered.get(name)),
                leave=self._movers(tally.left.get(name)),
                left_out=tally.left_out.get(("segment", name), 0),
            )

    def _movers(self, moves: Moves | None) -> Movers:
        if moves is None:
            return Movers(count=0, first=[])
        return Movers(count=moves.count, first=[Mover(each, self._names.get(each, each)) for each in moves.first])

    def _scores(self) -> Iterator[ScorePreview]:
        tally = self._tally
        for name, score in self._draft.scores.items():
            yield ScorePreview(
                name=name,
                change=_change(self._present.scores.get(name), score),
                contacts=tally.matched.get(("score", name), 0),
                left_out=tally.left_out.get(("score", name), 0),
            )

    def _triggers(self) -> Iterator[TriggerPreview]:
        tally = self._tally
        for name, trigger in self._draft.triggers.items():
            fired = tally.fired.get(name, Spread())
            published = self._present.triggers.get(name)
            yield TriggerPreview(
                name=name,
                change=_change(published, trigger),
                fired=self._all(fired),
                contacts=self._people(fired),
                per_day=self._all(fired).per(self._days),
                before=None if published is None else self._all(tally.fired_before.get(name)),
                alerts=[self._flow(to, spread) for (of, to), spread in sorted(tally.alerts.items()) if of == name],
                messages=[self._flow(to, spread) for (of, to), spread in sorted(tally.messages.items()) if of == name],
                left_out=self._all(tally.unheard.get(name)),
            )

    def _scenarios(self) -> Iterator[ScenarioPreview]:
        tally = self._tally
        for name, scenario in self._draft.scenarios.items():
            started, key = tally.started.get(name, Spread()), f"scenario/{name}"
            published = self._present.scenarios.get(name)
            yield ScenarioPreview(
                name=name,
                change=_change(published, scenario),
                started=self._all(started),
                contacts=self._people(started),
                per_day=self._all(started).per(self._days),
                before=None if published is None else self._all(tally.started_before.get(name)),
                alerts=[self._flow(to, spread) for (of, to), spread in sorted(tally.alerts.items()) if of == key],
                messages=[self._flow(to, spread) for (of, to), spread in sorted(tally.messages.items()) if of == key],
                left_out=self._all(tally.unheard.get(key)),
                reach=tally.reach.get(key, 0) if isinstance(scenario.occasion, At | Every) else None,
                moved=moved_steps(self._present, self._draft, name),
            )

    def _teams(self) -> list[str]:
        return sorted({*self._tally.teams, *self._tally.teams_before})

    def _flow(self, to: str, spread: Spread | None, before: Spread | None = None) -> Flow:
        total = self._all(spread)
        return Flow(
            to=to,
            total=total,
            per_day=total.per(self._days),
            per_day_before=None if before is None else self._all(before).per(self._days),
        )

    def _all(self, spread: Spread | None) -> Estimate:
        """The sum over all contacts, of which the sample is known."""
        return (spread or Spread()).estimate(self._tally.sampled, self._tally.contacts)

    def _people(self, spread: Spread) -> Estimate:
        """How many contacts have a number."""
        number = spread.contacts
        return self._all(Spread(contacts=number, total=number, squares=number))

    def _matching(self, share: Literal[0, 1]) -> Iterator[RuleName]:
        """The rules that match nobody, or everybody: of triggers and scenarios, in the sample."""
        tally = self._tally
        if not tally.contacts:
            return
        kinds: tuple[tuple[Kind, Mapping[str, Score] | Mapping[str, Segment]], ...] = (
            ("score", self._draft.scores),
            ("segment", self._draft.segments),
        )
        for kind, table in kinds:
            for name in table:
                if tally.matched.get((kind, name), 0) == share * tally.contacts:
                    yield RuleName(kind, name)
        told: tuple[tuple[Kind, Mapping[str, Trigger] | Mapping[str, Scenario], Mapping[str, Spread]], ...] = (
            ("trigger", self._draft.triggers, tally.fired),
            ("scenario", self._draft.scenarios, tally.started),
        )
        for kind, rules, seen in told:
            for name, rule in rules.items():
                again = not isinstance(rule.occasion, At | Every | OnBroadcast | OnFeed)
                if again and tally.sampled and seen.get(name, Spread()).contacts == share * tally.sampled:
                    yield RuleName(kind, name)

    def _left_out(self) -> Iterator[Left]:
        tally, draft = self._tally, self._draft
        for kind, table in (("score", draft.scores), ("segment", draft.segments)):
            for name, rule in table.items():
                number = tally.left_out.get((kind, name), 0)
                if number:
                    counted = Estimate(value=number, low=number, high=number)
                    yield Left(kind=kind, name=name, purpose=rule.purpose or "", contacts=counted)  # type: ignore[arg-type]
        for kind, prefix, rules in (("trigger", "", draft.triggers), ("scenario", "scenario/", draft.scenarios)):
            for name, one in rules.items():
                if prefix + name in tally.unheard:
                    people = self._all(tally.unheard[prefix + name])
                    yield Left(kind=kind, name=name, purpose=one.purpose or "", contacts=people)  # type: ignore[arg-type]

    def _mishaps(self) -> Iterator[MishapPreview]:
        for (kind, name), trouble in sorted(self._tally.trouble.items()):
            sampled = kind in ("trigger", "scenario")
            yield MishapPreview(
                kind=kind,  # type: ignore[arg-type]
                name=name,
                missing=self._all(trouble.missing) if sampled else _counted(trouble.missing),
                errors=self._all(trouble.errors) if sampled else _counted(trouble.errors),
                symbols=trouble.symbols,
            )


def _counted(spread: Spread) -> Estimate:
    return spread.estimate(1, 1)


def moved_steps(published: Rulebook, draft: Rulebook, name: str) -> list[MovedStep]:
    """What becomes of the runs at each waiting step of a scenario of two rulebooks, where that is another step now."""
    old, new = published.scenarios.get(name), draft.scenarios.get(name)
    if old is None or new is None:
        return []
    language: Language = "fr" if draft.languages.get(("scenario", name)) == "fr" else "en"
    return [
        MovedStep(before=each.before, after=each.after, line=each.line, new_line=each.new_line)
        for each in describe(old, new, language)
    ]


def _change(before: Rule | None, after: Rule | None) -> Change:
    if before is None:
        return "new"
    if after is None:
        return "removed"
    return "same" if meaning(before) == meaning(after) else "changed"
