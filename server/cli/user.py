"""`relance user`: the people who work with the service."""

from __future__ import annotations

from typing import Any

import click

from bots.telegram.links import deep_link
from server.bootstrap import Relance
from server.bot_api import bot_name
from server.cli.session import as_json, settings, tell, with_relance
from server.model.actor import ROLES, Role

__all__ = ["user"]


@click.group()
def user() -> None:
    """People, their roles and their chat accounts."""


@user.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), multiple=True, required=True, help="May be given several times.")
@click.option("--slack", default="", metavar="T0123/U0456", help="Ids of the workspace and the user.")
@click.option("--telegram", default="", metavar="NUMBER", help="The user's numeric id.")
@click.option("--email", default="", metavar="ADDRESS", help="Where messages go that they send to themselves.")
@as_json
def add(name: str, role: tuple[Role, ...], slack: str, telegram: str, email: str, as_json: bool) -> None:
    """Add a person; without an account, print the one-time code by which they link theirs."""

    async def work(relance: Relance) -> dict[str, Any]:
        person = await relance.services.people.add(name, role, slack=slack, telegram=telegram, email=email)
        if person.accounts:
            return {"user": person.id}
        return {"user": person.id, **await _invited(relance, person.id)}

    made = with_relance(work)
    tell(made, _invitation(made) if "code" in made else made["user"], as_json)


@user.command()
@click.argument("name")
@as_json
def code(name: str, as_json: bool) -> None:
    """Print a one-time code by which a person links a chat account."""
    made = with_relance(lambda relance: _invited(relance, name))
    tell(made, _invitation(made), as_json)


@user.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List everybody."""
    found = with_relance(lambda relance: relance.services.people.all())
    lines = [f"{one.id}  {one.name:<24} {','.join(one.roles):<16} {' '.join(map(str, one.accounts))}" for one in found]
    rows = [
        {"user": one.id, "name": one.name, "roles": one.roles, "accounts": [str(account) for account in one.accounts]}
        for one in found
    ]
    tell(rows, "\n".join(lines), as_json)


@user.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take everything away from a person."""
    with_relance(lambda relance: relance.services.people.remove(name))


async def _invited(relance: Relance, who: str) -> dict[str, str]:
    """A one-time code, and the link that uses it in Telegram, where the bot's name can be told."""
    code = await relance.services.people.link_code(who)
    link = deep_link(await bot_name(settings()), "link", code)
    return {"code": code, "link": link} if link else {"code": code}


def _invitation(made: dict[str, str]) -> str:
    code, link = made["code"], made.get("link", "")
    by_link = f", or open {link}" if link else ""
    return f"in Slack: /relance link {code}\nin Telegram: /link {code}{by_link}\n(once, within 15 minutes)"
