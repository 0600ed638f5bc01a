"""`relance telegram`: what Telegram must be told of this installation."""

from __future__ import annotations

import asyncio
import sys

import click
import httpx

from bots.telegram.menu import MENUS, menu
from bots.telegram.polling import UPDATES
from server.bot_api import BotApi, BotRefused
from server.cli.session import settings
from server.settings import Settings

__all__ = ["telegram"]


@click.group()
def telegram() -> None:
    """What Telegram must be told of this installation."""


@telegram.command()
@click.option(
    "--webhook", "how", flag_value="webhook", help="Telegram calls RELANCE_PUBLIC_URL; the default with a secret."
)
@click.option("--polling", "how", flag_value="polling", help="Relance asks Telegram; no public address is needed.")
def setup(how: str | None) -> None:
    """Tell Telegram how updates reach this installation, and which commands its menus show."""
    known = settings()
    if not known.telegram_token:
        raise click.UsageError("set RELANCE_TELEGRAM_TOKEN: @BotFather gives it")
    how = how or ("webhook" if known.telegram_secret else "polling")
    if how == "webhook" and not known.telegram_secret:
        raise click.UsageError("set RELANCE_TELEGRAM_SECRET to a text of letters and digits that you make up")
    if how == "webhook" and not known.public_url.startswith("https://"):
        raise click.UsageError("Telegram needs an HTTPS address: set RELANCE_PUBLIC_URL, or use --polling")
    if how == "polling" and known.telegram_secret:
        raise click.UsageError("RELANCE_TELEGRAM_SECRET is set, so Relance waits for a webhook: unset it to poll")
    try:
        name = asyncio.run(_setup(known, how))
    except (BotRefused, httpx.HTTPError) as problem:
        click.echo(f"relance: telegram: {problem or type(problem).__name__}", err=True)
        sys.exit(1)
    click.echo(
        f"@{name}: {'updates come to ' + known.url + '/telegram' if how == 'webhook' else 'Relance asks for updates'}"
    )


async def _setup(known: Settings, how: str) -> str:
    api = BotApi(known, timeout=20)
    try:
        me = await api.call("getMe")
        if how == "webhook":
            url = f"{known.url}/telegram"
            await api.call("setWebhook", url=url, secret_token=known.telegram_secret, allowed_updates=UPDATES)
        else:
            await api.call("deleteWebhook", drop_pending_updates=False)
        for scope in MENUS:
            for code, language in (("", known.language), ("en", "en"), ("fr", "fr")):
                commands = menu(scope, language)
                await api.call("setMyCommands", scope={"type": scope}, language_code=code, commands=commands)
        return str(me["username"])
    finally:
        await api.close()
