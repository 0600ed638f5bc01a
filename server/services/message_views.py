"""What is told of messages: in a list, in a preview, where one has mistakes."""

from __future__ import annotations

import msgspec

from rules.errors import Problem
from rules.sends import Sent
from server.errors import FieldError, Invalid
from server.model.message import MessageTemplate
from server.model.outgoing import Rendered

__all__ = ["Listed", "Previewed", "WrongMessage"]


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A template in a list: whether it is past its time, what is wrong in it under the published rulebook, and which
    rules send it."""

    template: MessageTemplate
    stale: bool
    problems: tuple[Problem, ...]
    sent_by: tuple[Sent, ...]


class Previewed(msgspec.Struct, frozen=True, kw_only=True):
    """A template's words for a contact."""

    template: MessageTemplate
    contact: str
    rendered: Rendered


class WrongMessage(Invalid):
    """A template has mistakes; `problems` tells them with their places."""

    def __init__(self, problems: list[Problem], warnings: list[Problem] | None = None) -> None:
        errors = [FieldError(f"{p.line}:{p.column}", p.message) for p in problems]
        super().__init__("the message has mistakes; nothing was kept", errors, code="wrong_message")
        self.problems = problems
