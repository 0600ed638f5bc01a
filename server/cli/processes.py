"""`relance server`, `engine`, `worker`, `bots`: one kind of process, for several machines."""

from __future__ import annotations

from functools import partial

import click
import uvloop

from server import processes
from server.cli.session import settings
from server.logs import configure_logs
from server.signals import run_until_stopped

__all__ = ["bots", "engine", "server", "worker"]


@click.command()
def server() -> None:
    """Serve HTTP: events, the API, Slack's and Telegram's requests."""
    known = settings()
    configure_logs(known.log_level, "server")
    run_until_stopped(partial(processes.server, known), uvloop.run)


@click.command()
def bots() -> None:
    """Talk to Slack by Socket Mode and to Telegram by long polling; `server` does so too."""
    known = settings()
    configure_logs(known.log_level, "bots")
    run_until_stopped(partial(processes.bots, known), uvloop.run)


@click.command()
def engine() -> None:
    """Apply events: scores, segments, alerts. Several share the work."""
    known = settings()
    configure_logs(known.log_level, "engine")
    run_until_stopped(partial(processes.engine, known), uvloop.run)


@click.command()
def worker() -> None:
    """Deliver what is due. Several share the work."""
    known = settings()
    configure_logs(known.log_level, "worker")
    run_until_stopped(partial(processes.worker, known), uvloop.run)
