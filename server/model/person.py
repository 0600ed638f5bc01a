"""Who works with the service, and the chat accounts by which they are known."""

from __future__ import annotations

import msgspec

from rules.contact import Millis
from server.model.actor import Role

__all__ = ["Account", "Person"]


class Account(msgspec.Struct, array_like=True, frozen=True, order=True):
    """A chat account: never a user name, which can change hands. Telegram has no workspaces: ""."""

    platform: str
    workspace: str
    user: str

    def __str__(self) -> str:
        return f"{self.platform}:{self.workspace}/{self.user}" if self.workspace else f"{self.platform}:{self.user}"


class Person(msgspec.Struct, array_like=True, frozen=True, kw_only=True):
    """A person who may do things. `id` is what logs and audits say; it tells nothing about who it is."""

    id: str
    name: str
    roles: tuple[Role, ...]
    accounts: tuple[Account, ...] = ()
    created: Millis = 0
    email: str = ""  # to which messages go that they send to themselves
