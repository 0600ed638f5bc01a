"""`relance telegram`: what Telegram must be told of this installation."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import click
import httpx

from bots.telegram.menu import MENUS, menu
from bots.telegram.polling import UPDATES
from server.cli.session import settings
from server.settings import Settings

__all__ = ["telegram"]


class _Refused(Exception):
    """Telegram does not take a call; the text says why."""


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
    except (_Refused, httpx.HTTPError) as problem:
        click.echo(f"relance: telegram: {problem or type(problem).__name__}", err=True)
        sys.exit(1)
    click.echo(
        f"@{name}: {'updates come to ' + known.url + '/telegram' if how == 'webhook' else 'Relance asks for updates'}"
    )


async def _setup(known: Settings, how: str) -> str:
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs URLs, and these hold the token
    base = f"{known.telegram_api_url or 'https://api.telegram.org'}/bot{known.telegram_token}"
    async with httpx.AsyncClient(timeout=20) as client:

        async def call(method: str, **arguments: Any) -> Any:
            answer = (await client.post(f"{base}/{method}", json=arguments)).json()
            if not answer.get("ok"):
                raise _Refused(str(answer.get("description", "it refuses")))
            return answer["result"]

        me = await call("getMe")
        if how == "webhook":
            await call(
                "setWebhook", url=f"{known.url}/telegram", secret_token=known.telegram_secret, allowed_updates=UPDATES
            )
        else:
            await call("deleteWebhook", drop_pending_updates=False)
        for scope in MENUS:
            for code, language in (("", known.language), ("en", "en"), ("fr", "fr")):
                await call("setMyCommands", scope={"type": scope}, language_code=code, commands=menu(scope, language))
        return str(me["username"])
