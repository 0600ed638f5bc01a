"""`relance demo`: a day at a shop, played against the installation that runs."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from email.message import EmailMessage
from typing import Any, Final

import click
import httpx

from server.bootstrap import Relance
from server.cli.session import operator, settings, with_relance
from server.demo import DAY, Step, day
from server.errors import Conflict
from server.mail import mail_files
from server.services.library import Library
from server.settings import LOCAL_MAIL, Settings

__all__ = ["demo"]

_BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
_AT_ONCE: Final = 16
_AGAIN: Final = (404, 429, 503)  # the contact is not known yet, or the server has too much to do
_READERS: Final = 3  # one mail in so many is opened, and half of these clicked


@click.command()
@click.option("--visitors", type=click.IntRange(1, 5000), default=300, show_default=True)
@click.option("--speed", type=click.FloatRange(1, 3600), default=60, show_default=True,
              help="How many times as fast as the day: 60 plays ten hours in ten minutes.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Another number is another day.")
def demo(visitors: int, speed: float, seed: int) -> None:
    """Play a day at a shop and its trade show: visits, carts, orders, sign-ups, mails that are read.

    It adds the ready-made rulebook `demo` to the published one, whose scenarios wait for minutes. With
    RELANCE_SMTP_URL=local: the mails are shown at /mailbox, and visitors read some of them.
    """
    known = settings()
    key, api_key = with_relance(lambda relance: _prepare(relance, known))
    steps = day(visitors, seed)
    click.echo(
        f"{len(steps):,} steps of {visitors} visitors in {DAY / speed / 60:.0f} minutes; Ctrl+C ends it", err=True
    )
    try:
        asyncio.run(_play(known, steps, speed, key, api_key))
    except httpx.HTTPError as problem:
        click.echo(f"relance: the server at {known.url} does not answer ({type(problem).__name__})", err=True)
        sys.exit(1)
    click.echo("The day is over. What came of it: relance chat, then leads, tasks, scenarios, deliveries.", err=True)


async def _prepare(relance: Relance, known: Settings) -> tuple[str, str]:
    """The rules that it plays on, and keys of its own."""
    services = relance.services
    await Library(services.rulebooks, services.messages).use(operator(), "demo", language=known.language)
    try:
        key = await services.sources.add("demo")
    except Conflict:
        await services.sources.remove("demo")
        key = await services.sources.add("demo")
    return key, await services.sources.add_key("demo", ("write", "consent"))


async def _play(known: Settings, steps: list[Step], speed: float, key: str, api_key: str) -> None:
    limits = httpx.Limits(max_connections=_AT_ONCE)
    base = f"http://127.0.0.1:{known.port}"
    hidden = not sys.stderr.isatty()
    async with httpx.AsyncClient(base_url=base, limits=limits, timeout=30, headers={"user-agent": _BROWSER}) as site:
        reading = asyncio.create_task(_read_mails(known, site, speed)) if known.smtp_url == LOCAL_MAIL else None
        begun = time.monotonic()
        with click.progressbar(steps, label="the day", file=sys.stderr, hidden=hidden, show_pos=True) as bar:
            before: dict[str, asyncio.Task[None]] = {}
            for step in bar:
                await asyncio.sleep(max(0, begun + step.at / speed - time.monotonic()))
                after = before.get(step.anonymous)  # what one visitor does stays in order
                before[step.anonymous] = asyncio.create_task(_do(site, step, key, api_key, after))
            await asyncio.gather(*before.values())
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _do(site: httpx.AsyncClient, step: Step, key: str, api_key: str, after: asyncio.Task[None] | None) -> None:
    if after is not None:
        await after
    for pause in (0.1, 0.3, 1.0, 3.0, 0.0):
        answer = await _call(site, step, key, api_key)
        if answer.status_code not in _AGAIN or not pause:
            answer.raise_for_status()
            return
        await asyncio.sleep(pause)


async def _call(site: httpx.AsyncClient, step: Step, key: str, api_key: str) -> httpx.Response:
    bearer = {"Authorization": f"Bearer {api_key}"}
    match step.kind:
        case "consent":
            body = {"purpose": step.body["purpose"], "action": "grant", "source": "demo"}
            return await site.post(f"/v1/contacts/user:{step.user}/consents", json=body, headers=bearer)
        case "fair":
            return await site.put(f"/v1/lists/fair/members/user:{step.user}", headers=bearer)
        case kind:
            who = {"anonymousId": step.anonymous} | ({"userId": step.user} if step.user else {})
            return await site.post(f"/v1/{kind}", json=who | step.body, auth=(key, ""))


async def _read_mails(known: Settings, site: httpx.AsyncClient, speed: float) -> None:
    """Open some of the mails that come, and follow a link of some of those, as their readers would."""
    from server.ports import SystemClock

    mails = mail_files(known, SystemClock())
    seen: set[str] = {mail.name for mail in mails.newest(1000)}
    while True:
        await asyncio.sleep(max(1.0, 120 / speed))
        for filed in reversed(await asyncio.to_thread(mails.newest, 200)):
            if filed.name in seen:
                continue
            seen.add(filed.name)
            if len(seen) % _READERS == 0 and (mail := mails.read(filed.name)) is not None:
                await _read_mail(site, mail, click=len(seen) % (2 * _READERS) == 0)


async def _read_mail(site: httpx.AsyncClient, mail: EmailMessage, *, click: bool) -> None:
    part: Any = mail.get_body(("html",))
    html = part.get_content() if part is not None else ""
    paths = [re.search(r"(/o/[\w-]+\.gif)", html), re.search(r"(/l/[\w-]+)", html) if click else None]
    for found in paths:
        if found is not None:
            await site.get(found[1])
