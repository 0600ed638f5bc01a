"""`relance server`, `engine`, `worker`: one kind of process, for several machines."""

from __future__ import annotations

from functools import partial

import click

from server import processes
from server.cli.session import settings
from server.logs import configure_logs

__all__ = ["engine", "server", "worker"]


@click.command()
def server() -> None:
    """Serve HTTP: events, the API, Slack's and Telegram's requests."""
    known = settings()
    configure_logs(known.log_level, "server")
    processes.run_until_stopped(partial(processes.server, known))


@click.command()
def engine() -> None:
    """Apply events: scores, segments, alerts. Several share the work."""
    known = settings()
    configure_logs(known.log_level, "engine")
    processes.run_until_stopped(partial(processes.engine, known))


@click.command()
def worker() -> None:
    """Deliver what is due. Several share the work."""
    known = settings()
    configure_logs(known.log_level, "worker")
    processes.run_until_stopped(partial(processes.worker, known))
