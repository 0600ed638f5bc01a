"""Triggers and what they share with scenarios: the occasion that starts them, the actions they take."""

from __future__ import annotations

import re
from typing import cast

from lark import Token, Tree

from rules.kinds import AMOUNT, check_fit, check_kind
from rules.reading import Facts, Reader
from rules.rulebook import (
    Action,
    AddPoints,
    AddToList,
    AlertTeam,
    At,
    Condition,
    Convert,
    Every,
    EveryYear,
    Occasion,
    OnBroadcast,
    OnConsent,
    OnEnter,
    OnEvent,
    OnFeed,
    OnLeave,
    OnList,
    RemoveFromList,
    Send,
    SetAttribute,
    StartScenario,
    StopScenario,
    Task,
    Trigger,
)
from rules.wording import check_wording

__all__ = ["has_event", "read_action", "read_alert", "read_at", "read_every", "read_occasion", "read_trigger"]

_OCCASIONS = ("on_event", "on_enter", "on_leave", "on_list", "on_consent", "every_year", "at", "every", "on_broadcast",
              "on_feed")  # fmt: skip
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d)")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def read_trigger(reader: Reader, body: list[Reader]) -> Trigger:
    """`trigger NAME [for PURPOSE]: ENTRY …` and the actions under it."""
    occasion = read_occasion(reader)
    facts = Facts(event=has_event(occasion))
    actions = []
    for line in body:
        if len(line.line.indent) != len(body[0].line.indent):
            line.tell((0, len(line.line.text)), "the actions of a trigger are indented alike", "indent")
        if line.label is not None:
            line.tell(line.label, "only the steps of a scenario have labels", "label")
        if line.tree.data != "broken":
            actions.append(read_action(line, facts))
    if not body:
        reader.tell(reader.tokens("NAME")[0], "a trigger needs at least one action, indented under it", "no steps")
    return Trigger(
        name=reader.name(),
        occasion=occasion,
        actions=tuple(actions),
        purpose=reader.purpose(),
        at_most=reader.at_most(),
        when=reader.when(facts),
        line=reader.line.number,
    )


def has_event(occasion: Occasion) -> bool:
    """Whether there is an `event` to speak of."""
    return isinstance(occasion, OnEvent | OnBroadcast | OnFeed)


def read_occasion(reader: Reader) -> Occasion:
    """What starts a trigger or a scenario."""
    tree = reader.trees(*_OCCASIONS)[0]
    token = cast(Token, tree.children[0])
    match tree.data:
        case "on_event":
            return OnEvent(reader.event(token))
        case "on_enter":
            return OnEnter(reader.refer("segment", token))
        case "on_leave":
            return OnLeave(reader.refer("segment", token))
        case "on_list":
            return OnList(reader.refer("list", token))
        case "on_consent":
            return OnConsent(reader.refer("purpose", token))
        case "every_year":
            return _every_year(reader, tree)
        case "at":
            return read_at(reader, tree, _audience(reader))
        case "every":
            return read_every(reader, tree, _audience(reader))
        case "on_broadcast":
            return OnBroadcast(reader.event(token), _audience(reader, event=True))
        case _:
            return OnFeed(_url(reader, token), _audience(reader, event=True))


def _audience(reader: Reader, event: bool = False) -> Condition:
    return reader.condition(reader.tokens("EXPR")[0], Facts(event=event))


def _every_year(reader: Reader, tree: Tree[Token]) -> EveryYear:
    field, time = cast("list[Token]", tree.children)
    name = reader.field(field)
    declared = reader.desk.attributes.get(name)
    if declared is not None and declared.type not in ("date", "datetime", "any"):
        reader.tell(field, f"contact.{name} is no date", "type", None, name=name)
    return EveryYear(name, reader.time(time))


def read_at(reader: Reader, tree: Tree[Token], to: Condition | None = None) -> At:
    """`at "YYYY-MM-DD HH:MM"`: a local moment."""
    token = cast(Token, tree.children[0])
    moment = reader.text(token, 50)
    if not _is_moment(moment):
        reader.tell(token, 'expected a moment such as "2027-03-20 10:00"', "moment")
    elif reader.desk.known.now is not None and moment < reader.desk.known.now:
        reader.warn(token, "this moment is past: it never comes", "past moment")
    return At(moment, to)


def _is_moment(text: str) -> bool:
    found = _MOMENT.fullmatch(text)
    if found is None:
        return False
    year, month, day, hour, minute = (int(part) for part in found.groups())
    if not (year >= 1970 and 1 <= month <= 12 and hour <= 23 and minute <= 59):
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= day <= (28 if month == 2 and not leap else _DAYS[month - 1])


def read_every(reader: Reader, tree: Tree[Token], to: Condition | None = None) -> Every:
    """`every monday|day at HH:MM`"""
    day, time = cast("list[Token]", tree.children)
    return Every(reader.word(day), reader.time(time), to)


def _url(reader: Reader, token: Token) -> str:
    value = reader.text(token, 2_000)
    if value and not re.fullmatch(r"https?://[^\s/]+\S*", value):
        reader.tell(token, "expected a URL that begins with https:// or http://", "address")
    return value


def read_action(reader: Reader, facts: Facts, label: str = "") -> Action:
    """One action; `facts` are those of the expressions and texts in it."""
    line = reader.line.number
    names = reader.tokens("NAME")
    match reader.tree.data:
        case "alert":
            return read_alert(reader, facts, label)
        case "task":
            text = check_wording(reader, reader.tokens("TEXT")[0], facts)
            return Task(team=reader.refer("team", names[0]), text=text, line=line, label=label)
        case "add_to_list":
            return AddToList(list=reader.refer("list", names[0]), line=line, label=label)
        case "remove_from_list":
            return RemoveFromList(list=reader.refer("list", names[0]), line=line, label=label)
        case "send":
            return _send(reader, label)
        case "add_points":
            return AddPoints(tenths=reader.tenths(reader.tokens("AMOUNT")[0]), line=line, label=label)
        case "set":
            name = reader.field(reader.tokens("FIELD")[0])
            value = reader.condition(reader.tokens("EXPR")[0], facts, value=True)
            check_fit(reader, reader.tokens("EXPR")[0], value, name)
            return SetAttribute(attribute=name, value=value, line=line, label=label)
        case "convert":
            amounts = [reader.condition(token, facts, value=True) for token in reader.tokens("EXPR")]
            for token, amount in zip(reader.tokens("EXPR"), amounts, strict=True):
                check_kind(reader, token, amount, AMOUNT)
            name = reader.text(reader.tokens("TEXT")[0], 200)
            return Convert(name=name, amount=amounts[0] if amounts else None, line=line, label=label)
        case "start_scenario":
            return StartScenario(scenario=reader.refer("scenario", names[0]), line=line, label=label)
        case _:
            return StopScenario(scenario=reader.refer("scenario", names[0]), line=line, label=label)


def read_alert(reader: Reader, facts: Facts, label: str = "") -> AlertTeam:
    """`alert TEAM "text"[, claim within D else alert TEAM]`"""
    text = check_wording(reader, reader.tokens("TEXT")[0], facts)
    claim = reader.once("claim")
    return AlertTeam(
        team=reader.refer("team", reader.tokens("NAME")[0]),
        text=text,
        claim_within=reader.length_in(claim),
        otherwise="" if claim is None else reader.refer("team", cast(Token, claim.children[1])),
        line=reader.line.number,
        label=label,
    )


def _send(reader: Reader, label: str) -> Send:
    message = reader.tokens("NAME")[0]
    channel, valid = reader.word(reader.tokens("CHANNEL")[0]), reader.once("valid")
    if channel == "webhook" and valid is not None:
        reader.tell(valid, "a webhook takes no `valid`", "webhook")
    reader.message(message, str(message), channel)
    return Send(
        channel=channel,
        message=str(message),
        purpose=reader.purpose(),
        valid=reader.length_in(valid),
        line=reader.line.number,
        label=label,
    )
