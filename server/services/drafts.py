"""Drafts: what a person prepares of the rulebook, statement by statement, before it is handed in."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from typing import Final

from msgspec.structs import replace

from rules import editing
from rules.editing import Change
from rules.syntax import normalise
from server.errors import Ambiguous, Conflict, Forbidden, Invalid, NotFound
from server.model.actor import SYSTEM, Actor
from server.model.draft import Draft, Place
from server.ports import Clock
from server.services.contacts import Contacts
from server.services.edits import (
    Asked,
    Difference,
    DraftView,
    Edit,
    Moved,
    Rival,
    Updated,
    edited,
    one_of,
    place_of,
    rerouted,
    within,
)
from server.services.rulebooks import Checked, Rulebooks, WrongRulebook
from server.services.trying import Tested, explained, guarded, kinds_of
from server.store.drafts import Drafts as Kept
from server.store.store import Store

__all__ = ["Drafts"]

_LARGEST: Final = 1_000_000  # characters
_CHECKED: Final = 8  # texts whose check is remembered
_TRIES: Final = 5


class Drafts:
    """One draft a person. Every method needs the role marketer."""

    def __init__(self, store: Store, clock: Clock, rulebooks: Rulebooks, contacts: Contacts, *, timezone: str) -> None:
        self._store = store
        self._clock = clock
        self._rulebooks = rulebooks
        self._contacts = contacts
        self._timezone = timezone
        self._kept = Kept(store.redis, store.seal)
        self._checked: OrderedDict[str, Checked] = OrderedDict()

    # --- looking ------------------------------------------------------------------------------------------------

    async def view(self, actor: Actor) -> DraftView:
        """The draft as it stands. Raises `Forbidden`, `NotFound` where nothing is changed."""
        actor.require("marketer")
        view = await self._view(await self._draft(actor))
        if not view.changes:
            raise NotFound("there is no draft; change a rule first", code="no_draft")
        return view

    async def difference(self, actor: Actor, number: int | None = None) -> Difference:
        """What the draft changes; with a version, what is between that and the draft, or the published text.

        Without a draft and a number: what the published version changed. Raises `Forbidden`, `NotFound`.
        """
        actor.require("marketer")
        draft = await self._draft(actor)
        base = await self._text(draft.base)
        if number is None and draft.text == base:
            before = await self._text(max(draft.base - 1, 0))
            return await _difference(max(draft.base - 1, 0), draft.base, before, base)
        old = draft.base if number is None else number
        before = base if number is None else (await self._rulebooks.version(number)).text
        new = draft.base if draft.text == base else 0
        return await _difference(old, new, before, draft.text)

    async def test(self, actor: Actor, name: str, ref: str, kind: str = "") -> Tested:
        """Whether a rule of the draft (else of the published text) would be true of a contact now, and why.

        Raises `Forbidden`, `NotFound`, `Ambiguous`, and `WrongRulebook` where the draft has mistakes.
        """
        actor.require("marketer")
        draft = await self._draft(actor)
        checked = await self.check(draft.text)
        if checked.book is None:
            raise WrongRulebook(checked)
        kinds = kinds_of(checked.book, name, kind)
        if len(kinds) > 1:
            choices = [f"rules test {one} {name} {ref}" for one in kinds]
            raise Ambiguous("several rules have this name", choices, code="many_rules", name=name)
        # who may write rules may see whether they fit a contact, but not the contact: what is shown is masked
        contact = await self._contacts.find(SYSTEM, ref)
        live = await self._rulebooks.live()
        who = self._contacts.display(contact, live)
        past = await self._store.contacts.past(contact) if contact.chunks else []
        now = self._clock.now()
        book = guarded(checked.book, live)
        why = await asyncio.to_thread(explained, contact, past, book, name, kinds[0], now, self._timezone)
        return Tested(who=who, contact=contact.id, rule=why, draft=draft.text != live.text)

    # --- asking for a text --------------------------------------------------------------------------------------

    async def ask_new(self, actor: Actor) -> Asked:
        """Ask for new statements. Raises `Forbidden`."""
        actor.require("marketer")
        view = await self._moved(await self._draft(actor))
        return Asked(place=Place(what="new", person=actor.id), text="", base=view[0].base, moved=view[1])

    async def ask_all(self, actor: Actor) -> Asked:
        """Ask for another text of everything; the draft begins now, so that its base is known. Raises `Forbidden`."""
        actor.require("marketer")
        draft, moved = await self._moved(await self._begun(actor))
        place = Place(what="rulebook", person=actor.id)
        return Asked(place=place, text=draft.text, base=draft.base, moved=moved)

    async def ask(self, actor: Actor, name: str, kind: str = "") -> Asked:
        """Ask for another text of a statement, by its name or by a line of the draft.

        Raises `Forbidden`, `NotFound`, `Ambiguous`.
        """
        actor.require("marketer")
        draft, moved = await self._moved(await self._draft(actor))
        piece = one_of(draft.text, kind, name, "rules edit")
        place = place_of(actor, piece)
        rivals = await self._rivals(actor, piece.key)
        return Asked(place=place, text=piece.text, base=draft.base, moved=moved, rivals=rivals)

    async def remember(self, platform: str, message: str, place: Place) -> None:
        """Note that an answer to a message is the text of a place. Raises `Unavailable`."""
        await self._kept.ask(platform, message, place)

    async def asked(self, platform: str, message: str) -> Place | None:
        """What an answer to a message is the text of, if of anything. Raises `Unavailable`."""
        return await self._kept.asked(platform, message)

    # --- changing -----------------------------------------------------------------------------------------------

    async def put(self, actor: Actor, place: Place, text: str, *, slack: bool = False, strict: bool = True) -> Edit:
        """Take a text for a place. With `strict`, one with mistakes is told and not taken.

        Raises `Forbidden`, `Invalid` (empty, too long), `StatementChanged`, `Conflict`.
        """
        actor.require("marketer")
        if place.person not in ("", actor.id):
            raise Forbidden("this is somebody else's draft; begin one of your own", code="not_your_draft")
        if len(text) > _LARGEST:
            raise Invalid(f"a rulebook has at most {_LARGEST} characters", code="text_too_long")
        given = normalise(text.removeprefix("\ufeff"), slack)
        if not given.strip():
            raise Invalid("there is no text; `rules delete NAME` takes a rule out", code="empty_text")
        for _ in range(_TRIES):
            whole = place.what == "rulebook"
            draft = await (self._begun(actor, place.base) if whole else self._draft(actor))
            made = await asyncio.to_thread(edited, draft, place, given, await self._author(draft))
            here, warnings = within(await self.check(made.text), made)
            if here and strict:
                return Edit(view=await self._view(draft), saved=False, here=here)
            kept = await self._save(draft, made.text)
            if kept is not None:
                rivals = await self._rivals(actor, (place.kind, place.name)) if place.name else ()
                return Edit(view=await self._view(kept), saved=True, here=here, warnings=warnings, rivals=rivals)
        raise Conflict("the draft is being changed elsewhere; try again", code="draft_busy")

    async def delete(self, actor: Actor, name: str, kind: str = "") -> Edit:
        """Take a statement out. Raises `Forbidden`, `NotFound`, `Ambiguous`."""
        actor.require("marketer")
        for _ in range(_TRIES):
            draft = await self._draft(actor)
            piece = one_of(draft.text, kind, name, "rules delete")
            kept = await self._save(draft, editing.remove(draft.text, piece).text)
            if kept is not None:
                return Edit(view=await self._view(kept), saved=True, rivals=await self._rivals(actor, piece.key))
        raise Conflict("the draft is being changed elsewhere; try again", code="draft_busy")

    async def update(self, actor: Actor, keep: str = "") -> Updated:
        """Bring the draft to the published version. Where both changed the same, nothing is done unless `keep` says
        whose is to stand, "mine" or "theirs". Raises `Forbidden`, `NotFound`."""
        view = await self.view(actor)
        if view.moved is None:
            return Updated(view=view)
        base, theirs = await self._text(view.draft.base), await self._text(view.moved.version)
        merged = await asyncio.to_thread(editing.merge, base, view.draft.text, theirs, keep)
        if merged.conflicts:
            return Updated(view=view, moved=view.moved, conflicts=merged.conflicts)
        kept = await self._save(replace(view.draft, base=view.moved.version), merged.text)
        if kept is None:
            raise Conflict("the draft is being changed elsewhere; try again", code="draft_busy")
        return Updated(view=await self._view(kept), moved=view.moved)

    async def discard(self, actor: Actor) -> bool:
        """Forget the draft; False where there was none. Raises `Forbidden`."""
        actor.require("marketer")
        return await self._kept.remove(actor.id)

    async def published(self, person: str, text: str) -> None:
        """Forget a person's draft if this is its text: it has been published."""
        draft = await self._kept.load(person)
        if draft is not None and draft.text == text:
            await self._kept.remove(person)

    async def check(self, text: str) -> Checked:
        """What `Rulebooks.check` finds; of the last few texts it is remembered, while no message comes or goes."""
        changes = await self._store.messages.changes()
        key = f"{changes} {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
        checked = self._checked.get(key)
        if checked is None:
            checked = self._checked[key] = await self._rulebooks.check(text)
            while len(self._checked) > _CHECKED:
                self._checked.popitem(last=False)
        return checked

    # --- within -------------------------------------------------------------------------------------------------

    async def _draft(self, actor: Actor) -> Draft:
        """The kept draft, or what one would begin with; one that changes nothing begins with what is published."""
        kept = await self._kept.load(actor.id)
        current = await self._store.rulebooks.current_version()
        if kept is not None and (kept.base == current or kept.text != await self._text(kept.base)):
            return kept
        now = self._clock.now()
        return Draft(
            person=actor.id, name=actor.name or actor.id, text=await self._text(current), base=current, created=now,
            updated=now, revision=kept.revision if kept else 0,
        )  # fmt: skip

    async def _begun(self, actor: Actor, base: int | None = None) -> Draft:
        """The draft, kept; one that changes nothing yet begins at `base`, where that is known."""
        draft = await self._draft(actor)
        if base is not None and base < draft.base and draft.text == await self._text(draft.base):
            draft = replace(draft, text=await self._text(base), base=base)
        elif draft.revision:
            return draft
        return await self._kept.save(draft, ()) or await self._draft(actor)

    async def _save(self, draft: Draft, text: str) -> Draft | None:
        made = await _changes(await self._text(draft.base), text)
        kept = replace(draft, text=text, updated=self._clock.now())
        return await self._kept.save(kept, [change.key for change in made if change.kind and change.kind != "comment"])

    async def _view(self, draft: Draft) -> DraftView:
        draft, moved = await self._moved(draft)
        made = await _changes(await self._text(draft.base), draft.text)
        return DraftView(draft=draft, changes=tuple(made), checked=await self.check(draft.text), moved=moved)

    async def _moved(self, draft: Draft) -> tuple[Draft, Moved | None]:
        current = await self._store.rulebooks.current()
        if current is None or current.version == draft.base:
            return draft, None
        base = await self._text(draft.base)
        theirs, mine = await _changes(base, current.text), await _changes(base, draft.text)
        made = {change.key: change for change in theirs}
        same = tuple(
            Change(kind=own.kind, name=own.name, before=made[own.key].after, after=own.after)
            for own in mine
            if own.key in made and own.after != made[own.key].after
        )
        return draft, Moved(
            version=current.version, author=current.author, time=current.time, changes=tuple(theirs), same=same
        )

    async def _rivals(self, actor: Actor, key: tuple[str, str]) -> tuple[Rival, ...]:
        found = []
        for other in await self._kept.touched():
            if other.person == actor.id or key not in other.statements:
                continue
            draft = await self._kept.load(other.person)
            made = await _changes(await self._text(draft.base), draft.text) if draft else ()
            found += [Rival(name=other.name, change=change) for change in made if change.key == key]
        return tuple(found)

    async def _text(self, version: int) -> str:
        return (await self._rulebooks.version(version)).text if version else ""

    async def _author(self, draft: Draft) -> str:
        return (await self._rulebooks.version(draft.base)).author if draft.base and not draft.revision else draft.name


async def _changes(old: str, new: str) -> list[Change]:
    return [] if old == new else await asyncio.to_thread(editing.changes, old, new)


async def _difference(old: int, new: int, before: str, after: str) -> Difference:
    made = tuple(await _changes(before, after))
    moves = await asyncio.to_thread(rerouted, before, after, made)
    return Difference(old=old, new=new, changes=made, rerouted=moves)
