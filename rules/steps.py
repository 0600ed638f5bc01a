"""Scenarios and digests: options, steps, blocks under blocks."""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec

from rules.kinds import MOMENT, RANK, check_kind
from rules.near import nearest
from rules.reactions import has_event, read_action, read_alert, read_at, read_every, read_occasion
from rules.reading import Facts, Reader
from rules.rulebook import (
    Action,
    At,
    Branch,
    Condition,
    Digest,
    Every,
    If,
    Occasion,
    OnEventWhen,
    Scenario,
    Share,
    Split,
    StartScenario,
    Step,
    Stop,
    Wait,
    WaitFor,
    WaitUntil,
)
from rules.syntax import MAXIMUM_DEPTH

__all__ = ["read_digest", "read_scenario"]

_OPTIONS = ("key", "again_after", "stop_on", "stop_when", "restart_on")
_OPENERS = ("if_step", "else_if_step", "else_step", "split", "branch_line", "broken")


class _Node(msgspec.Struct):
    """A line and the lines under it."""

    reader: Reader
    under: list[_Node] = msgspec.field(default_factory=list)

    @property
    def what(self) -> str:
        return str(self.reader.tree.data)


class _Scope(msgspec.Struct):
    """What holds in a whole scenario while its steps are read."""

    name: str
    entry: Facts
    again: bool
    labels: set[str] = msgspec.field(default_factory=set)


class _Flow(msgspec.Struct):
    """Where the reading of a block has got to: may `arrived` be read, has every way come to a stop."""

    arrived: bool
    over: bool = False


def read_scenario(reader: Reader, body: list[Reader]) -> Scenario | None:
    """`scenario NAME [for PURPOSE]: ENTRY [when EXPR]`, its options and its steps."""
    occasion = read_occasion(reader)
    event = has_event(occasion)
    nodes = _nest(body)
    entry = Facts(entry="full" if event else "bare", keyed=_keyed(nodes))
    first = next((at for at, node in enumerate(nodes) if node.what not in (*_OPTIONS, "broken")), len(nodes))
    options = _options(nodes[:first], Facts(event=event), entry)
    if first == len(nodes) and not any(node.what == "broken" for node in nodes):
        reader.tell(reader.tokens("NAME")[0], "a scenario needs at least one step, indented under it", "no steps")
    scope = _Scope(name=reader.name(), entry=entry, again=options.again_after is not None)
    return msgspec.structs.replace(
        options,
        name=scope.name,
        occasion=occasion,
        purpose=reader.purpose(),
        when=reader.when(Facts(event=event)),
        steps=_block(nodes[first:], scope, _Flow(arrived=False)),
        line=reader.line.number,
    )


def _keyed(nodes: list[_Node]) -> str:
    """The property that `key event.PROPERTY` names: a run has one, since a null key starts none."""
    keys = [node.reader.tokens("EXPR")[0] for node in nodes if node.what == "key"]
    found = re.fullmatch(r"event\.([A-Za-z_]\w*)", keys[0].strip()) if keys else None
    return found[1] if found else ""


def _nest(body: list[Reader]) -> list[_Node]:
    """Lines → a tree, by their indentation; one that fits nowhere is reported and left out."""
    top: list[_Node] = []
    levels: list[tuple[int, list[_Node]]] = [(len(body[0].line.indent) if body else 0, top)]
    misfit: int | None = None
    for reader in body:
        width = len(reader.line.indent)
        if misfit is not None and width >= misfit:
            continue
        misfit = None
        while width < levels[-1][0] and len(levels) > 1:
            levels.pop()
        depth, block = levels[-1]
        if width > depth and block[-1].what in _OPENERS and not block[-1].under and len(levels) < MAXIMUM_DEPTH:
            block = block[-1].under
            levels.append((width, block))
        elif width != depth:
            message = "this indentation fits no line above" if len(levels) < MAXIMUM_DEPTH else "blocks are too deep"
            reader.tell(_whole(reader), message, "indent")
            misfit = width
            continue
        block.append(_Node(reader))
    return top


def _options(nodes: list[_Node], event: Facts, entry: Facts) -> Scenario:
    """The options, in a scenario that has nothing else yet."""
    found = Scenario(name="", occasion=cast(Occasion, None), steps=())
    both = msgspec.structs.replace(entry, event=True)
    for node in nodes:
        reader = node.reader
        line = reader.line.number
        if node.what == "broken":
            continue
        if node.what in ("key", "again_after") and getattr(found, node.what) is not None:
            reader.tell(_whole(reader), "this option stands twice", "twice")
        change: dict[str, Any]
        match node.what:
            case "key":
                change = {"key": reader.condition(reader.tokens("EXPR")[0], event, value=True)}
            case "again_after":
                change = {"again_after": reader.duration(reader.trees("duration")[0])}
            case "stop_when":
                change = {"stops": (*found.stops, OnEventWhen(when=reader.when(entry, followed=True), line=line))}
            case what:
                rule = OnEventWhen(event=reader.event(reader.tokens("TEXT")[0]), when=reader.when(both), line=line)
                kind = "stops" if what == "stop_on" else "restarts"
                change = {kind: (*getattr(found, kind), rule)}
        found = msgspec.structs.replace(found, **change)
    return found


def _block(nodes: list[_Node], scope: _Scope, flow: _Flow) -> tuple[Step, ...]:
    """The steps of a block; `flow` is brought forward."""
    steps: list[Step] = []
    at, told = 0, False
    while at < len(nodes):
        node = nodes[at]
        if flow.over and not told:
            node.reader.tell(_whole(node.reader), "this step is never reached", "unreachable")
            told = True
        group = [node]
        if node.what == "if_step":
            while at + 1 < len(nodes) and nodes[at + 1].what in ("else_if_step", "else_step"):
                at += 1
                group.append(nodes[at])
        step = _step(group, scope, flow)
        if step is not None:
            steps.append(step)
        at += 1
    return tuple(steps)


def _step(group: list[_Node], scope: _Scope, flow: _Flow) -> Step | None:
    node, reader = group[0], group[0].reader
    line, label = reader.line.number, _label(reader, scope)
    facts = msgspec.structs.replace(scope.entry, arrived=flow.arrived)
    match node.what:
        case "wait":
            return Wait(duration=reader.duration(reader.trees("duration")[0]), line=line, label=label)
        case "wait_until":
            return _wait_until(reader, facts, label)
        case "wait_for":
            return _wait_for(reader, facts, flow, label)
        case "if_step":
            return _if(group, scope, flow, label)
        case "split":
            return _split(node, scope, flow, label)
        case "stop":
            flow.over = True
            return Stop(line=line, label=label)
        case "else_step" | "else_if_step":
            reader.tell(_whole(reader), "there is no `if` above in this block", "else without if")
        case what if what in _OPTIONS:
            reader.tell(_whole(reader), "options stand before the first step", "option after step")
        case "branch_line":
            reader.tell(_whole(reader), "a share stands in a block under `split`", "share without split")
        case "broken":
            flow.arrived = True  # it may have been a `wait for`
            _block(node.under, scope, flow)
            flow.over = False
        case _:
            return _action(reader, scope, facts, label)
    return None


def _action(reader: Reader, scope: _Scope, facts: Facts, label: str) -> Action:
    action = read_action(reader, facts, label)
    if isinstance(action, StartScenario) and action.scenario == scope.name and not scope.again:
        where = reader.tokens("NAME")[0]
        reader.tell(where, "a scenario that starts itself needs `again after`", "starts itself", name=scope.name)
    return action


def _wait_until(reader: Reader, facts: Facts, label: str) -> WaitUntil:
    times, days, moments = (reader.tokens(kind) for kind in ("TIME", "DAY", "EXPR"))
    moment = reader.condition(moments[0], facts, value=True, followed=True) if moments else None
    if moment is not None:
        check_kind(reader, moments[0], moment, MOMENT)
    return WaitUntil(
        time=reader.time(times[0]) if times else "",
        day=reader.word(days[0]) if days else "",
        moment=moment,
        line=reader.line.number,
        label=label,
    )


def _wait_for(reader: Reader, facts: Facts, flow: _Flow, label: str) -> WaitFor:
    when = reader.when(msgspec.structs.replace(facts, event=True))
    flow.arrived = True
    return WaitFor(
        event=reader.event(reader.tokens("TEXT")[0]),
        up_to=reader.duration(reader.trees("duration")[0]),
        when=when,
        line=reader.line.number,
        label=label,
    )


def _if(group: list[_Node], scope: _Scope, flow: _Flow, label: str) -> If:
    branches: list[Branch] = []
    ends: list[_Flow] = []
    facts = msgspec.structs.replace(scope.entry, arrived=flow.arrived)
    for node in group:
        reader = node.reader
        if branches and branches[-1].condition is None:
            reader.tell(_whole(reader), "nothing comes after the `else` of an `if`", "after else")
        tests = reader.tokens("EXPR")
        condition: Condition | None = reader.condition(tests[0], facts) if tests else None
        own = label if node is group[0] else _label(reader, scope)
        end = _Flow(arrived=flow.arrived)
        steps = _under(node, scope, end)
        branches.append(Branch(condition=condition, steps=steps, line=reader.line.number, label=own))
        ends.append(end)
    flow.arrived = flow.arrived or any(end.arrived for end in ends)
    flow.over = branches[-1].condition is None and all(end.over for end in ends)
    return If(branches=tuple(branches), line=group[0].reader.line.number)


def _split(node: _Node, scope: _Scope, flow: _Flow, label: str) -> Split:
    shares: list[Share] = []
    ends: list[_Flow] = []
    for under in node.under:
        reader = under.reader
        if under.what != "branch_line":
            if under.what != "broken":
                reader.tell(_whole(reader), "expected a share such as `50% plain`", "no share")
            continue
        percent, name = reader.tokens("PERCENT")[0], reader.tokens("NAME")[0]
        number = int(percent.value.rstrip("% \t\u00a0\u202f")[:6])
        if not 1 <= number <= 100:
            reader.tell(percent, "a share is from 1% to 100%", "share")
        if any(share.name == name for share in shares):
            reader.tell(name, f"a share {name} stands here already", "duplicate", name=str(name))
        end = _Flow(arrived=flow.arrived)
        steps = _under(under, scope, end)
        shares.append(Share(percent=number, name=str(name), steps=steps, line=reader.line.number))
        ends.append(end)
    _check_sum(node, shares)
    flow.arrived = flow.arrived or any(end.arrived for end in ends)
    flow.over = bool(ends) and all(end.over for end in ends)
    return Split(shares=tuple(shares), line=node.reader.line.number, label=label)


def _check_sum(node: _Node, shares: list[Share]) -> None:
    total = sum(share.percent for share in shares)
    if any(under.what == "broken" for under in node.under):
        return
    if not node.under:
        node.reader.tell(_whole(node.reader), "a split needs shares under it, such as `50% plain`", "no share")
    elif shares and total != 100:
        node.reader.tell(
            _whole(node.reader), f"the shares of this split add up to {total}%, not 100%", "sum", None, sum=str(total)
        )


def _under(node: _Node, scope: _Scope, flow: _Flow) -> tuple[Step, ...]:
    if not node.under:
        node.reader.tell(_whole(node.reader), "no step stands under this line", "empty block")
    return _block(node.under, scope, flow)


def _label(reader: Reader, scope: _Scope) -> str:
    """The @label of a step, without its sign; one label once in a scenario."""
    found = reader.label
    if found is None:
        return ""
    name = str(found)[1:]
    if name in scope.labels:
        reader.tell(found, f"the label @{name} stands twice", "duplicate", None, name=name)
    scope.labels.add(name)
    return name


def _whole(reader: Reader) -> tuple[int, int]:
    return 0, len(reader.line.text)


def read_digest(reader: Reader, body: list[Reader]) -> Digest | None:
    """`digest NAME: (at "…" | every DAY at HH:MM) top N of SEGMENT-OR-LIST by EXPR` and its alert."""
    name, of = reader.tokens("NAME")
    tree = reader.trees("at", "every")[0]
    occasion: At | Every = read_at(reader, tree) if tree.data == "at" else read_every(reader, tree)
    segments, lists = (reader.desk.names.get(kind, {}) for kind in ("segment", "list"))
    if of not in segments and of not in lists:
        near = nearest(of, [*segments, *lists])
        reader.tell(of, f"unknown segment or list {of}", "unknown", near, kind="segment", name=str(of))
    by = reader.condition(reader.tokens("EXPR")[0], Facts(), value=True)
    check_kind(reader, reader.tokens("EXPR")[0], by, RANK)
    top = reader.integer(reader.tokens("INTEGER")[0], 1, 1_000)
    alerts = [read_alert(line, Facts()) for line in body if line.tree.data == "alert"]
    for extra in body[1:]:
        extra.tell(_whole(extra), "a digest has one alert", "twice")
    if not body:
        reader.tell(name, "a digest needs an alert, indented under it", "no steps")
    if not alerts:
        return None
    if alerts[0].claim_within is not None:
        body[0].tell(_whole(body[0]), "a digest is not claimed: take `claim within` out", "claim")
    return Digest(
        name=reader.name(), occasion=occasion, top=top, of=str(of), by=by, alert=alerts[0], line=reader.line.number
    )
