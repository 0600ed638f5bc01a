"""Who does something, through what, and what they may do."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from server.errors import Forbidden

__all__ = ["ROLES", "SYSTEM", "Actor", "Role"]

Role: TypeAlias = Literal["viewer", "rep", "marketer", "approver", "admin", "privacy"]
ROLES: tuple[Role, ...] = ("viewer", "rep", "marketer", "approver", "admin", "privacy")

# viewer < rep, marketer < approver < admin; `privacy` stands beside them.
_IMPLIED: dict[Role, frozenset[Role]] = {
    "viewer": frozenset({"viewer"}),
    "rep": frozenset({"viewer", "rep"}),
    "marketer": frozenset({"viewer", "marketer"}),
    "approver": frozenset({"viewer", "rep", "marketer", "approver"}),
    "admin": frozenset({"viewer", "rep", "marketer", "approver", "admin"}),
    "privacy": frozenset({"viewer", "privacy"}),
}


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts: a user, an API key or the system. `id` goes into the log and the audit, `name` onto cards.

    `scopes` are an API key's; `roles` a person's. `via` is the transport: "slack", "telegram", "terminal", "http",
    "cli", "system".
    """

    id: str
    name: str = ""
    roles: tuple[Role, ...] = ()
    scopes: tuple[str, ...] = ()
    via: str = "system"
    language: str = "en"

    def has(self, role: Role) -> bool:
        """Whether one of the actor's roles is, or implies, this one."""
        return any(role in _IMPLIED[own] for own in self.roles)

    def require(self, role: Role) -> None:
        """Raise `Forbidden` unless the actor has the role."""
        if not self.has(role):
            raise Forbidden(f"this needs the role {role}; ask an admin for it", code="needs_role", role=role)


SYSTEM = Actor(
    id="system", name="Relance", roles=("admin", "privacy"), scopes=("read", "write", "rules", "consent", "admin")
)
