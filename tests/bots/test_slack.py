"""The Slack bot against a strict emulator, over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import aiohttp
import pytest

from bots.commands import run
from bots.slack.app import SlackBot
from bots.terminal.render import render
from server.model.actor import Actor
from server.settings import Settings
from server.store.inbox import Inbox
from tests.bots.conftest import served
from tests.bots.desk import Desk
from tests.emulators.http import Fault, eventually
from tests.emulators.slack import SlackEmulator
from tests.emulators.slack_people import Signed, sign


async def test_a_rep_claims_a_lead_on_its_card(desk: Desk, slack: SlackEmulator, slack_bot: SlackBot) -> None:
    await desk.person("Ana", slack="U0ANA")
    ana = slack.user("U0ANA")
    await desk.hot_lead()
    await desk.deliver()
    card = await slack.channel("#hot-leads").expect_card("Léa")
    assert "cart +30 · Product Added" in card.text
    await ana.clicks(card, "Claim")
    await ana.hears("You have it")
    await desk.deliver()
    await card.expect("claimed by Ana")
    await ana.clicks(card, "Release")
    await ana.hears("It is open again")
    await desk.deliver()
    await eventually(lambda: "Claim" in card.buttons, "Claim button")
    assert "0612345678" not in card.text
    assert len(slack.channel("#hot-leads").messages) == 1


async def test_a_card_that_came_twice_is_right_in_both_copies_once_somebody_presses_the_first(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    await desk.person("Ana", slack="U0ANA")
    ana, channel = slack.user("U0ANA"), slack.channel("#hot-leads")
    channel.readable = False  # the bot cannot look for the card that it does not know of
    slack.fails("chat.postMessage", Fault("drop"))
    await desk.hot_lead()
    await desk.deliver()
    first, second = channel.messages
    assert "repeated" in second.text
    await ana.clicks(first, "Claim")
    await ana.hears("You have it")
    await desk.deliver()
    await first.expect("claimed by Ana")
    await second.expect("claimed by Ana")


async def test_two_people_press_claim_at_once_and_one_is_told_who_won(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    people = {name: slack.user(f"U0{name.upper()}") for name in ("Ana", "Ben")}
    for name, user in people.items():
        await desk.person(name, slack=user.id)
    await desk.hot_lead()
    await desk.deliver()
    card = await slack.channel("#hot-leads").expect_card("Léa")
    await asyncio.gather(*(user.clicks(card, "Claim") for user in people.values()))
    await eventually(lambda: all(slack.heard.get(user.id) for user in people.values()), "answers to both")
    answers = {name: slack.heard[user.id][-1].text for name, user in people.items()}
    [winner] = [name for name, text in answers.items() if "You have it" in text]
    [loser] = [name for name in answers if name != winner]
    assert f"{winner} already has this lead" in answers[loser]
    await desk.deliver()
    await card.expect(f"claimed by {winner}")


async def test_a_repeat_is_counted_on_the_same_card(desk: Desk, slack: SlackEmulator, slack_bot: SlackBot) -> None:
    await desk.hot_lead()
    for _ in range(3):
        await desk.visits("42", "Product Added")
    await desk.deliver()
    card = await slack.channel("#hot-leads").expect_card("Another cart")
    await card.expect("3 times")


async def test_commands_mentions_and_direct_messages_are_answered_where_they_were_said(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    await desk.person("Ana", slack="U0ANA")
    await desk.hot_lead()
    ana, channel = slack.user("U0ANA"), slack.channel("#hot-leads")
    await ana.says("/relance why 42")
    await ana.hears("Léa: 35 points")
    await ana.mentions("why <mailto:42@shop.example|42@shop.example>", channel)
    await eventually(lambda: channel.messages, "answer in the channel")
    assert "Léa: 35 points" in channel.messages[-1].text
    assert "thread_ts" in channel.messages[-1].content
    await ana.writes("whoami")
    await ana.hears("You are Ana")


async def test_a_person_is_answered_in_the_language_of_their_slack(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    await desk.person("Zoé", slack="U0ZOE")
    zoe = slack.user("U0ZOE", locale="fr-FR")
    await zoe.says("/relance segments")
    await zoe.hears("Contacts")
    await zoe.says("/relance contact nobody")
    await zoe.hears("Ce contact n'existe pas")
    assert len(slack.called("users.info")) == 1


async def test_a_stranger_is_told_how_to_link_and_then_can(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    stranger = slack.user("U0NEW")
    await stranger.says("/relance leads")
    await stranger.hears("/relance link CODE")
    await desk.services.people.add("Nina", "rep")
    code = await desk.services.people.link_code("Nina")
    await stranger.says(f"/relance link {code}")
    await stranger.hears("Welcome, Nina")
    await stranger.says("/relance whoami")
    await stranger.hears("You are Nina")
    await slack.user("U0EVE").says(f"/relance link {code}")
    await slack.user("U0EVE").hears("unknown, used or too old")


async def test_a_repeated_request_is_answered_and_worked_once(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    await desk.person("Ana", slack="U0ANA")
    ana = slack.user("U0ANA")
    request = ana.event("message", "whoami", "DU0ANA", channel_type="im")
    again = request._replace(headers={**request.headers, "X-Slack-Retry-Num": "1"})
    answers = await asyncio.gather(*(ana.sends(each) for each in (request, again, again, again)))
    assert [answer.status for answer in answers] == [200] * 4
    await ana.hears("You are Ana")
    await asyncio.sleep(0.1)
    assert len(slack.heard["U0ANA"]) == 1


ADMIN = Actor(id="u-root", name="Root", roles=("admin",))
FORM = "application/x-www-form-urlencoded"


def malformed_forms(payload: Callable[[object], Signed]) -> dict[str, tuple[Signed, int]]:
    """Forms of ours that Slack would not send."""
    memory = json.dumps({"place": {"what": "new"}})
    values = {"text:0": {"relance:text": {"type": "plain_text_input", "value": "segment x: 1 > 0"}}}
    view = {"id": "V1", "callback_id": "relance:form", "private_metadata": memory, "state": {"values": values}}

    def form(**changed: object) -> Signed:
        return payload({"type": "view_submission", "user": {"id": "U1"}, "view": {**view, **changed}})

    return {
        "form without a state": (form(state=None), 400),
        "form whose values are a list": (form(state={"values": []}), 400),
        "form with a field of another's": (form(state={"values": {"other": {}}}), 400),
        "form with a value that is a number": (form(state={"values": {"text:0": {"a": {"value": 5}}}}), 400),
        "form that remembers nothing": (form(private_metadata=""), 400),
        "form that remembers something else": (form(private_metadata='{"place": {"what": "everything"}}'), 400),
        "form without an id": (form(id=None), 400),
        "form without a person": (payload({"type": "view_submission", "user": None, "view": view}), 400),
        "form with an empty field": (form(state={"values": {"text:0": {}}}), 200),
        "form of a stranger": (form(), 200),
    }


def hostile(slack: SlackEmulator) -> dict[str, tuple[Signed, int]]:
    """Requests that are not to be trusted or not to be understood, and the right answer to each."""
    good = slack.user("U1").command("/relance whoami")
    now = good.headers["X-Slack-Request-Timestamp"]

    def headers(**changed: str | None) -> Signed:
        merged = {**good.headers, **{name.replace("_", "-"): value for name, value in changed.items()}}
        return Signed(good.body, {name: value for name, value in merged.items() if value is not None})

    def signed(body: bytes, content_type: str = "application/json") -> Signed:
        return slack.signed(body, content_type)

    def payload(content: object) -> Signed:
        return signed(urlencode({"payload": json.dumps(content)}).encode(), FORM)

    press = {"type": "block_actions", "user": {"id": "U1"}, "actions": [{"action_id": "relance:1", "value": "whoami"}]}
    event = {"type": "app_mention", "user": "U1", "text": "hi", "channel": "C1", "ts": "1.1"}
    happened = {"type": "event_callback", "event_id": "Ev1", "team_id": "T1"}
    return {
        "forged": (sign("another secret", good.body, FORM, now), 401),
        "body changed": (Signed(good.body + b"x", good.headers), 401),
        "no signature": (headers(X_Slack_Signature=None), 401),
        "empty signature": (headers(X_Slack_Signature=""), 401),
        "signature beyond ASCII": (headers(X_Slack_Signature="v0=é"), 401),
        "no timestamp": (headers(X_Slack_Request_Timestamp=None), 401),
        "timestamp of letters": (sign(slack.signing_secret, good.body, FORM, "yesterday"), 401),
        "negative timestamp": (sign(slack.signing_secret, good.body, FORM, "-5"), 401),
        "endless timestamp": (sign(slack.signing_secret, good.body, FORM, "9" * 5000), 401),
        "timestamp of other digits": (
            sign(slack.signing_secret, good.body, FORM, now).__class__(
                good.body, {**good.headers, "X-Slack-Request-Timestamp": "1²"}
            ),
            401,
        ),
        "stale": (sign(slack.signing_secret, good.body, FORM, str(int(now) - 301)), 401),
        "from the future": (sign(slack.signing_secret, good.body, FORM, str(int(now) + 301)), 401),
        "empty": (signed(b""), 400),
        "not JSON": (signed(b"{oops"), 400),
        "not UTF-8": (signed(b"\xff\xfe{}"), 400),
        "null": (signed(b"null"), 400),
        "array": (signed(b"[1]"), 400),
        "scalar": (signed(b"12"), 400),
        "deep": (signed(b'{"a":' * 100_000), 400),
        "no kind": (signed(b'{"a": 1}'), 400),
        "kind of another type": (signed(b'{"type": 7}'), 400),
        "event is text": (signed(json.dumps({**happened, "event": "x"}).encode()), 400),
        "event is null": (signed(json.dumps({**happened, "event": None}).encode()), 400),
        "user is a number": (signed(json.dumps({**happened, "event": {**event, "user": 7}}).encode()), 400),
        "no event id": (signed(json.dumps({"type": "event_callback", "event": event}).encode()), 400),
        "team is a list": (signed(json.dumps({**happened, "team_id": [], "event": event}).encode()), 400),
        "payload is no JSON": (signed(urlencode({"payload": "{oops"}).encode(), FORM), 400),
        "payload is an array": (payload([]), 400),
        "actions missing": (payload({"type": "block_actions", "user": {"id": "U1"}}), 400),
        "actions of text": (payload({**press, "actions": "x"}), 400),
        "user missing": (payload({**press, "user": None}), 400),
        "value is a number": (payload({**press, "actions": [{"action_id": "relance:1", "value": 3}]}), 400),
        "command without a user": (signed(urlencode({"command": "/relance", "text": "x"}).encode(), FORM), 400),
        "too large": (signed(b'{"a": "' + b"x" * 1_000_001 + b'"}'), 413),
        "somebody else's button": (payload({**press, "actions": [{"action_id": "other"}], "trigger_id": "t"}), 200),
        "another event": (signed(json.dumps({**happened, "event": {"type": "tea_ready"}}).encode()), 200),
        **malformed_forms(payload),
        "a form that we do not know": (payload({"type": "view_submission", "user": {"id": "U1"}, "view": {}}), 200),
    }


async def test_forged_stale_and_malformed_requests_get_the_right_answer(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    user = slack.user("U1")
    wrong = {}
    for name, (request, status) in hostile(slack).items():
        answer = await user.sends(request)
        if answer.status != status:
            wrong[name] = (answer.status, status)
        assert "Traceback" not in answer.text
    assert wrong == {}
    assert not slack.called("response_url")
    await user.says("/relance whoami")
    await user.hears("I do not know you yet")


async def test_the_url_is_verified(slack: SlackEmulator, slack_bot: SlackBot) -> None:
    body = json.dumps({"type": "url_verification", "token": "x", "challenge": "c4llenge"}).encode()
    answer = await slack.user("U1").sends(slack.signed(body))
    assert (answer.status, json.loads(answer.text)) == (200, {"challenge": "c4llenge"})


async def test_the_bots_own_messages_are_not_answered(slack: SlackEmulator, slack_bot: SlackBot) -> None:
    for request in (
        slack.user("U0BOT").event("message", "whoami", "DU0BOT", channel_type="im"),
        slack.user("U1").event("message", "whoami", "DU1", channel_type="im", bot_id="B0OTHER"),
        slack.user("U1").event("message", "whoami", "DU1", channel_type="im", subtype="message_changed"),
        slack.user("U1").event("message", "whoami", "C00000000", channel_type="channel"),
    ):
        assert (await slack.user("U1").sends(request)).status == 200
    await asyncio.sleep(0.2)
    assert not slack.called("chat.postMessage")


async def test_a_request_is_acknowledged_while_slack_itself_hangs(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    slack.fails("users.info", Fault("hang", 2))
    slack.fails("response_url", Fault("busy", 1))
    user = slack.user("U1")
    answer = await user.says("/relance whoami")
    assert answer.seconds < 2, "it waited for the hanging call"
    await user.hears("I do not know you yet", within=8)


async def test_what_was_acknowledged_is_answered_before_the_bot_stops(
    desk: Desk, slack: SlackEmulator, settings: Settings
) -> None:
    async with working(desk, settings) as bot:
        async with served(desk, bot) as slack.app_url:
            slack.fails("users.info", Fault("hang", 0.5))
            await slack.user("U1").says("/relance whoami")
        assert not slack.heard.get("U1")
    await slack.user("U1").hears("I do not know you yet", within=0.1)


async def test_what_a_killed_process_had_acknowledged_is_answered_by_another(
    desk: Desk, slack: SlackEmulator, settings: Settings
) -> None:
    async with working(desk, settings) as bot:
        async with served(desk, bot) as slack.app_url:
            slack.fails("users.info", Fault("hang", 30))
            await slack.user("U1").says("/relance whoami")
        await bot._tasks.finish(0)  # the process is killed
    desk.clock.advance(seconds=61)
    async with working(desk, settings):
        await slack.user("U1").hears("I do not know you yet")
    assert await Inbox(desk.store.redis, desk.store.seal, desk.clock, "slack").left(older_than=0) == []


@pytest.mark.parametrize("field", ["slack_bot_token", "slack_signing_secret"])
async def test_a_bot_that_is_not_set_up_is_off_and_stops_nothing(
    desk: Desk, slack: SlackEmulator, settings: Settings, field: str
) -> None:
    import msgspec

    inbox = Inbox(desk.store.redis, desk.store.seal, desk.clock, "slack")
    bot = SlackBot(desk.services, msgspec.structs.replace(settings, **{field: ()}), inbox=inbox, clock=desk.clock)
    await bot.start()
    missing = "RELANCE_SLACK_SIGNING_SECRET is not set, nor RELANCE_SLACK_APP_TOKEN"
    assert bot.state == ("off" if field == "slack_bot_token" else missing)
    assert (await bot.dispatch({}, b"{}"))[0] == 404
    await bot.stop()


async def test_a_wrong_token_is_told_and_tried_again(desk: Desk, slack: SlackEmulator, settings: Settings) -> None:
    slack.token = "xoxb-another"
    async with working(desk, settings, retry=0.05, until="invalid_auth") as bot:
        desk.bots["slack"] = bot
        status = render(await run(desk.services, ADMIN, "status"))
        assert "Relance runs" in status
        assert "invalid_auth" in status
        async with served(desk, bot) as url, aiohttp.ClientSession() as http:
            answer = await http.get(url.replace("/slack", "/ready"))
            assert (answer.status, (await answer.json())["bots"]) == (200, {"slack": "invalid_auth"})
        [slack.token] = settings.slack_bot_token
        await eventually(lambda: bot.state == "ok", "signed-in bot")


async def test_redis_out_of_reach_asks_slack_to_come_back(desk: Desk, slack: SlackEmulator, settings: Settings) -> None:
    from redis.asyncio import Redis

    nowhere = Redis.from_url("redis://127.0.0.1:1")
    inbox = Inbox(nowhere, desk.store.seal, desk.clock, "slack")
    async with working(desk, settings, inbox=inbox) as bot, served(desk, bot) as slack.app_url:
        assert (await slack.user("U1").sends(slack.user("U1").command("/relance whoami"))).status == 503
    await nowhere.aclose()


@asynccontextmanager
async def working(
    desk: Desk, settings: Settings, *, inbox: Inbox | None = None, retry: float = 60, until: str = "ok"
) -> AsyncIterator[SlackBot]:
    """A bot that has been started and has this state; it stops at the end."""
    inbox = inbox or Inbox(desk.store.redis, desk.store.seal, desk.clock, "slack")
    bot = SlackBot(desk.services, settings, inbox=inbox, clock=desk.clock, retry=retry)
    await bot.start()
    try:
        await eventually(lambda: bot.state == until, until)
        yield bot
    finally:
        await bot.stop()
