"""`relance deliveries`: what became of messages to contacts; trying one again, dropping one."""

from __future__ import annotations

import click

from server.cli.session import as_json, operator, tell, with_relance
from server.i18n import translator
from server.services.outgoing import STATES, DeliveryPage, DeliveryView
from server.services.reasons import reason_text

__all__ = ["deliveries"]


@click.group(invoke_without_command=True)
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--contact", default="", metavar="REF", help="Only those of this contact.")
@click.option("--limit", default=50, type=click.IntRange(1, 1000), help="How many at most.")
@as_json
@click.pass_context
def deliveries(context: click.Context, state: str | None, contact: str, limit: int, as_json: bool) -> None:
    """Messages to contacts: what waits, went out, was refused, failed, is uncertain."""
    if context.invoked_subcommand is not None:
        return
    page = with_relance(
        lambda relance: relance.services.outgoing.listing(
            operator(), [one for one in STATES if one == state], contact, None, limit
        )
    )
    tell(page, _page(page), as_json)


@deliveries.command()
@click.argument("delivery", metavar="ID")
@as_json
def retry(delivery: str, as_json: bool) -> None:
    """Have a message tried again that failed, was refused or dropped, or is uncertain."""
    view = with_relance(lambda relance: relance.services.outgoing.retry(operator(), delivery))
    tell(view, _line(view), as_json)


@deliveries.command()
@click.argument("delivery", metavar="ID")
@as_json
def drop(delivery: str, as_json: bool) -> None:
    """Let a message not go out that waits, failed or is uncertain."""
    view = with_relance(lambda relance: relance.services.outgoing.drop(operator(), delivery))
    tell(view, _line(view), as_json)


def _page(page: DeliveryPage) -> str:
    if not page.deliveries:
        return "no deliveries"
    more = ["… and more: --limit shows them"] if page.next else []
    return "\n".join([*map(_line, page.deliveries), *more])


def _line(view: DeliveryView) -> str:
    why = f"  ({reason_text(view.reason, translator('en'))})" if view.reason else ""
    rule = view.scenario or view.trigger or ("test" if view.test else "")
    about = f"{view.channel} {view.message}  {rule}".rstrip()
    return f"{view.id}  {view.updated:%Y-%m-%d %H:%M:%S}  {view.state:<9}  {view.contact}  {about}{why}"
