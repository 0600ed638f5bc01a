"""`relance slack`: what Slack must be told of this installation."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from server.cli.session import settings
from server.settings import Settings

__all__ = ["slack"]

_SCOPES = (
    "app_mentions:read", "channels:history", "channels:read", "chat:write", "commands", "files:read", "groups:history",
    "groups:read", "im:history", "users:read",
)  # fmt: skip


@click.group()
def slack() -> None:
    """What Slack must be told of this installation."""


@slack.command()
@click.option("--socket", is_flag=True, help="For Socket Mode: no public address is needed.")
@click.option("--name", default="Relance", show_default=True, help="The app's name in Slack.")
def manifest(socket: bool, name: str) -> None:
    """Print an app manifest, to be pasted at https://api.slack.com/apps (Create New App, From a manifest)."""
    known = settings()
    if not (socket or known.slack_app_token) and not known.public_url.startswith("https://"):
        raise click.UsageError("Slack needs an HTTPS address: set RELANCE_PUBLIC_URL, or use --socket")
    click.echo(
        msgspec.json.format(msgspec.json.encode(app_manifest(known, name, socket or bool(known.slack_app_token))))
    )
    if socket or known.slack_app_token:
        click.echo(
            "Then, in the app: Basic Information, App-Level Tokens: one with connections:write is "
            "RELANCE_SLACK_APP_TOKEN; Install App gives RELANCE_SLACK_BOT_TOKEN.",
            err=True,
        )
    else:
        click.echo(
            "Then, in the app: Basic Information has RELANCE_SLACK_SIGNING_SECRET; Install App gives "
            "RELANCE_SLACK_BOT_TOKEN.",
            err=True,
        )


def app_manifest(known: Settings, name: str, socket: bool) -> dict[str, Any]:
    """An app manifest: https://docs.slack.dev/reference/app-manifest/."""
    from bots.slack.requests import SHORTCUT

    english = known.language == "en"
    where = {} if socket else {"request_url": f"{known.url}/slack"}
    command: dict[str, Any] = {
        "command": "/relance",
        "description": "Leads and rules" if english else "Prospects et règles",
        "usage_hint": "help" if english else "aide",
        "should_escape": False,
    }
    why: dict[str, Any] = {
        "name": "Why?" if english else "Pourquoi ?",
        "type": "message",
        "callback_id": SHORTCUT,
        "description": "The score of a card's contact, line by line"
        if english
        else "Le score du contact d'une carte, ligne par ligne",
    }
    if not socket:
        command["url"] = f"{known.url}/slack"
    return {
        "display_information": {"name": name},
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": name, "always_online": True},
            "shortcuts": [why],
            "slash_commands": [command],
        },
        "oauth_config": {"scopes": {"bot": list(_SCOPES)}},
        "settings": {
            "event_subscriptions": {**where, "bot_events": ["app_home_opened", "app_mention", "message.im"]},
            "interactivity": {"is_enabled": True, **where},
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket,
            "token_rotation_enabled": False,
        },
    }
