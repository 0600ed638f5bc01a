"""What an actor may do: an API key by its scopes, a person by their roles."""

from __future__ import annotations

from server.errors import Forbidden
from server.model.actor import Actor, Role

__all__ = ["may", "require"]


def may(actor: Actor, scope: str, role: Role) -> bool:
    """Whether an actor has the scope, as a key, or the role, as a person. `admin` as a scope holds every other."""
    return scope in actor.scopes or "admin" in actor.scopes or actor.has(role)


def require(actor: Actor, scope: str, role: Role) -> None:
    """Raise `Forbidden` unless the actor has the scope or the role."""
    if may(actor, scope, role):
        return
    if actor.via == "http":
        raise Forbidden(f"this key lacks the scope {scope}; make one with it", code="needs_scope", scope=scope)
    actor.require(role)
