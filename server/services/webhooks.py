"""Webhooks: where messages to other systems go, and what signs them."""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from typing import Final
from urllib.parse import urlsplit

from server.errors import Conflict, FieldError, Invalid, NotFound
from server.model.actor import Actor
from server.model.webhook import Webhook
from server.ports import Clock
from server.services.access import require
from server.store.store import Store
from server.store.webhooks import Webhooks as Kept

__all__ = ["Webhooks"]

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,59}")
_SECRET: Final = 32  # bytes


class Webhooks:
    """Adds them and takes them away; an administrator's work."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._kept = Kept(store.redis, store.seal)
        self._clock = clock

    async def add(self, actor: Actor, name: str, url: str) -> Webhook:
        """Add one with a new secret. Raises `Forbidden`, `Invalid`, `Conflict` where the name is taken."""
        require(actor, "admin", "admin")
        errors = []
        if not _NAME.fullmatch(name):
            errors.append(FieldError("name", "a name has small letters, digits and _, and begins with a letter"))
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > 2000:
            errors.append(FieldError("url", "an address begins with https:// or http://"))
        if errors:
            raise Invalid(errors[0].message, errors, code="wrong_webhook")
        secret = "whsec_" + b64encode(secrets.token_bytes(_SECRET)).decode()
        webhook = Webhook(name=name, url=url, secret=secret, created=self._clock.now())
        if not await self._kept.add(webhook):
            raise Conflict(f"there is a webhook {name} already; choose another name", code="name_taken", name=name)
        return webhook

    async def all(self, actor: Actor) -> list[Webhook]:
        """All, by name. Raises `Forbidden`."""
        require(actor, "admin", "admin")
        return await self._kept.all()

    async def remove(self, actor: Actor, name: str) -> None:
        """Take one away: what is on its way to it fails. Raises `Forbidden`, `NotFound`."""
        require(actor, "admin", "admin")
        if not await self._kept.remove(name):
            raise NotFound("there is no such webhook; `relance webhook list` shows them", code="no_webhook")
