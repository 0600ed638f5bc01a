"""The plan of what reacts: triggers and scenarios by their occasions, their texts, what stops a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from rules.entry import NOTE
from rules.expression.reads import ANY
from rules.plan import Occasion, Plan, ScenarioPlan, StopWhen, Yearly
from rules.rulebook import (
    EveryYear,
    OnConsent,
    OnEnter,
    OnEvent,
    OnLeave,
    OnList,
    Scenario,
    Trigger,
    WaitFor,
)
from rules.template import compile_alert
from rules.walk import steps_in, texts_in

__all__ = ["by_clock", "plan_reactions"]

Rule = TypeVar("Rule", Trigger, Scenario)


def plan_reactions(plan: Plan) -> None:
    """Put a rulebook's triggers and scenarios into its plan."""
    book = plan.book
    plan.triggers = _by_occasion(plan, book.triggers)
    plan.entries = _by_occasion(plan, book.scenarios)
    plan.reacting = frozenset({*plan.triggers, *plan.entries})
    plan.scenarios = {name: _scenario(plan, scenario) for name, scenario in book.scenarios.items()}
    plan.met = frozenset().union(*(one.met for one in plan.scenarios.values()))
    plan.yearly = (*_yearly("trigger", book.triggers), *_yearly("scenario", book.scenarios))
    plan.yearly_by = frozenset(one.attribute for one in plan.yearly)
    texts = [text for trigger in book.triggers.values() for text in texts_in(trigger.actions)]
    texts += [text for scenario in book.scenarios.values() for text in texts_in(scenario.steps)]
    texts += [digest.alert.text for digest in book.digests.values()]
    plan.templates = {text: compile_alert(text) for text in dict.fromkeys(texts)}


def by_clock(reads: Any) -> bool:
    """Whether an expression itself is to be asked when it changes."""
    return bool(reads.uses_now or not {"age", ANY}.isdisjoint(reads.attributes))


def _by_occasion(plan: Plan, rules: Mapping[str, Rule]) -> dict[Occasion, tuple[Rule, ...]]:
    found: dict[Occasion, list[Rule]] = defaultdict(list)
    for rule in rules.values():
        if rule.name in plan.book.paused:
            continue
        match rule.occasion:
            case OnEvent(event=name) if name != NOTE:  # what people write down is no event of a rule
                found["event", name].append(rule)
            case OnEnter(segment=name):
                found["enter", name].append(rule)
            case OnLeave(segment=name):
                found["leave", name].append(rule)
            case OnList(list=name):
                found["list", name].append(rule)
            case OnConsent(purpose=name):
                found["consent", name].append(rule)
    return {occasion: tuple(some) for occasion, some in found.items()}


def _scenario(plan: Plan, scenario: Scenario) -> ScenarioPlan:
    stops = []
    met = {rule.event for rule in (*scenario.stops, *scenario.restarts) if rule.event is not None}
    met |= {step.event for step in steps_in(scenario.steps) if isinstance(step, WaitFor)}
    for rule in scenario.stops:
        if rule.event is None and rule.when is not None:
            expression = rule.when.expression
            reads = expression.reads
            stops.append(
                StopWhen(
                    run=expression.run, expression=expression, windows=plan.windows_in(reads), by_clock=by_clock(reads)
                )
            )
    return ScenarioPlan(scenario=scenario, stop_whens=tuple(stops), met=frozenset(met - {NOTE}))


def _yearly(statement: Literal["scenario", "trigger"], rules: Mapping[str, Any]) -> list[Yearly]:
    """Also of rules that are paused, so that a moment is known when they are not any more."""
    return [
        Yearly(statement=statement, name=name, attribute=rule.occasion.attribute, time=rule.occasion.time)
        for name, rule in rules.items()
        if isinstance(rule.occasion, EveryYear)
    ]
