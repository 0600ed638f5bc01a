"""People: who they are in which chat, and what they may do."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

from msgspec.structs import replace

from rules.contact import Millis
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.model.actor import ROLES, Actor, Role
from server.model.person import Account, Person
from server.ports import Clock
from server.services.recent import Recent
from server.store.people import People as Kept
from server.store.store import Store

__all__ = ["CODE_LIFETIME", "People"]

CODE_LIFETIME: Millis = 15 * 60 * 1000
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that looks like something else
_SLACK = re.compile(r"[TE][A-Z0-9]{2,20}/[UW][A-Z0-9]{2,20}")
_EMAIL = re.compile(r"[^@\s<>,;\"]{1,64}@[^@\s<>,;\"]{1,250}\.[^@\s<>,;\".]{2,63}")
_TELEGRAM = re.compile(r"[0-9]{1,20}")


class People:
    """Adds people, links their accounts by one-time codes, and says who acts."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._kept = Kept(store.redis, store.seal)
        self._clock = clock
        self._actors: Recent[Account, Actor] = Recent(clock, self._find_actor)

    async def add(
        self, name: str, role: Role | Sequence[Role], *, slack: str = "", telegram: str = "", email: str = ""
    ) -> Person:
        """Add a person. `slack` is `T0123/U0456` (workspace and user id), `telegram` a numeric user id; `email`
        is where messages go that they send to themselves.

        Raises `Invalid`, or `Conflict` where the name or an account is somebody's already.
        """
        roles: tuple[Role, ...] = (role,) if isinstance(role, str) else tuple(role)
        accounts = _read_accounts(slack, telegram)
        _check(name, roles)
        if email and not _EMAIL.fullmatch(email):
            message = "an e-mail address is written ann@shop.example"
            raise Invalid(message, [FieldError("email", message)], code="wrong_person")
        person = Person(
            id="u" + secrets.token_hex(5), name=name, roles=roles, accounts=accounts, created=self._clock.now(),
            email=email,
        )  # fmt: skip
        await self._kept.save(person)  # before its name and accounts: a crash in between leaves nothing that blocks
        taken = ""
        if await self._kept.claim_name(name, person.id) != person.id:
            taken = "there is somebody of this name already; choose another"
        for account in accounts:
            if not taken and await self._kept.claim_account(account, person.id) != person.id:
                taken = "this account is somebody else's; an admin can remove them"
        if taken:
            await self._kept.remove(person)
            raise Conflict(taken, code="person_taken")
        return person

    async def actor(self, platform: str, workspace: str, user: str) -> Actor | None:
        """Who acts from this account; None where nobody has linked it."""
        return await self._actors.get(Account(platform, workspace, user))

    async def address(self, user: str, channel: str) -> str:
        """Where a person is reached over a channel of messages; "" where they are not. `user` is an id."""
        person = await self._kept.load(user) if channel == "email" else None
        return person.email if person else ""

    async def all(self) -> list[Person]:
        """Everybody, by name."""
        return await self._kept.all()

    async def find(self, who: str) -> Person:
        """A person by name or id. Raises `NotFound`."""
        person = await self._kept.load(await self._kept.by_name(who) or who)
        if person is None:
            raise NotFound("there is nobody of this name; `relance user list` shows them", code="no_person")
        return person

    async def remove(self, who: str) -> None:
        """Take everything away from a person, everywhere within seconds. Raises `NotFound`."""
        await self._kept.remove(await self.find(who))
        self._actors.forget()

    async def link_code(self, who: str) -> str:
        """Make a code by which a person links an account: once, within a quarter of an hour. Raises `NotFound`."""
        person = await self.find(who)
        code = "".join(secrets.choice(_ALPHABET) for _ in range(8))
        await self._kept.keep_code(code, person.id, self._clock.now() + CODE_LIFETIME, CODE_LIFETIME)
        return code

    async def link(self, code: str, platform: str, workspace: str, user: str) -> Actor:
        """Link an account to the person that the code was made for; return who acts from it from now on.

        Raises `NotFound` for a code that is unknown, used or too old, `Conflict` where the account is another's.
        """
        holder = await self._kept.take_code(code.strip().upper(), self._clock.now())
        person = None if holder is None else await self._kept.load(holder)
        if person is None:
            raise NotFound("this code is unknown, used or too old; ask for a new one", code="no_code")
        account = Account(platform, workspace, user)
        if await self._kept.claim_account(account, person.id) != person.id:
            raise Conflict("this account is somebody else's; an admin can remove them", code="account_taken")
        person = replace(person, accounts=tuple(sorted({*person.accounts, account})))
        await self._kept.save(person)
        self._actors.forget()
        return _actor(person, platform)

    async def _find_actor(self, account: Account) -> Actor | None:
        holder = await self._kept.by_account(account)
        person = None if holder is None else await self._kept.load(holder)
        return None if person is None else _actor(person, account.platform)


def _actor(person: Person, via: str) -> Actor:
    return Actor(id=person.id, name=person.name, roles=person.roles, via=via)


def _check(name: str, roles: tuple[Role, ...]) -> None:
    errors = []
    if not 1 <= len(name) <= 100 or not name.isprintable() or name != name.strip():
        errors.append(FieldError("name", "a name has 1 to 100 characters that can be printed"))
    if not roles or any(role not in ROLES for role in roles):
        errors.append(FieldError("role", f"a role is one of {', '.join(ROLES)}"))
    if errors:
        raise Invalid(errors[0].message, errors, code="wrong_person")


def _read_accounts(slack: str, telegram: str) -> tuple[Account, ...]:
    accounts = []
    if slack:
        if not _SLACK.fullmatch(slack):
            message = "a Slack account is written T0123/U0456: the ids of the workspace and of the user"
            raise Invalid(message, [FieldError("slack", message)], code="wrong_slack")
        accounts.append(Account("slack", *slack.split("/")))
    if telegram:
        if not _TELEGRAM.fullmatch(telegram):
            message = "a Telegram account is a number, which @userinfobot tells"
            raise Invalid(message, [FieldError("telegram", message)], code="wrong_telegram")
        accounts.append(Account("telegram", "", telegram))
    return tuple(accounts)
