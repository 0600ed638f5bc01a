"""Reading one line's tree: its names, texts, numbers, lengths of time and conditions, each checked where it stands."""

from __future__ import annotations

import re
from typing import Any, Literal, cast

import msgspec
from lark import Token, Tree

from rules.errors import Problem, SyntaxProblem
from rules.expression import Expression, compile_expression, rulebook_types
from rules.near import nearest
from rules.parsing import value_of
from rules.rulebook import AtMost, Attribute, Condition, Duration
from rules.syntax import Cut, Line, excerpt_at, tidy, unquote
from rules.words import Language

__all__ = ["OUT_OF_PLACE", "Desk", "Facts", "Known", "Placed", "Reader"]

MAXIMUM_PROBLEMS = 100
MAXIMUM_NAME = 60
MAXIMUM_EVENT = 200
MAXIMUM_SENTENCE = 4_000
LONGEST_DAYS = 36_500

Node = Token | Tree[Token]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What exists outside the text; None: nobody knows, so nothing is said about it.

    `messages` are names of templates, `templates` those with their channel ("email/welcome"), `events` names of events
    seen, `channels` addresses of chats ("#hot-leads"); `now` is the local time "YYYY-MM-DD HH:MM".
    """

    messages: frozenset[str] | None = None
    events: frozenset[str] | None = None
    channels: frozenset[str] | None = None
    now: str | None = None
    templates: frozenset[str] | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Which names an expression may use at its place. `entry`: wholly, or only its name and time."""

    event: bool = False
    entry: Literal["", "full", "bare"] = ""
    arrived: bool = False
    keyed: str = ""  # a property of the entry that is never missing, being the key


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that compiled, the line it stands in and where; `value`: it is no yes or no, but a value."""

    line: Line
    start: int
    condition: Condition
    facts: Facts
    value: bool


class Desk(msgspec.Struct, kw_only=True):
    """What is on the desk while a rulebook is checked: its lines, what is declared, what was found wrong."""

    cut: Cut
    known: Known
    problems: list[Problem] = msgspec.field(default_factory=list)
    warnings: list[Problem] = msgspec.field(default_factory=list)
    names: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)  # kind → name → line
    attributes: dict[str, Attribute] = msgspec.field(default_factory=dict)
    conditions: list[Placed] = msgspec.field(default_factory=list)
    language: Language = "en"  # of the statement before
    types: dict[Facts, Any] = msgspec.field(default_factory=dict)

    def types_of(self, facts: Facts) -> Any:
        """The types of names in expressions at a place; attributes must have been read."""
        if facts not in self.types:
            entry: bool | tuple[str, ...] = ("name", "time") if facts.entry == "bare" else facts.entry == "full"
            self.types[facts] = rulebook_types(self.attributes, event=facts.event, entry=entry, arrived=facts.arrived)
        return self.types[facts]

    def report(self, line: Line, offset: int, problem: Problem, warning: bool = False) -> None:
        """Note a problem at an offset of a logical line; after the hundredth nothing more is noted."""
        found = self.warnings if warning else self.problems
        if len(found) < MAXIMUM_PROBLEMS:
            number, column = line.place(offset)
            found.append(excerpt_at(self.cut.lines, msgspec.structs.replace(problem, line=number, column=column)))

    @property
    def full(self) -> bool:
        return len(self.problems) >= MAXIMUM_PROBLEMS


class Reader(msgspec.Struct, frozen=True):
    """One parsed line."""

    desk: Desk
    line: Line
    tree: Tree[Token]
    language: Language
    label: Token | None = None

    def tell(
        self, node: Node | tuple[int, int], message: str, code: str, suggestion: str | None = None, /, **arguments: str
    ) -> None:
        """Report a mistake at a node, or at (offset, length)."""
        self._note(node, message, code, suggestion, arguments, False)

    def warn(
        self, node: Node | tuple[int, int], message: str, code: str, suggestion: str | None = None, /, **arguments: str
    ) -> None:
        """Report what may be a mistake."""
        self._note(node, message, code, suggestion, arguments, True)

    def _note(
        self, node: Node | tuple[int, int], message: str, code: str, suggestion: str | None,
        arguments: dict[str, str], warning: bool,
    ) -> None:  # fmt: skip
        offset, length = node if isinstance(node, tuple) and not isinstance(node, Token) else _span(node)
        problem = Problem(
            line=1, column=1, length=length, message=message, code=code, suggestion=suggestion, arguments=arguments
        )
        self.desk.report(self.line, offset, problem, warning)

    # --- parts of the tree ---

    def tokens(self, kind: str) -> list[Token]:
        """The tokens of a terminal directly in the tree."""
        return [child for child in self.tree.children if isinstance(child, Token) and child.type == kind]

    def trees(self, *rules: str) -> list[Tree[Token]]:
        """The subtrees of some rules directly in the tree."""
        return [child for child in self.tree.children if isinstance(child, Tree) and child.data in rules]

    def under(self, tree: Tree[Token]) -> Reader:
        """The same line, read from one of its subtrees."""
        return Reader(self.desk, self.line, tree, self.language, self.label)

    def once(self, rule: str) -> Tree[Token] | None:
        """A clause that may stand once; a second one is a mistake."""
        found = self.trees(rule)
        for again in found[1:]:
            self.tell(again, "this clause stands twice", "twice")
        return found[0] if found else None

    # --- values ---

    def word(self, token: Token) -> str:
        """The English name of a keyword."""
        return value_of(token.value, token.type, self.language)

    def text(self, token: Token, longest: int = MAXIMUM_SENTENCE) -> str:
        """A quoted text."""
        value = unquote(token.value)
        if not value.strip():
            self.tell(token, "this text is empty", "empty text")
        elif len(value) > longest:
            self.tell(token, f"this text is longer than {longest:,} characters", "text too long")
        return value

    def event(self, token: Token) -> str:
        """The name of an event."""
        value = self.text(token, MAXIMUM_EVENT)
        seen = self.desk.known.events
        if seen is not None and value and value not in seen:
            self.warn(token, f'no event "{value}" has been seen', "unseen event", nearest(value, seen), event=value)
        return value

    def integer(self, token: Token, lowest: int, highest: int) -> int:
        """A whole number within bounds."""
        value = int(token.value) if len(token.value) < 18 else highest + 1
        if not lowest <= value <= highest:
            self.tell(token, f"expected a whole number from {lowest} to {highest:,}", "number")
            return lowest
        return value

    def tenths(self, token: Token) -> int:
        """Points with at most one decimal, in tenths."""
        whole, _, decimals = token.value.partition(".")
        if len(decimals.rstrip("0")) > 1:
            self.tell(token, "points have at most one decimal", "points")
            return 0
        if len(whole) > 8:
            self.tell(token, "points go up to 9,999,999", "points")
            return 0
        tenths = abs(int(whole)) * 10 + int((decimals or "0")[0])
        return -tenths if whole.startswith("-") else tenths

    def duration(self, tree: Tree[Token]) -> Duration:
        """A length of time, from a minute to a hundred years."""
        number, unit = (child for child in tree.children if isinstance(child, Token))
        name = cast(Literal["minute", "hour", "day", "week", "month"], self.word(unit))
        value = Duration(self.integer(number, 1, 1_000_000_000), name)
        if value.milliseconds > LONGEST_DAYS * 86_400_000:
            self.tell(tree, f"longer than {LONGEST_DAYS:,} days", "duration")
            return Duration(1, "day")
        return value

    def length_in(self, tree: Tree[Token] | None) -> Duration | None:
        """The length of time within a clause, where the clause is there."""
        return None if tree is None else self.duration(next(tree.find_data("duration")))

    def at_most(self) -> AtMost | None:
        """The `at most` clause of the line."""
        tree = self.once("at_most")
        if tree is None:
            return None
        number, *per = tree.children
        value = self.integer(cast(Token, number), 1, 1_000_000)
        if not per:
            return AtMost(number=value, per="ever")
        if isinstance(per[0], Tree):
            return AtMost(number=value, per=self.duration(per[0]))
        return AtMost(number=value, per=cast(Literal["day", "week", "month"], self.word(per[0])))

    def time(self, token: Token) -> str:
        """A time of day as HH:MM."""
        hours, minutes = token.value.split(":")
        if int(hours) > 23 or int(minutes) > 59:
            self.tell(token, "there is no such time of day", "time")
        return f"{int(hours):02}:{minutes}"

    def name(self) -> str:
        """The name of the statement."""
        token = self.tokens("NAME")[0]
        if len(token) > MAXIMUM_NAME:
            self.tell(token, f"a name has at most {MAXIMUM_NAME} characters", "name too long")
        return str(token)

    # --- what the line refers to ---

    def refer(self, kind: str, token: Token | tuple[int, int, str]) -> str:
        """The name of another statement, which must be there."""
        offset, length, name = token if not isinstance(token, Token) else (*_span(token), str(token))
        declared = self.desk.names.get(kind, {})
        if name not in declared:
            self.tell(
                (offset, length), f"unknown {kind} {name}", "unknown", nearest(name, declared), kind=kind, name=name
            )
        return name

    def purpose(self) -> str | None:
        """The `for PURPOSE` clause of the line."""
        found = self.trees("purpose_clause")
        return self.refer("purpose", cast(Token, found[0].children[0])) if found else None

    def field(self, token: Token) -> str:
        """The attribute in `contact.ATTRIBUTE`."""
        name = token.value.partition(".")[2]
        return self.refer("attribute", ((token.start_pos or 0) + 8, len(name), name))

    def when(self, facts: Facts, followed: bool = False) -> Condition | None:
        """The `when` clause of the line."""
        found = self.trees("when")
        return self.condition(cast(Token, found[0].children[0]), facts, followed=followed) if found else None

    def condition(self, token: Token, facts: Facts, value: bool = False, followed: bool = False) -> Condition:
        """An expression, compiled; its mistakes are placed in the rulebook.

        `value`: it is asked for a value. `followed`: it is to be right at every moment, not only when asked.
        """
        text, start = token.value.rstrip(), token.start_pos or 0
        expression: Expression | None = None
        try:
            expression = compile_expression(text, self.desk.types_of(facts), once=not followed)
        except SyntaxProblem as error:
            self.desk.report(self.line, start + error.problem.column - 1, _explained(error.problem))
        line, column = self.line.place(start)
        result = Condition(text=tidy(text) if expression else text, expression=expression, line=line, column=column)
        if expression is not None:
            self._references(text, start, expression)
            placed = Placed(line=self.line, start=start, condition=result, facts=facts, value=value)
            self.desk.conditions.append(placed)
        return result

    def within(self, condition: Condition, part: str) -> tuple[int, int]:
        """Offset and length of a part of a condition that stands in this line, else of the whole."""
        start = next(one.start for one in self.desk.conditions if one.condition is condition)
        text = condition.expression.text
        at = text.find(part)
        return (start + at, len(part)) if at >= 0 else (start, len(text))

    def _references(self, text: str, start: int, expression: Expression) -> None:
        """Check the names of segments, lists, purposes and messages in an expression."""
        reads = expression.reads
        for kind, names in (("segment", reads.segments), ("list", reads.lists), ("purpose", reads.purposes)):
            for name in sorted(names):
                self.refer(kind, (*_literal(text, start, name), name))
        for name in sorted(reads.messages):
            self.message(_literal(text, start, name), name)
        for use in reads.functions:
            seen = self.desk.known.events
            if seen is not None and use.event not in seen and use.event not in _OWN_EVENTS:
                where = _literal(text, start, use.event)
                self.warn(
                    where, f'no event "{use.event}" has been seen', "unseen event", nearest(use.event, seen),
                    event=use.event,
                )  # fmt: skip

    def message(self, where: Node | tuple[int, int], name: str, channel: str = "") -> None:
        """Warn about a message that does not exist yet, or not for the channel that it is sent over."""
        messages, templates = self.desk.known.messages, self.desk.known.templates
        if channel and templates is not None:
            if f"{channel}/{name}" not in templates:
                there = [each.partition("/")[2] for each in sorted(templates) if each.startswith(f"{channel}/")]
                self.warn(
                    where, f"there is no {channel} message {name}", "no template", nearest(name, there),
                    channel=channel, name=name,
                )  # fmt: skip
        elif messages is not None and name not in messages:
            self.warn(where, f"unknown message {name}", "unknown message", nearest(name, messages), name=name)


_OWN_EVENTS = frozenset({"Email Sent", "Email Opened", "Email Link Clicked"})


OUT_OF_PLACE = {
    "event": "there is no event here: only what happens on an event can read it",
    "entry": "there is no entry here: only the steps and options of a scenario can read it",
    "arrived": "nothing can have arrived here: only steps after a `wait for` can read it",
}


def _explained(problem: Problem) -> Problem:
    """An unknown name that is known elsewhere: why it is not known here."""
    name = problem.message.removeprefix("unknown name ")
    if name in OUT_OF_PLACE:
        return msgspec.structs.replace(problem, message=OUT_OF_PLACE[name], suggestion=None, code="out of place")
    return problem


def _span(node: Node) -> tuple[int, int]:
    """Offset and length of a node in its line."""
    if isinstance(node, Token):
        return node.start_pos or 0, len(node)
    return node.meta.start_pos, node.meta.end_pos - node.meta.start_pos


def _literal(text: str, start: int, name: str) -> tuple[int, int]:
    """Where a name stands as a literal in an expression; the whole expression where it is not found as it is."""
    found = re.search(rf"""(?<=["']){re.escape(name)}(?=["'])""", text)
    return (start + found.start(), max(len(name), 1)) if found else (start, len(text))
