"""Runs: a contact's ways through scenarios, their places in them, their beginning and end."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b, sha256
from typing import TypeAlias

from rules.contact import Run
from rules.course import Course
from rules.decision import RunStep
from rules.rulebook import If, Scenario, Split, Step, Wait, WaitFor, WaitUntil

__all__ = [
    "Place",
    "beyond",
    "chosen_share",
    "finish_run",
    "goes",
    "run_id",
    "step_at",
    "stop_run",
    "stop_runs",
    "waits_at",
]

Place: TypeAlias = tuple[int, ...]


def step_at(steps: Sequence[Step], place: Place) -> Step | None:
    """The step at a place, which is a path: places in blocks, outermost first; within an `if` or a `split` the number
    of the branch, then the place in it. None where there is none."""
    block = steps
    for at in range(0, len(place) - 2, 2):
        step = block[place[at]] if place[at] < len(block) else None
        parts = step.branches if isinstance(step, If) else step.shares if isinstance(step, Split) else ()
        if place[at + 1] >= len(parts):
            return None
        block = parts[place[at + 1]].steps
    return block[place[-1]] if place and place[-1] < len(block) else None


def beyond(place: Place) -> Place:
    """The place behind another in its block."""
    return (*place[:-1], place[-1] + 1)


def waits_at(scenario: Scenario, place: Place) -> Wait | WaitUntil | WaitFor | None:
    """The step at a place, where it is one that a run can wait at."""
    step = step_at(scenario.steps, place)
    return step if isinstance(step, Wait | WaitUntil | WaitFor) else None


def chosen_share(split: Split, scenario: str, contact: str, place: Place) -> int:
    """Which share of a split is a contact's: fixed for the contact, the scenario and the split, by SHA-256."""
    which = split.label or ".".join(map(str, place))
    digest = sha256(f"{scenario}\0{contact}\0{which}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") * 100 >> 64
    for number, share in enumerate(split.shares):
        point -= share.percent
        if point < 0:
            return number
    return len(split.shares) - 1


def run_id(course: Course, scenario: str, key: str) -> str:
    """The id of one more run; the same entry gives the same, and no two contacts the same, for they may be joined."""
    course.begun = (*course.begun, (scenario, key))
    text = f"{course.contact.id}\0{course.entry_id}\0{scenario}\0{key}\0{course.begun.count((scenario, key))}"
    return blake2b(text.encode(), digest_size=8, person=b"run").hexdigest()


def goes(course: Course, run: Run) -> bool:
    """Whether a run has not come to an end."""
    return any(one is run for one in course.contact.runs)


def stop_run(course: Course, run: Run, reason: str) -> None:
    """End a run before its last step."""
    _leave(course, run)
    course.decision.runs.append(RunStep(run=run.id, scenario=run.scenario, what="stopped", reason=reason))


def finish_run(course: Course, run: Run) -> None:
    """End a run behind its last step."""
    _leave(course, run)
    course.decision.runs.append(RunStep(run=run.id, scenario=run.scenario, what="finished"))


def stop_runs(course: Course, scenario: str) -> None:
    """End all runs of a scenario."""
    for run in [run for run in course.contact.runs if run.scenario == scenario]:
        stop_run(course, run, "scenario")


def _leave(course: Course, run: Run) -> None:
    course.contact.runs = [one for one in course.contact.runs if one is not run]
