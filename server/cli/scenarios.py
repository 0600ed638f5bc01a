"""`relance scenarios`, `relance runs`: what goes on over time."""

from __future__ import annotations

import click

from server.cli.session import as_json, operator, tell, with_relance
from server.services.runs import RunView, ScenarioSteps, ScenarioView

__all__ = ["runs", "scenarios"]


@click.command()
@click.argument("name", required=False)
@as_json
def scenarios(name: str | None, as_json: bool) -> None:
    """List the scenarios; of the one that is named, show the steps and how many runs wait at each."""
    if name is None:
        found = with_relance(lambda relance: relance.services.runs.scenarios(operator()))
        tell(found, "\n".join(map(_line, found)) or "no scenarios", as_json)
    else:
        steps = with_relance(lambda relance: relance.services.runs.scenario(operator(), name))
        tell(steps, _drawn(steps), as_json)


@click.command()
@click.argument("ref")
@as_json
def runs(ref: str, as_json: bool) -> None:
    """Tell where a contact is. REF is an id, an e-mail address, a user id."""
    found = with_relance(lambda relance: relance.services.runs.runs(operator(), ref))
    tell(found, "\n".join(map(_run, found)) or "in no scenario", as_json)


def _line(one: ScenarioView) -> str:
    paused = "  (paused)" if one.paused else ""
    counts = f"{one.waiting} waiting, {one.started} started, {one.finished} finished, {one.stopped} stopped"
    return f"{one.name}{paused}: {counts}"


def _drawn(found: ScenarioSteps) -> str:
    lines = [_line(found.scenario)]
    for step in found.steps:
        lines.append(f"{step.waiting or '':>8}  {'  ' * step.depth}{step.text}")
    if found.elsewhere:
        lines.append(f"{found.elsewhere:>8}  at steps that the text does not have any more")
    return "\n".join(lines)


def _run(run: RunView) -> str:
    until = "until something happens" if run.due is None else f"until {run.due:%Y-%m-%d %H:%M:%S} UTC"
    where = run.text or "a step that the text does not have any more"
    return f"{run.scenario}: {where} since {run.since:%Y-%m-%d %H:%M:%S} UTC, {until}"
