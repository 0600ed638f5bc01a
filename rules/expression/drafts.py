"""Parsing with rule-engine's own grammar, keeping the place of every node.

rule-engine parses in two phases: its grammar yields a tree of unbuilt nodes, then each node is built, type-checked and,
where it is constant, folded. We stop in between. The tree of `Draft`s is checked against the limits, hostile constants
never reach the folding, and a node that cannot be built is known by its place.
"""

from __future__ import annotations

import collections
import copy
import threading
import warnings
from collections.abc import Callable
from typing import Any

import rule_engine
from rule_engine import ast, errors
from rule_engine.parser import Parser, _DeferredAstNode

from rules.expression.problems import Span

__all__ = ["Draft", "Unbuildable", "Unparsable", "parse"]


class Unparsable(Exception):
    """The text breaks the grammar at `span`; `expected` are names of tokens that could stand there."""

    def __init__(self, span: Span, token: str, expected: tuple[str, ...] = (), reason: str = "") -> None:
        super().__init__(reason or "syntax error")
        self.span = span
        self.token = token
        self.expected = expected
        self.reason = reason


class Unbuildable(Exception):
    """A node could not be built: rule-engine's `error`, and the innermost `draft` it arose in."""

    def __init__(self, error: Exception, draft: Draft) -> None:
        super().__init__(type(error).__name__)
        self.error = error
        self.draft = draft


class Draft:
    """A node that is parsed but not built. `focus` is the part of `span` that names it (an attribute, an operator)."""

    __slots__ = ("args", "built", "focus", "kind", "kwargs", "method", "span")

    def __init__(
        self, kind: type[Any], args: tuple[Any, ...], kwargs: dict[str, Any], method: str, span: Span, focus: Span
    ) -> None:
        self.kind = kind
        self.args = args
        self.kwargs = kwargs
        self.method = method
        self.span = span
        self.focus = focus
        self.built: Any = None

    def build(self) -> Any:
        """rule-engine's node, type-checked and folded. Raises `Unbuildable`."""
        try:
            self.built = getattr(self.kind, self.method)(*self.args, **self.kwargs)
        except Unbuildable:
            raise
        except Exception as error:
            raise Unbuildable(error, self) from error
        return self.built

    def parts(self) -> list[Draft]:
        """The drafts directly below this one."""
        found: list[Draft] = []
        pending: list[Any] = [*self.args, *self.kwargs.values()]
        while pending:
            part = pending.pop(0)
            if isinstance(part, Draft):
                found.append(part)
            elif isinstance(part, (tuple, list, collections.deque)):
                pending[:0] = part
        return found


class _Grammar:
    """rule-engine's tables with each production wrapped so that what it makes carries its place."""

    def __init__(self) -> None:
        original = rule_engine.Rule.parser
        self._actions: Any = Parser.__new__(Parser)  # the methods without building the tables again
        self._lexer = original._lexer.clone()
        self._machine = copy.copy(original._parser)
        self._machine.productions = [self._wrap(production) for production in original._parser.productions]
        self._machine.errorfunc = self._broken
        self._ends: dict[int, int] = {}
        self._lock = threading.Lock()

    def _wrap(self, production: Any) -> Any:
        if not production.func:
            return production
        own = copy.copy(production)
        action: Callable[[Any], None] = getattr(self._actions, production.func)

        def run(p: Any) -> None:
            action(p)
            last = p.lexspan(len(p) - 1)[1]
            span = (p.lexpos(1), self._ends.get(last, last))
            p[0] = _placed(p[0], span, self._focus(production.func, p, span))

        own.callable = run
        return own

    def _focus(self, function: str, p: Any, span: Span) -> Span:
        if function == "p_expression_getattr":
            return p.lexpos(3), self._ends[p.lexpos(3)]
        if function == "p_expression_array_comprehension":
            return p.lexpos(4), self._ends[p.lexpos(4)]
        return span

    def _token(self) -> Any:
        token = self._lexer.token()
        if token is not None:
            self._ends[token.lexpos] = self._lexer.lexpos
        return token

    def _broken(self, token: Any) -> None:
        actions = self._machine.action[self._machine.state]
        expected = tuple(sorted(actions))
        if token is None:
            end = len(self._lexer.lexdata)
            raise Unparsable((end, end), "", expected)
        raise Unparsable((token.lexpos, self._ends[token.lexpos]), token.type, expected)

    def parse(self, text: str, context: Any) -> Draft:
        with self._lock, warnings.catch_warnings():
            # "\w" in a text is an escape Python is about to refuse; rule-engine means the backslash
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", SyntaxWarning)
            self._ends = {}
            self._actions.context = context
            self._lexer.lineno = 1
            try:
                result: Draft = self._machine.parse(text, lexer=self._lexer, tracking=True, tokenfunc=self._token)
            except errors.RuleSyntaxError as error:
                raise self._unreadable(text, error) from None
            finally:
                self._actions.context = None
            return result

    def _unreadable(self, text: str, error: errors.RuleSyntaxError) -> Unparsable:
        if error.token is not None:
            start = error.token.lexpos
            return Unparsable((start, start + 1), "ILLEGAL", reason="illegal")
        end = start = self._lexer.lexpos
        while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
            start -= 1
        return Unparsable((start, end), "RESERVED", reason="reserved")


def _placed(value: Any, span: Span, focus: Span) -> Any:
    """`value` with the drafts that an action has just made given their place."""
    if isinstance(value, _DeferredAstNode):
        args = tuple(_placed(arg, span, focus) if isinstance(arg, _DeferredAstNode) else arg for arg in value.args)
        return Draft(value.cls, args, value.kwargs, value.method, span, focus)
    return value


_grammar: list[_Grammar] = []
_grammar_lock = threading.Lock()


def parse(text: str, context: Any) -> Draft:
    """The tree of `text`, unbuilt. Raises `Unparsable`, or rule-engine's error for a literal that is malformed."""
    with _grammar_lock:
        if not _grammar:
            _grammar.append(_Grammar())
    statement = _grammar[0].parse(text, context)
    if statement is None or not issubclass(statement.kind, ast.Statement):
        raise Unparsable((0, len(text)), "")
    expression: Draft = statement.args[1]
    return expression
