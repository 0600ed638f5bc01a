"""`relance run`: everything on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import structlog

from server.cli.session import operator, settings
from server.errors import Conflict, RelanceError
from server.logs import configure_logs
from server.settings import Settings
from server.signals import run_until_stopped
from server.supervisor import Supervisor

if TYPE_CHECKING:
    from server.bootstrap import Relance

__all__ = ["run"]

log = structlog.get_logger(__name__)

_SOURCE: Final = "first"


@click.command()
def run() -> None:
    """Run everything on this machine, with a Redis of its own unless RELANCE_REDIS_URL names one."""
    known = settings()
    configure_logs(known.log_level, "run")
    _look_at_files(known)
    kept = known.data_dir / "source.key"
    key = kept.read_text().strip() if kept.exists() else ""

    async def prepare() -> None:
        nonlocal key
        key = key or await _prepare(known, key)

    async def ready() -> None:
        click.echo(_banner(known, key))
        with contextlib.suppress(RelanceError):  # looked at again when nobody waits for it, or at the next start
            in_force = await _prepare(known, key)
            if in_force != key:
                click.echo(_banner(known, in_force))

    async def work(stop: asyncio.Event) -> None:
        await Supervisor(known, os.environ).run(stop, prepare, ready)

    run_until_stopped(work)


def _look_at_files(known: Settings) -> None:
    """Refuse files that settings name and that do not do: once, before every process would.

    They are read here only where there are any: what reads them takes a while to load.
    """
    if known.channels or (known.data_dir / "channels.toml").exists():
        from server.channels_file import read_channels

        read_channels(known)
    if known.dkim_key:
        from server.mail import read_signer

        read_signer(known, "")


async def _prepare(known: Settings, key: str) -> str:
    """Publish the sample rulebook where there is none, and see to it that a source can send; return its write key."""
    from server.bootstrap import open_relance

    async with open_relance(known, patience=10) as relance:
        if not await relance.services.rulebooks.versions(1):
            await _publish_sample(relance)
            await _until_in_force(relance)
        if key and await relance.services.sources.authenticate(key) is not None:
            return key
        return await _add_source(relance)


async def _publish_sample(relance: Relance) -> None:
    sample = resources.files("rules") / "library" / f"sample.{relance.settings.language}.rules"
    try:
        await relance.services.rulebooks.publish(operator(), sample.read_text(), base=0, comment="the sample rulebook")
    except Conflict:  # somebody was first, which is as good
        log.info("a rulebook was published meanwhile")


async def _until_in_force(relance: Relance) -> None:
    """Wait until engines decide by the published rulebook, so that the first event raises its alert."""
    for _ in range(600):  # half a minute at most
        seen = await relance.services.status.snapshot()
        if seen.figures is not None and seen.ready and not seen.figures.recomputing:
            return
        await asyncio.sleep(0.05)


async def _add_source(relance: Relance) -> str:
    """Add a source; its write key is kept beside the secret key, for its owner alone, to be shown at each start."""
    sources = relance.services.sources
    names = {source.name for source in await sources.all()}
    candidates = [_SOURCE, *(f"{_SOURCE}-{number}" for number in range(2, len(names) + 3))]
    key = await sources.add(next(name for name in candidates if name not in names))
    _write_private(relance.settings.data_dir / "source.key", key + "\n")
    return key


def _write_private(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _banner(known: Settings, key: str) -> str:
    words = _WORDS[known.language]
    local = f"http://localhost:{known.port}"
    events = (
        '{"batch": [{"type": "identify", "userId": "ada", "traits": {"firstName": "Ada"}},'
        ' {"type": "track", "userId": "ada", "event": "Demo Requested"}]}'
    )
    curl = f"curl -u {key}: {local}/v1/batch -H 'Content-Type: application/json' -d '{events}'"
    relance = ".venv/bin/relance" if Path(".venv/bin/relance").exists() else "relance"
    if known.data_dir != Settings().data_dir:
        relance = f"RELANCE_DATA_DIR={shlex.quote(str(known.data_dir))} {relance}"
    lines = (
        (words["url"], known.url),
        (words["key"], key),
        (words["curl"], curl),
        (words["chat"], f"{relance} chat"),
        (words["stop"], "Ctrl+C"),
    )
    width = max(len(label) for label, _ in lines)
    return "\n".join(["", words["ready"], *(f"  {label:<{width}}  {value}" for label, value in lines), ""])


_WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "ready": "Relance is ready.",
        "url": "address",
        "key": "source key",
        "curl": "first event",
        "chat": "its alert",
        "stop": "stop",
    },
    "fr": {
        "ready": "Relance est prête.",
        "url": "adresse",
        "key": "clé de source",
        "curl": "premier événement",
        "chat": "son alerte",
        "stop": "arrêter",
    },
}
