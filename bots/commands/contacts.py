"""Commands about one contact: contact, why; and contacts as items of a list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Self

from bots.commands.base import Asking, Command, Misused
from bots.replies import Item, Reply
from server.i18n import mark

__all__ = ["ContactCard", "Why", "lead_items"]

SHOWN: Final = 12  # attributes on a contact's card
REASONS: Final = 3


class ContactCard(Command, frozen=True, kw_only=True, tag="contact"):
    en = ("contact",)
    fr = ("contact", "fiche")
    role = "rep"
    usage = mark("REF")
    summary = mark("what is known of a contact")
    details = (mark("REF is an id, an e-mail address or a user id. Personal attributes are masked."),)

    ref: str

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if not rest:
            raise Misused(cls)
        return cls(ref=" ".join(rest))

    async def answer(self, asking: Asking) -> Reply:
        asking.actor.require("rep")
        raise NotImplementedError


class Why(Command, frozen=True, kw_only=True, tag="why"):
    en = ("why",)
    fr = ("pourquoi",)
    role = "rep"
    usage = mark("REF [RULE]")
    summary = mark("the sum of a score line by line, or why a rule does or does not match")

    ref: str
    rule: str = ""

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if not 1 <= len(rest) <= 2:
            raise Misused(cls)
        return cls(ref=rest[0], rule=rest[1] if len(rest) == 2 else "")

    async def answer(self, asking: Asking) -> Reply:
        asking.actor.require("rep")
        raise NotImplementedError


async def lead_items(asking: Asking, contacts: Iterable[str]) -> tuple[Item, ...]:
    raise NotImplementedError
