"""`relance contact`: what is known of a contact, and why."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from rules.verdict import Part
from server.cli.session import as_json, operator, tell, with_relance
from server.services.contacts import ContactView
from server.services.why import RuleView, Why

__all__ = ["contact"]


@click.group()
def contact() -> None:
    """Contacts. REF is an id, an e-mail address, a user id, or `email:…`, `user:…`, `anonymous:…`."""


@contact.command()
@click.argument("ref")
@as_json
def show(ref: str, as_json: bool) -> None:
    """Show what is known of a contact."""
    view = with_relance(lambda relance: relance.services.contacts.view(operator(), ref))
    tell(view, _view(view), as_json)


@contact.command()
@click.argument("ref")
@click.argument("rule", required=False)
@as_json
def why(ref: str, rule: str | None, as_json: bool) -> None:
    """Explain a contact's score line by line, or why a rule does or does not match."""
    found = with_relance(lambda relance: relance.services.contacts.why(operator(), ref, rule))
    tell(found, _why(found), as_json)


def _view(view: ContactView) -> str:
    rows = [("id", view.id), ("score", f"{view.score:g}")]
    rows += [(identity.namespace, identity.value) for identity in view.identities]
    rows += [(name, _value(value)) for name, value in view.attributes.items()]
    rows += [("segments", ", ".join(view.segments)), ("lists", ", ".join(view.lists))]
    rows += [(f"consent {purpose}", status) for purpose, status in view.consents.items()]
    rows += [
        ("created", f"{view.created:%Y-%m-%d %H:%M:%S} UTC"),
        ("last seen", f"{view.last_seen:%Y-%m-%d %H:%M:%S} UTC"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows)


def _why(found: Why) -> str:
    lines = [f"{line.points:>+8g}  {line.text}" for line in found.lines]
    lines += [f"{each.points:>+8g}  {each.reason or 'by hand'} ({each.by})" for each in found.adjustments]
    lines.append(f"{found.score:>8g}  in all")
    if found.rule is not None:
        lines += ["", *_rule(found.rule)]
    return "\n".join(lines)


def _rule(found: RuleView) -> list[str]:
    verdict = "true" if found.true else f"not true: {found.reason}"
    lines = [found.text, f"{found.kind} {found.rule} is {verdict}"]
    if found.culprit:
        lines.append(f"decided by: {found.culprit}")
    if found.since is not None:
        by = found.entry if found.entry.startswith(("version", "time")) else f"entry {found.entry} of the log"
        lines.append(
            f"in the segment since {found.since:%Y-%m-%d %H:%M:%S} UTC, by {by}, under version {found.version}"
        )
    if found.at is not None:
        lines.append(f"tried with the event of {found.at:%Y-%m-%d %H:%M:%S} UTC")
    return lines + [line for part in found.parts for line in _part(part, 0)]


def _part(part: Part, depth: int) -> list[str]:
    shown = part.value if part.outcome == "value" else part.outcome
    lines = [f"{shown:>12}  {'  ' * depth}{part.text}"]
    return lines + [line for inner in part.parts for line in _part(inner, depth + 1)]


def _value(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
