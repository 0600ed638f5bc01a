"""Drafts of the rulebook, on a real Redis: whose they are, what they know of others, how they become versions."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

import pytest
from redis.asyncio import Redis

from server.bootstrap import Services, build_services
from server.errors import Ambiguous, Conflict, Forbidden, Invalid, NotFound, Unavailable
from server.model.actor import SYSTEM, Actor, Role
from server.model.draft import Place
from server.services.edits import Edit, StatementChanged
from server.services.rulebooks import WrongRulebook
from server.services.submissions import BaseMoved
from server.store.notices import Notices
from server.store.store import Store
from tests.clock import FakeClock
from tests.engines import publish

BOOK = """\
# what we know
attribute country: text
attribute email: text, personal

score cart: +10 on "Product Added"
segment hot: contact.score >= 80
trigger lead: on enter hot
  add to list loyal
list loyal: "Loyal"
"""
ANA, BEN = (Actor(id=name, name=name.title(), roles=("marketer",)) for name in ("ana", "ben"))
BOSS, CHIEF = (Actor(id=name, name=name.title(), roles=("approver",)) for name in ("boss", "chief"))


@pytest.fixture
async def services(store: Store, clock: FakeClock) -> Services:
    await publish(store, BOOK)
    return build_services(store, clock, "UTC", {}, {})


async def edit(services: Services, actor: Actor, name: str, text: str) -> Edit:
    asked = await services.drafts.ask(actor, name)
    return await services.drafts.put(actor, asked.place, text)


async def test_a_draft_begins_with_the_published_text_and_is_kept_with_its_base(
    services: Services, store: Store, clock: FakeClock
) -> None:
    with pytest.raises(NotFound):
        await services.drafts.view(ANA)
    made = await edit(services, ANA, "hot", "segment hot: contact.score >= “90” — 1".replace("“90”", "90"))
    assert made.saved
    assert made.view.draft.base == 1
    again = build_services(store, clock, "UTC", {}, {})  # another process
    view = await again.drafts.view(ANA)
    assert view.draft.text == BOOK.replace(">= 80", ">= 90 - 1")  # the dash of a phone is a plain one
    assert [change.key for change in view.changes] == [("segment", "hot")]
    with pytest.raises(NotFound):
        await again.drafts.view(BEN)


async def test_a_text_with_mistakes_is_told_at_its_lines_and_not_taken(services: Services) -> None:
    asked = await services.drafts.ask_new(ANA)
    wrong = "\n# two of them\nsegment fr: contact.contry == 'FR'\nscore x: +5 on Page\n"
    told = await services.drafts.put(ANA, asked.place, wrong)
    assert not told.saved
    assert [(one.line, one.column) for one in told.here] == [(2, 21), (3, 16)]
    with pytest.raises(NotFound):
        await services.drafts.view(ANA)
    whole = await services.drafts.put(
        ANA, Place(what="rulebook"), BOOK.replace("score >= 80", "scor >= 80"), strict=False
    )
    assert whole.saved
    assert [(one.line, one.suggestion) for one in whole.here] == [(6, "score")]
    mended = await edit(services, ANA, "6", "segment hot: contact.score >= 81")
    assert mended.view.checked.ok


async def test_a_rule_that_others_need_can_be_renamed_step_by_step(services: Services) -> None:
    renamed = await edit(services, ANA, "hot", "segment warm: contact.score >= 80")
    assert renamed.saved  # its own text is right; what is wrong now is elsewhere
    assert [one.line for one in renamed.view.checked.problems] == [7]
    with pytest.raises(WrongRulebook):
        await services.submissions.submit(ANA)
    done = await edit(services, ANA, "lead", "trigger lead: on enter warm\n  add to list loyal")
    assert done.view.checked.ok


@pytest.mark.parametrize("text", ["", "  \n\t\n", "x" * 1_000_001])
async def test_no_text_and_too_much_of_it_are_refused(services: Services, text: str) -> None:
    with pytest.raises(Invalid):
        await services.drafts.put(ANA, Place(what="rulebook"), text)


async def test_a_name_that_two_kinds_share_must_be_told_apart(services: Services) -> None:
    asked = await services.drafts.ask_new(ANA)
    await services.drafts.put(ANA, asked.place, 'score hot: +1 on "Page Viewed"')
    for attempt in (services.drafts.ask(ANA, "hot"), services.drafts.delete(ANA, "hot")):
        with pytest.raises(Ambiguous) as told:
            await attempt
        assert len(told.value.choices) == 2
    assert (await services.drafts.ask(ANA, "hot", "score")).text == 'score hot: +1 on "Page Viewed"'
    with pytest.raises(NotFound):
        await services.drafts.ask(ANA, "cold")
    with pytest.raises(NotFound):
        await services.drafts.ask(ANA, "0")


async def test_edits_at_the_same_moment_from_two_devices_both_count(services: Services) -> None:
    texts = [f"segment s{number}: contact.score >= {number}" for number in range(4)]
    asked = await services.drafts.ask_new(ANA)
    await asyncio.gather(*(services.drafts.put(ANA, asked.place, text) for text in texts))
    assert {f"s{number}" for number in range(4)} <= {
        change.name for change in (await services.drafts.view(ANA)).changes
    }


async def test_a_statement_that_changed_since_it_was_shown_is_not_overwritten(services: Services, store: Store) -> None:
    asked = await services.drafts.ask(ANA, "hot")
    await publish(store, BOOK.replace(">= 80", ">= 60"))
    with pytest.raises(StatementChanged) as told:
        await services.drafts.put(ANA, asked.place, "segment hot: contact.score >= 90")
    assert list(told.value.change.lines()) == [
        "- segment hot: contact.score >= 60",
        "+ segment hot: contact.score >= 90",
    ]
    assert told.value.fields["by"] == SYSTEM.name
    fresh = await services.drafts.ask(ANA, "hot")
    for _ in range(2):  # the second comes from a platform that repeats itself
        assert (await services.drafts.put(ANA, fresh.place, "segment hot: contact.score >= 90")).saved
    with pytest.raises(Forbidden):
        await services.drafts.put(BEN, fresh.place, "segment hot: contact.score >= 1")


async def test_a_draft_says_that_its_base_has_moved_and_what_both_changed(services: Services, store: Store) -> None:
    await edit(services, ANA, "hot", "segment hot: contact.score >= 90")
    await edit(services, ANA, "cart", 'score cart: +20 on "Product Added"')
    await publish(store, BOOK.replace(">= 80", ">= 60") + 'list new: "New"\n')
    moved = (await services.drafts.view(ANA)).moved
    assert moved is not None
    assert (moved.version, [change.name for change in moved.changes]) == (2, ["hot", "new"])
    assert [(change.before, change.after) for change in moved.same] == [
        ("segment hot: contact.score >= 60", "segment hot: contact.score >= 90")
    ]
    with pytest.raises(BaseMoved):
        await services.submissions.submit(ANA)
    assert (await services.drafts.update(ANA)).conflicts == moved.same
    assert (await services.drafts.view(ANA)).draft.base == 1
    updated = await services.drafts.update(ANA, "theirs")
    assert updated.view.draft.base == 2
    assert [change.name for change in updated.view.changes] == ["cart"]
    assert 'list new: "New"' in updated.view.draft.text
    await services.submissions.submit(ANA)


async def test_a_draft_that_changes_nothing_follows_what_is_published(services: Services, store: Store) -> None:
    await services.drafts.ask_all(ANA)
    await publish(store, BOOK.replace(">= 80", ">= 60"))
    assert (await services.drafts.ask(ANA, "hot")).text == "segment hot: contact.score >= 60"


async def test_a_file_made_from_an_older_version_is_known_to_be_so(services: Services, store: Store) -> None:
    await publish(store, BOOK.replace(">= 80", ">= 60"))
    place = Place(what="rulebook", base=1)
    taken = await services.drafts.put(ANA, place, BOOK.replace("+10 on", "+11 on"))
    assert taken.view.draft.base == 1
    assert [change.name for change in taken.view.changes] == ["cart"]
    assert taken.view.moved is not None
    assert ">= 60" in (await services.drafts.update(ANA)).view.draft.text


async def test_a_difference_says_where_waiting_runs_go_on(services: Services, store: Store) -> None:
    series = 'purpose news: "News?", via email\nscenario series for news: on "Signed Up"\n'
    steps = "  wait 7 days\n  send email one\n  wait 2 days\n  send email two\n"
    await publish(store, BOOK + series + steps)
    await edit(
        services, ANA, "series", series.split("\n")[1] + "\n" + steps.replace("7", "3").replace("  wait 2 days\n", "")
    )
    (found,) = (await services.drafts.difference(ANA)).rerouted
    assert found.scenario == "series"
    assert [(step.before, step.after) for step in found.steps] == [
        ("wait 7 days", "wait 3 days"),
        ("wait 2 days", None),
    ]


async def test_differences_are_of_the_draft_and_of_versions(services: Services, store: Store) -> None:
    await publish(store, BOOK.replace(">= 80", ">= 60"))
    last = await services.drafts.difference(ANA)
    assert (last.old, last.new, [change.name for change in last.changes]) == (1, 2, ["hot"])
    await edit(services, ANA, "cart", 'score cart: +20 on "Product Added"')
    own = await services.drafts.difference(ANA)
    assert (own.old, own.new, [change.name for change in own.changes]) == (2, 0, ["cart"])
    assert {change.name for change in (await services.drafts.difference(ANA, 1)).changes} == {"cart", "hot"}
    with pytest.raises(NotFound):
        await services.drafts.difference(ANA, 99)


async def test_a_second_person_publishes_exactly_what_was_handed_in(services: Services) -> None:
    await edit(services, ANA, "hot", "segment hot: contact.score >= 90")
    handed = (await services.submissions.submit(ANA, "a comment")).submission
    await edit(services, ANA, "hot", "segment hot: contact.score >= 95")  # the draft goes on
    submission, version = await services.submissions.approve(BOSS, handed.id)
    assert version.text == BOOK.replace(">= 80", ">= 90")
    assert version.hash == hashlib.sha256(version.text.encode()).hexdigest() == handed.hash
    assert (version.author, version.approver, version.comment) == ("Ana", "Boss", "a comment")
    assert (await services.rulebooks.live()).version == 2
    moved = (await services.drafts.view(ANA)).moved
    assert moved is not None
    assert (await services.drafts.update(ANA, "mine")).view.changes[0].after == "segment hot: contact.score >= 95"
    assert submission.author == "ana"


async def test_a_submission_is_over_once_whoever_and_however_often_it_is_decided(services: Services) -> None:
    await edit(services, ANA, "hot", "segment hot: contact.score >= 90")
    handed = (await services.submissions.submit(ANA)).submission
    outcomes = await asyncio.gather(
        *(services.submissions.approve(actor, handed.id) for actor in (BOSS, CHIEF, BOSS)),
        services.submissions.reject(CHIEF, "no", handed.id),
        return_exceptions=True,
    )
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 3
    assert len(await services.rulebooks.versions()) <= 2
    with pytest.raises(Conflict) as told:
        await services.submissions.approve(BOSS, handed.id)
    assert told.value.code in ("submission_approved", "submission_rejected")


async def test_of_two_submissions_on_one_base_the_second_must_be_brought_up_to_date(services: Services) -> None:
    await edit(services, ANA, "hot", "segment hot: contact.score >= 90")
    await edit(services, BEN, "cart", 'score cart: +20 on "Product Added"')
    first, second = [(await services.submissions.submit(one)).submission for one in (ANA, BEN)]
    await services.submissions.approve(BOSS, first.id)
    with pytest.raises(BaseMoved):
        await services.submissions.approve(BOSS, second.id)
    await services.drafts.update(BEN)
    newer = (await services.submissions.submit(BEN)).submission
    assert [one.id for one in await services.submissions.waiting(BOSS)] == [newer.id]
    _, version = await services.submissions.approve(BOSS, newer.id)
    assert version.text == BOOK.replace(">= 80", ">= 90").replace("+10 on", "+20 on")


async def test_an_approval_that_names_nothing_is_of_what_the_approver_was_shown(services: Services) -> None:
    with pytest.raises(NotFound):
        await services.submissions.approve(BOSS)
    await edit(services, ANA, "hot", "segment hot: contact.score >= 90")
    first = (await services.submissions.submit(ANA)).submission
    with pytest.raises(Invalid):
        await services.submissions.approve(BOSS)
    await services.submissions.show(BOSS, first.id)
    await edit(services, ANA, "hot", "segment hot: contact.score >= 1")
    await services.submissions.submit(ANA)  # another text takes its place
    with pytest.raises(Invalid):
        await services.submissions.approve(BOSS)
    with pytest.raises(Conflict):
        await services.submissions.approve(BOSS, first.id)
    assert (await services.rulebooks.current()).version == 1


async def test_the_same_text_is_handed_in_by_one_person(services: Services) -> None:
    for actor in (ANA, BEN):
        await edit(services, actor, "hot", "segment hot: contact.score >= 90")
    handed = (await services.submissions.submit(ANA)).submission
    assert (await services.submissions.submit(ANA)).submission == handed
    with pytest.raises(Conflict):
        await services.submissions.submit(BEN)
    assert await services.submissions.discard(ANA)
    assert await services.submissions.waiting(BOSS) == []
    await services.submissions.submit(BEN)


ROLES: dict[str, tuple[Role, Callable[[Services, Actor], object]]] = {
    "ask": ("marketer", lambda services, actor: services.drafts.ask(actor, "hot")),
    "put": ("marketer", lambda services, actor: services.drafts.put(actor, Place(what="new"), 'list x: "X"')),
    "delete": ("marketer", lambda services, actor: services.drafts.delete(actor, "lead")),
    "difference": ("marketer", lambda services, actor: services.drafts.difference(actor)),
    "discard": ("marketer", lambda services, actor: services.drafts.discard(actor)),
    "submit": ("marketer", lambda services, actor: services.submissions.submit(actor)),
    "approve": ("approver", lambda services, actor: services.submissions.approve(actor)),
    "reject": ("approver", lambda services, actor: services.submissions.reject(actor, "no")),
    "rollback": ("approver", lambda services, actor: services.submissions.rollback(actor, 1)),
    "pause": ("approver", lambda services, actor: services.pauses.pause(actor, "lead")),
    "resume": ("approver", lambda services, actor: services.pauses.resume(actor, "lead")),
    "set_alone": ("admin", lambda services, actor: services.submissions.set_alone(actor, True)),
}


@pytest.mark.parametrize("operation", ROLES)
async def test_each_operation_needs_its_role(services: Services, operation: str) -> None:
    needed, work = ROLES[operation]
    for role in ("viewer", "rep", "marketer", "approver", "admin", "privacy"):
        actor = Actor(id=f"u-{role}", name=role, roles=(role,))
        try:
            await work(services, actor)  # type: ignore[misc]
        except Forbidden:
            assert not actor.has(needed), f"{role} may not {operation}"
        except (NotFound, Conflict):
            assert actor.has(needed), f"{role} may {operation}"
        else:
            assert actor.has(needed), f"{role} may {operation}"


async def test_drafts_and_submissions_are_sealed(services: Services, redis: Redis) -> None:
    await edit(services, ANA, "hot", "segment hot: contact.score >= 4242")
    await services.submissions.submit(ANA, "marvellous")
    async for key in redis.scan_iter("*"):
        kind = (await redis.type(key)).decode()
        match kind:
            case "hash":
                values = list((await redis.hgetall(key)).values())
            case "string":
                values = [await redis.get(key)]
            case _:
                values = []
        assert not any(b"4242" in value or b"marvellous" in value for value in values), key


async def test_a_notice_is_handed_out_again_until_it_was_told(services: Services, store: Store) -> None:
    await services.people.add("Carl", "approver", slack="T0123/U0CARL", telegram="7")
    await edit(services, ANA, "hot", "segment hot: contact.score >= 90")
    assert (await services.submissions.submit(ANA)).approvers == ("Carl",)
    [(notice_id, notice)] = await services.submissions.notices("slack")
    assert (notice.user, notice.kind) == ("U0CARL", "submitted")
    assert await services.submissions.notices("slack") == []
    other = Notices(store.redis, store.seal)  # another process, after the first one died
    assert await other.take("slack", again=0) == [(notice_id, notice)]
    await services.submissions.told("slack", notice_id)
    assert await other.take("slack", again=0) == []
    [(_, elsewhere)] = await services.submissions.notices("telegram")
    assert elsewhere.user == "7"
    found = await services.submissions.notice(elsewhere)
    assert found is not None
    await services.submissions.discard(ANA)
    assert await services.submissions.notice(elsewhere) is None  # nobody needs to hear of it any more


async def test_pauses_are_kept_by_name_whatever_is_published(
    services: Services, store: Store, clock: FakeClock
) -> None:
    await services.pauses.pause(BOSS, "lead")
    with pytest.raises(Conflict):
        await services.pauses.pause(CHIEF, "lead")
    for name, error in (("hot", Invalid), ("nothing", NotFound)):
        with pytest.raises(error):
            await services.pauses.pause(BOSS, name)
    await publish(store, BOOK.replace("trigger lead: on enter hot\n  add to list loyal\n", ""))
    await publish(store, BOOK)
    again = build_services(store, clock, "UTC", {}, {})
    assert (await again.rulebooks.live()).paused == {"lead"}
    await again.pauses.resume(CHIEF, "lead")
    assert (await again.rulebooks.live()).paused == frozenset()
    with pytest.raises(NotFound):
        await again.pauses.resume(CHIEF, "lead")


async def test_without_redis_nothing_is_taken_and_that_is_said(store: Store, clock: FakeClock) -> None:
    nowhere = Store(Redis.from_url("redis://127.0.0.1:1"), seal=store.seal, clock=clock, partitions=store.partitions)
    away = build_services(nowhere, clock, "UTC", {}, {})
    for attempt in (
        away.drafts.ask_new(ANA),
        away.drafts.put(ANA, Place(what="new"), 'list x: "X"'),
        away.submissions.submit(ANA),
        away.submissions.notices("slack"),
        away.pauses.all(),
    ):
        with pytest.raises(Unavailable):
            await attempt
    await nowhere.redis.aclose()
