"""What Prometheus reads: figures of the installation, asked for at each scrape, and counters of this process."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from server.services.status import Snapshot

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_FIGURES = (
    ("partitions", "relance_partitions", "Partitions of the data."),
    ("held", "relance_partitions_held", "Partitions that an engine works on; fewer than all: events wait."),
    ("engines", "relance_engines", "Engines that live."),
    ("waiting", "relance_log_entries_waiting", "Entries that have not taken effect yet."),
    ("rulebook", "relance_rulebook_version", "Published version of the rulebook."),
    ("recomputing", "relance_partitions_recomputing", "Partitions that the published rulebook has not reached yet."),
    ("due", "relance_deliveries_due", "Cards that are due now."),
    ("undelivered", "relance_deliveries_given_up", "Cards that could not be delivered."),
    ("messages_due", "relance_messages_due", "Messages to contacts that wait for a worker."),
    ("messages_failed", "relance_messages_failed", "Messages that their channel did not take, of the last year."),
    ("messages_unknown", "relance_messages_unknown", "Messages that may have arrived, of the last year."),
)


class _Latest(Collector):
    """Gauges of the snapshot that was taken for this scrape."""

    def __init__(self) -> None:
        self.snapshot = Snapshot(ready=False, figures=None, bots={})

    def collect(self) -> Iterable[Metric]:
        seen = self.snapshot
        yield GaugeMetricFamily("relance_ready", "Redis answers and engines hold all partitions.", int(seen.ready))
        yield GaugeMetricFamily("relance_redis_up", "Redis answers.", int(seen.figures is not None))
        bots = GaugeMetricFamily("relance_bot_up", "The bot works (a bot that is off is not listed).", labels=["bot"])
        for platform, state in sorted(seen.bots.items()):
            if state != "off":
                bots.add_metric([platform], int(state == "ok"))
        yield bots
        if seen.figures is not None:
            for field, name, text in _FIGURES:
                yield GaugeMetricFamily(name, text, getattr(seen.figures, field))


class Metrics:
    """The registry of one server process. Labels are names of the product and of sources, never of people."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._latest = _Latest()
        self.registry.register(self._latest)
        self.events = Counter(
            "relance_events", "Events taken or refused, by source.", ["source", "outcome"], registry=self.registry
        )
        self.requests = Histogram(
            "relance_request_seconds",
            "Time to answer a request, by route and status.",
            ["route", "status"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=self.registry,
        )

    def text(self, snapshot: Snapshot) -> bytes:
        """Everything in Prometheus's text format, with the figures of this snapshot."""
        self._latest.snapshot = snapshot
        return generate_latest(self.registry)
