"""What stands inside a statement: its expressions, its steps, its texts, however deep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from rules.rulebook import (
    Action,
    AlertTeam,
    At,
    Condition,
    Every,
    EveryYear,
    If,
    OnBroadcast,
    OnFeed,
    Scenario,
    Split,
    Step,
    Task,
    Trigger,
)

__all__ = ["condition_of", "conditions_in", "steps_in", "takes_occurrences", "texts_in"]


def conditions_in(record: Any) -> Iterator[Condition]:
    """The expressions of a statement that compiled, in the order of its text."""
    if isinstance(record, Condition):
        if record.expression is not None:
            yield record
    elif isinstance(record, msgspec.Struct):
        for name in record.__struct_fields__:
            yield from conditions_in(getattr(record, name))
    elif isinstance(record, tuple):
        for part in record:
            yield from conditions_in(part)


def condition_of(rule: Trigger | Scenario) -> Condition | None:
    """The `when` of a trigger or scenario; of a dated, broadcast or feed one the `to`."""
    return rule.when or getattr(rule.occasion, "to", None)


def takes_occurrences(rule: Trigger | Scenario) -> bool:
    """Whether a rule is dated, or on a broadcast or a feed: then it takes each occurrence once."""
    return isinstance(rule.occasion, EveryYear | At | Every | OnBroadcast | OnFeed)


def steps_in(steps: tuple[Step, ...] | tuple[Action, ...]) -> Iterator[Step]:
    """The steps of a block and of the blocks under it."""
    for step in steps:
        yield step
        if isinstance(step, If):
            for branch in step.branches:
                yield from steps_in(branch.steps)
        elif isinstance(step, Split):
            for share in step.shares:
                yield from steps_in(share.steps)


def texts_in(steps: tuple[Step, ...] | tuple[Action, ...]) -> Iterator[str]:
    """The texts of alerts and tasks."""
    for step in steps_in(steps):
        if isinstance(step, AlertTeam | Task):
            yield step.text
