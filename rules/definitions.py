"""Statements of one line: what is known, who is told, how points are given, which segments there are."""

from __future__ import annotations

import re
from typing import Literal, cast

from lark import Token, Tree

from rules.addresses import oddity
from rules.reading import Facts, Reader
from rules.rulebook import (
    Attribute,
    Condition,
    Goal,
    Limit,
    Purpose,
    QuietHours,
    Score,
    Segment,
    StaticList,
    Target,
    Team,
)

__all__ = ["read_attribute", "read_goal", "read_limit", "read_list", "read_purpose", "read_quiet_hours", "read_score",
           "read_segment", "read_team"]  # fmt: skip

_BUILT_IN = ("score", "created", "last_seen", "age")
_EXPRESSION_WORDS = frozenset(
    ["and", "or", "not", "in", "for", "if", "elif", "else", "while", "true", "false", "null", "inf", "nan"]
)
_TRAIT = re.compile(r"[a-z0-9_]+")


def read_attribute(reader: Reader) -> Attribute:
    """`attribute NAME: TYPE[, options]`"""
    name, token = reader.name(), reader.tokens("NAME")[0]
    if name in _BUILT_IN:
        reader.tell(token, f"contact.{name} is always there and cannot be declared", "built-in attribute", name=name)
    elif name in _EXPRESSION_WORDS:
        reader.tell(token, f"{name} is a word of expressions and cannot name an attribute", "word", name=name)
    written, options = reader.trees("type")[0], _options(reader)
    kind, choices = _type(reader.under(written))
    personal = "personal" in options
    if "shown_in_alerts" in options and not personal:
        reader.warn(
            options["shown_in_alerts"], "only a personal attribute is hidden in alerts: this says nothing", "no effect"
        )
    return Attribute(
        name=name,
        type=kind,
        options=choices,
        personal=personal,
        shown_in_alerts="shown_in_alerts" in options,
        keep=reader.length_in(options.get("keep")),
        trait=_trait(reader, options["trait"]) if "trait" in options else "",
        label=reader.text(_token(options["label"])) if "label" in options else "",
        line=reader.line.number,
    )


_Type = Literal["text", "number", "yes/no", "date", "datetime", "list of text", "one of"]


def _type(reader: Reader) -> tuple[_Type, tuple[str, ...]]:
    """A type, and the choices of `one of`."""
    if named := reader.tokens("TYPE"):
        return cast(_Type, reader.word(named[0])), ()
    choices: list[str] = []
    for token in reader.tokens("TEXT"):
        value = reader.text(token, 200)
        if value in choices:
            reader.tell(token, "this choice stands twice", "twice")
        choices.append(value)
    return "one of", tuple(choices)


def _trait(reader: Reader, tree: Tree[Token]) -> str:
    """A trait's name as it arrives: snake_cased and flattened."""
    value = reader.text(_token(tree), 200)
    if value and not _TRAIT.fullmatch(value):
        spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", value).strip("_").lower()
        reader.tell(_token(tree), "traits arrive snake_cased and flattened", "trait", f'"{spaced}"' if spaced else None)
    return value


def read_purpose(reader: Reader) -> Purpose:
    """`purpose NAME: "wording"[, options]`"""
    options = _options(reader)
    channels: list[str] = []
    for token in cast("list[Token]", options["via"].children) if "via" in options else []:
        channel = reader.word(token)
        if channel in channels:
            reader.tell(token, "this channel stands twice", "twice")
        channels.append(channel)
    return Purpose(
        name=reader.name(),
        wording=reader.text(reader.tokens("TEXT")[0]),
        channels=tuple(channels),
        double_opt_in="double_opt_in" in options,
        profiling="profiling" in options,
        open_tracking="open_tracking" in options,
        renew_after=reader.length_in(options.get("renew_after")),
        ask_again="ask_again" in options,
        line=reader.line.number,
    )


def _options(reader: Reader) -> dict[str, Tree[Token]]:
    """The comma options of the line by their rule; each may stand once."""
    found: dict[str, Tree[Token]] = {}
    for tree in reader.tree.children:
        if isinstance(tree, Tree) and tree.data != "type":
            if tree.data in found:
                reader.tell(tree, "this option stands twice", "twice")
            found.setdefault(str(tree.data), tree)
    return found


def read_team(reader: Reader) -> Team:
    """`team NAME: slack "#channel", telegram "chat", email "a@b"`"""
    targets: list[Target] = []
    for tree in reader.trees("target"):
        platform, address = cast("list[Token]", tree.children)
        target = Target(cast(Literal["slack", "telegram", "email"], reader.word(platform)), reader.text(address, 200))
        if target in targets:
            reader.tell(tree, "this target stands twice", "twice")
        _check_address(reader, address, target)
        targets.append(target)
    return Team(name=reader.name(), targets=tuple(targets), line=reader.line.number)


def _check_address(reader: Reader, token: Token, target: Target) -> None:
    """An address that cannot be one is a mistake; a chat that looks odd, or that nobody knows, may be one."""
    if wrong := oddity(target):
        tell = reader.tell if wrong.sure else reader.warn
        tell(token, wrong.message, "address", wrong.near)
    chat = target.address.partition("/")[0] if target.platform == "telegram" else target.address
    known = reader.desk.known.channels
    if target.platform == "email" or known is None or known & {target.address, chat}:
        return
    reader.warn(token, f"the bot knows no chat {target.address}", "unknown chat", chat=target.address)


def read_list(reader: Reader) -> StaticList:
    """`list NAME: "label"`"""
    return StaticList(name=reader.name(), label=reader.text(reader.tokens("TEXT")[0], 200), line=reader.line.number)


def read_score(reader: Reader) -> Score:
    """`score NAME [for PURPOSE]: ±N on "Event" … [when EXPR]`, or `… while EXPR`"""
    event, while_ = reader.tokens("TEXT"), reader.tokens("EXPR")
    halves, lasts = reader.once("halves"), reader.once("lasts")
    if halves is not None and lasts is not None:
        reader.tell(lasts, "points either halve or last, not both", "twice")
    points = reader.tokens("POINTS")[0]
    return Score(
        name=reader.name(),
        tenths=reader.tenths(points),
        event=reader.event(event[0]) if event else None,
        purpose=reader.purpose(),
        at_most=reader.at_most(),
        halves=reader.length_in(halves),
        lasts=reader.length_in(lasts),
        when=reader.condition(while_[0], Facts(), followed=True) if while_ else _when_of_hit(reader),
        line=reader.line.number,
    )


def _when_of_hit(reader: Reader) -> Condition | None:
    """The `when` of an `on` score: it may not depend on what scores lead to."""
    found = reader.when(Facts(event=True))
    if found is not None and found.expression is not None:
        reads = found.expression.reads
        if reads.reads_score:
            where = reader.within(found, "contact.score")
            reader.tell(where, "points for an event cannot depend on the score", "score reads score")
        if reads.segments:
            where = reader.within(found, "in_segment")
            reader.tell(where, "points for an event cannot depend on a segment", "score reads segment")
    return found


def read_segment(reader: Reader) -> Segment:
    """`segment NAME [for PURPOSE]: EXPR`"""
    return Segment(
        name=reader.name(),
        condition=reader.condition(reader.tokens("EXPR")[0], Facts(), followed=True),
        purpose=reader.purpose(),
        line=reader.line.number,
    )


def read_limit(reader: Reader) -> Limit:
    """`limit CHANNEL: at most K …`"""
    at_most = reader.at_most()
    assert at_most is not None
    return Limit(channel=reader.word(reader.tokens("CHANNEL")[0]), at_most=at_most, line=reader.line.number)


def read_quiet_hours(reader: Reader) -> QuietHours:
    """`quiet hours: HH:MM to HH:MM`"""
    start, end = (reader.time(token) for token in reader.tokens("TIME"))
    if start == end:
        reader.tell(reader.tokens("TIME")[1], "quiet hours end at another time than they start", "time")
    return QuietHours(start=start, end=end, line=reader.line.number)


def read_goal(reader: Reader) -> Goal:
    """`goal NAME: N enter SEGMENT per week|month`, or `N "Event"`"""
    names, event = reader.tokens("NAME"), reader.tokens("TEXT")
    return Goal(
        name=reader.name(),
        number=reader.integer(reader.tokens("INTEGER")[0], 1, 1_000_000_000),
        per=cast(Literal["week", "month"], reader.word(reader.tokens("GOAL_PERIOD")[0])),
        segment=None if event else reader.refer("segment", names[1]),
        event=reader.event(event[0]) if event else None,
        line=reader.line.number,
    )


def _token(tree: Tree[Token]) -> Token:
    return cast(Token, tree.children[0])
