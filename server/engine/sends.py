"""What a decision sends on its way: deliveries to contacts, and the counts of runs, as commands of a commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rules.contact import Contact, Millis, Run
from rules.decision import Outgoing, RunStep
from server.model.outgoing import MessageDelivery, delivery_id
from server.store import keys
from server.store.codec import Sealer
from server.store.wire import Word

__all__ = ["RunTally", "places_of", "send"]

_REMEMBERED = 1000  # deliveries of one contact

Place = tuple[str, tuple[int, ...]]


def send(
    partition: int, seal: Sealer, contact: Contact, sends: Sequence[Outgoing], entry_id: str, now: Millis
) -> Iterator[tuple[Word, ...]]:
    """The commands that make messages due: each waits in the outbox until a courier takes it.

    They fall due in their order, which the fraction of the moment tells.
    """
    for number, outgoing in enumerate(sends):
        made = delivery_id(
            partition, entry_id, contact.id, outgoing.statement, outgoing.rule, outgoing.run, outgoing.step,
            outgoing.channel, outgoing.message, outgoing.due, number,
        )  # fmt: skip
        due = outgoing.due or now
        delivery = MessageDelivery(
            id=made,
            contact=contact.id,
            channel=outgoing.channel,
            message=outgoing.message,
            purpose=outgoing.purpose,
            statement=outgoing.statement,
            rule=outgoing.rule,
            run=outgoing.run,
            step=outgoing.step,
            due=due,
            valid_until=outgoing.valid_until,
            entry=outgoing.entry,
            event=outgoing.event,
            created=now,
            updated=now,
        )
        of_contact = keys.deliveries_of(partition, contact.id)
        yield "SET", keys.delivery(partition, made), seal.encode("delivery", delivery)
        yield "ZADD", keys.messages_due(partition), f"{due}.{min(number, 999):03}", made
        yield "ZADD", keys.deliveries(partition, "waiting"), now, made
        yield "ZADD", of_contact, now, made
        yield "ZREMRANGEBYRANK", of_contact, 0, -1 - _REMEMBERED


def places_of(runs: Sequence[Run]) -> tuple[Place, ...]:
    """Where the runs of a contact wait."""
    return tuple((run.scenario, run.place) for run in runs) if runs else ()


class RunTally:
    """How many runs more, or fewer, wait at each place, and what became of others, in one batch."""

    def __init__(self) -> None:
        self._waiting: Counter[Place] = Counter()
        self._became: Counter[tuple[str, str]] = Counter()

    def move(self, before: Iterable[Place], after: Iterable[Place]) -> None:
        """Note where the runs of a contact waited, and where they wait."""
        self._waiting.subtract(before)
        self._waiting.update(after)

    def note(self, steps: Iterable[RunStep]) -> None:
        """Count what became of runs."""
        self._became.update((step.scenario, step.what) for step in steps if step.what != "waits")

    def commands(self, partition: int) -> Iterator[tuple[Word, ...]]:
        """What brings the counts up to date."""
        name = keys.waiting_runs(partition)
        for (scenario, place), more in self._waiting.items():
            if more:
                yield "HINCRBY", name, f"{scenario} {'.'.join(map(str, place))}", more
        for (scenario, what), more in self._became.items():
            yield "HINCRBY", name, f"{scenario} {what}", more
