"""A preview as an answer in a chat: who enters and leaves, what fires, what never does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from bots.drafts import rerouted_lines
from bots.replies import Button, Field, Item, Reply, Table
from rules.estimate import Estimate
from server.i18n import Translator, mark
from server.model.preview import (
    Flow,
    Left,
    MishapPreview,
    Movers,
    Preview,
    RuleName,
    ScenarioPreview,
    SegmentPreview,
    TriggerPreview,
)

__all__ = ["preview_reply", "progress_line"]

KINDS: Final = {
    "score": mark("score {name}"),
    "segment": mark("segment {name}"),
    "trigger": mark("trigger {name}"),
    "scenario": mark("scenario {name}"),
}
CHANGES: Final = {
    "new": mark("new"),
    "changed": mark("changed"),
    "removed": mark("removed"),
    "same": "",
}


def preview_reply(preview: Preview, t: Translator, buttons: tuple[Button, ...] = ()) -> Reply:
    """The whole preview; `buttons` are what may be done with it."""
    return Reply(
        title=t("Preview over {contacts}, against version {version}", contacts=_people(preview.contacts, t),
                version=preview.base),
        lines=tuple(_lines(preview, t)),
        fields=tuple(_fields(preview, t)),
        table=_table(preview.segments, t),
        items=(
            *(_segment(segment, t) for segment in preview.segments if segment.enter.count or segment.leave.count),
            *(_trigger(trigger, t) for trigger in preview.triggers),
            *(_scenario(scenario, t) for scenario in preview.scenarios),
        ),
        footer=_footer(preview, t),
        buttons=buttons,
        tone="plain",
    )  # fmt: skip


def progress_line(done: int, of: int, t: Translator) -> str:
    """How far a preview is, in one line."""
    share = 100 * done // of if of else 100
    return t("{done} of {of} contacts ({share} %)", done=t.number(done), of=t.number(of), share=share)


def _lines(preview: Preview, t: Translator) -> Iterator[str]:
    moving = any(segment.enter.count or segment.leave.count for segment in preview.segments)
    if not preview.contacts:
        yield t("There are no contacts yet.")
        return
    if not moving:
        yield t("Nobody enters or leaves a segment.")
    if preview.rescored:
        yield t.count("One score changes.", "{number} scores change.", preview.rescored)
    for text, rules in ((t("Never matches"), preview.never), (t("Matches everybody"), preview.everybody)):
        if rules:
            yield _told(text, _names(rules, t), t)
    for left in preview.left_out:
        yield _left(left, t)
    for mishap in preview.mishaps:
        yield _mishap(mishap, t)
    if preview.failed:
        yield t("{contacts} could not be worked out.", contacts=_people(preview.failed, t))


def _fields(preview: Preview, t: Translator) -> Iterator[Field]:
    for flow in preview.alerts:
        yield Field(t("Alerts a day for {team}", team=flow.to), _flow(flow, t))
    for flow in preview.messages:
        yield Field(t("Messages a day by {channel}", channel=flow.to), _flow(flow, t))


def _flow(flow: Flow, t: Translator) -> str:
    text = _range(flow.per_day, t)
    if flow.per_day_before is not None and flow.per_day_before != flow.per_day:
        text = t("{number}, now {before}", number=text, before=_range(flow.per_day_before, t))
    return text


def _table(segments: Iterable[SegmentPreview], t: Translator) -> Table | None:
    rows = tuple(
        (
            segment.name,
            t.number(segment.before),
            t.number(segment.after),
            f"+{t.number(segment.enter.count)}" if segment.enter.count else "",
            f"−{t.number(segment.leave.count)}" if segment.leave.count else "",
            t(CHANGES[segment.change]) if CHANGES[segment.change] else "",
        )
        for segment in segments
    )
    if not rows:
        return None
    columns = (t("Segment"), t("Now"), t("After"), t("Enter"), t("Leave"), "")
    return Table(columns=columns, rows=rows, numbers=frozenset({1, 2, 3, 4}))


def _segment(segment: SegmentPreview, t: Translator) -> Item:
    lines = []
    if segment.enter.count:
        lines.append(t("Enter: {names}", names=_movers(segment.enter, t)))
    if segment.leave.count:
        lines.append(t("Leave: {names}", names=_movers(segment.leave, t)))
    return Item(title=_rule("segment", segment.name, t), lines=tuple(lines))


def _movers(movers: Movers, t: Translator) -> str:
    names = ", ".join(mover.name for mover in movers.first)
    more = movers.count - len(movers.first)
    return t("{names} and {more} more", names=names, more=t.number(more)) if more > 0 else names


def _trigger(trigger: TriggerPreview, t: Translator) -> Item:
    title = _rule("trigger", trigger.name, t)
    if CHANGES[trigger.change]:
        title = f"{title} · {t(CHANGES[trigger.change])}"
    lines = [
        t("Would have fired {number} times for {contacts} contacts, {daily} a day.", number=_range(trigger.fired, t),
          contacts=_range(trigger.contacts, t), daily=_range(trigger.per_day, t))
    ]  # fmt: skip
    if trigger.before is not None and trigger.before != trigger.fired:
        lines.append(t("As it is published: {number} times.", number=_range(trigger.before, t)))
    return Item(title=title, lines=(*lines, *_flows(trigger, t)))


def _scenario(scenario: ScenarioPreview, t: Translator) -> Item:
    title = _rule("scenario", scenario.name, t)
    if CHANGES[scenario.change]:
        title = f"{title} · {t(CHANGES[scenario.change])}"
    lines = []
    if scenario.reach is not None:
        lines.append(t("Would reach {contacts}, as they are now.", contacts=_people(scenario.reach, t)))
    else:
        lines.append(
            t("Would have started {number} times for {contacts} contacts, {daily} a day.",
              number=_range(scenario.started, t), contacts=_range(scenario.contacts, t),
              daily=_range(scenario.per_day, t))
        )  # fmt: skip
        if scenario.before is not None and scenario.before != scenario.started:
            lines.append(t("As it is published: {number} times.", number=_range(scenario.before, t)))
    return Item(title=title, lines=(*lines, *_flows(scenario, t), *rerouted_lines(scenario.moved, t)))


def _flows(rule: TriggerPreview | ScenarioPreview, t: Translator) -> Iterator[str]:
    for flow in rule.alerts:
        yield _told(t("Alerts a day for {team}", team=flow.to), _range(flow.per_day, t), t)
    for flow in rule.messages:
        yield _told(t("Messages a day by {channel}", channel=flow.to), _range(flow.per_day, t), t)


def _left(left: Left, t: Translator) -> str:
    return t("Left out of {rule} for want of consent to {purpose}: {number}", rule=_rule(left.kind, left.name, t),
             purpose=left.purpose, number=_range(left.contacts, t))  # fmt: skip


def _mishap(mishap: MishapPreview, t: Translator) -> str:
    rule = _rule(mishap.kind, mishap.name, t)
    symbols = f" ({', '.join(mishap.symbols)})" if mishap.symbols else ""
    parts = []
    if mishap.missing.value:
        parts.append(t("a value is missing for {number}", number=_range(mishap.missing, t)))
    if mishap.errors.value:
        parts.append(t("cannot be worked out for {number}", number=_range(mishap.errors, t)))
    return _told(rule, ", ".join(parts) + symbols, t)


def _told(name: str, value: str, t: Translator) -> str:
    return t("{name}: {value}", name=name, value=value)


def _footer(preview: Preview, t: Translator) -> str:
    days = t.count("one day", "{number} days", max(round(preview.days), 1))
    if preview.exact:
        text = t("Triggers: all histories, over {days}.", days=days)
    else:
        text = t("Triggers: a sample of {sampled} histories over {days}; in brackets the 95 % interval.",
                 sampled=t.number(preview.sampled), days=days)  # fmt: skip
    if preview.scenarios:
        text += " " + t("Scenarios likewise; dates, broadcasts, feeds, limits and quiet hours are not simulated.")
    return text


def _names(rules: Iterable[RuleName], t: Translator) -> str:
    return ", ".join(_rule(rule.kind, rule.name, t) for rule in rules)


def _rule(kind: str, name: str, t: Translator) -> str:
    return t(KINDS[kind], name=name)


def _people(number: int, t: Translator) -> str:
    return t.count("one contact", "{number} contacts", number)


def _range(estimate: Estimate, t: Translator) -> str:
    """`12.5 (11–14)`, or `12.5` where it was counted."""
    text = t.number(estimate.value)
    if estimate.low == estimate.high:
        return text
    return f"{text} ({t.number(estimate.low)}–{t.number(estimate.high)})"
