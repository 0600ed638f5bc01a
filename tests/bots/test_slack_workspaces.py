"""Several Slack workspaces served by one installation: each answers its own people, and nobody else's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import aiohttp
import pytest
from msgspec.structs import replace

from bots.commands import run
from bots.slack.app import SlackBot
from bots.terminal.render import render
from server.model.actor import SYSTEM, Role
from server.settings import Settings
from server.store.inbox import Inbox
from tests.bots.conftest import served
from tests.bots.desk import BOOK, Desk
from tests.emulators.http import Fault, eventually
from tests.emulators.slack import SlackApp, SlackEmulator, Workspace
from tests.emulators.slack_people import Message, Signed, User
from tests.engines import publish

SHOP = "T0SHOP"
BOTH = BOOK.replace('telegram "-1001"', f'slack "{SHOP}/#hot-leads"')


@pytest.fixture
def shop(slack: SlackEmulator) -> Workspace:
    """A second workspace, in which the bot is installed as the same app."""
    added = slack.another(SHOP, "shop")
    added.add_channel("#general")
    added.add_channel("#hot-leads")
    return added


@pytest.fixture
def two(settings: Settings, shop: Workspace) -> Settings:
    return replace(settings, slack_bot_token=(*settings.slack_bot_token, shop.token))


@pytest.fixture
async def bot(desk: Desk, two: Settings, slack: SlackEmulator) -> AsyncIterator[SlackBot]:
    """The bot in both workspaces, signed in, behind a real HTTP server."""
    async with working(desk, two) as bot, served(desk, bot) as slack.app_url:
        yield bot


@asynccontextmanager
async def working(desk: Desk, settings: Settings, *, until: str = "ok") -> AsyncIterator[SlackBot]:
    """A bot that has been started and has this state; it stops at the end."""
    bot = bot_on(desk, settings)
    await bot.start()
    try:
        await eventually(lambda: bot.state == until, lambda: f"{until!r}, but {bot.state!r}")
        desk.channels["slack"] = bot
        desk.bots["slack"] = bot
        yield bot
    finally:
        await bot.stop()


def bot_on(desk: Desk, settings: Settings) -> SlackBot:
    inbox = Inbox(desk.store.redis, desk.store.seal, desk.clock, "slack")
    return SlackBot(desk.services, settings, inbox=inbox, clock=desk.clock, retry=0.1, patience=15)


async def zoe(desk: Desk, shop: Workspace, role: Role = "rep") -> User:
    """Somebody of the shop's workspace whom we know; there is nobody else of her id whom we know."""
    await desk.services.people.add("Zoé", role, slack=f"{SHOP}/U0SAME")
    return shop.user("U0SAME")


async def follows(desk: Desk, text: str) -> None:
    """Publish a rulebook, and wait until the engine goes by it."""
    await publish(desk.store, text)
    while (figures := (await desk.services.status.snapshot()).figures) is None or figures.recomputing:
        await asyncio.sleep(0.01)


# --- cards --------------------------------------------------------------------------------------------------------


async def test_a_lead_is_shown_in_both_workspaces_and_claimed_in_one(
    desk: Desk, slack: SlackEmulator, shop: Workspace, bot: SlackBot
) -> None:
    await follows(desk, BOTH)
    her = await zoe(desk, shop)
    await desk.hot_lead()
    await desk.deliver()
    here = await slack.channel("#hot-leads").expect_card("Léa")
    there = await shop.channel("#hot-leads").expect_card("Léa")
    await her.clicks(there, "Claim")
    await her.hears("You have it")
    await desk.deliver()
    for card in (here, there):
        await card.expect("claimed by Zoé")
    assert [len(each.channel("#hot-leads").messages) for each in (slack, shop)] == [1, 1]
    assert not slack.heard, "nothing was said in the other workspace"


async def test_a_channel_of_this_name_in_another_workspace_gets_no_card(
    desk: Desk, slack: SlackEmulator, shop: Workspace, bot: SlackBot
) -> None:
    await follows(desk, BOOK.replace('slack "#hot-leads", telegram "-1001"', f'slack "{SHOP}/#hot-leads"'))
    await desk.hot_lead()
    await desk.deliver()
    await shop.channel("#hot-leads").expect_card("Léa")
    assert not slack.channel("#hot-leads").messages


async def test_a_card_whose_answer_was_lost_is_found_again_in_its_workspace(
    desk: Desk, slack: SlackEmulator, shop: Workspace, bot: SlackBot
) -> None:
    await follows(desk, BOOK.replace('slack "#hot-leads", telegram "-1001"', f'slack "{SHOP}/#hot-leads"'))
    await desk.hot_lead()
    slack.fails("chat.postMessage", Fault("drop"))
    await desk.deliver()
    card = await shop.channel("#hot-leads").expect_card("Léa")
    assert "repeated" not in card.text
    assert len(shop.channel("#hot-leads").messages) == 1


async def test_a_process_that_only_shows_cards_asks_whose_each_token_is(
    desk: Desk, slack: SlackEmulator, shop: Workspace, two: Settings
) -> None:
    await follows(desk, BOTH)
    await desk.hot_lead()
    courier = bot_on(desk, two)
    desk.channels["slack"] = courier
    slack.fails("auth.test", Fault("broken"), times=2)
    await desk.deliver()
    await slack.channel("#hot-leads").expect_card("Léa")
    assert not shop.channel("#hot-leads").messages, "nobody has told which token is the shop's"
    slack.heals()
    await eventually_delivered(desk, shop)
    assert "repeated" not in shop.channel("#hot-leads").messages[0].text
    await courier.stop()


async def eventually_delivered(desk: Desk, workspace: Workspace) -> None:
    for _ in range(200):
        if workspace.channel("#hot-leads").messages:
            return
        await desk.deliver()
    raise AssertionError("the card does not come")


async def test_a_workspace_of_which_there_is_no_token_is_told_and_stops_nothing_else(
    desk: Desk, slack: SlackEmulator, bot: SlackBot
) -> None:
    await follows(desk, BOOK.replace('telegram "-1001"', 'slack "T0GONE/#hot-leads"'))
    alert = await desk.hot_lead()
    await desk.deliver()
    await slack.channel("#hot-leads").expect_card("Léa")
    cards = await desk.services.deliveries.of_alert(SYSTEM, alert.id)
    reasons = {place.address: delivery.reason for place, delivery in cards.items()}
    assert reasons["T0GONE/#hot-leads"] == "slack: no token is of the workspace T0GONE"


# --- people -------------------------------------------------------------------------------------------------------


async def test_the_same_user_id_in_another_workspace_is_somebody_else(
    desk: Desk, slack: SlackEmulator, shop: Workspace, bot: SlackBot
) -> None:
    her, other = await zoe(desk, shop), slack.user("U0SAME")
    await other.says("/relance leads")
    await other.hears("I do not know you yet")
    await her.says("/relance whoami")
    await her.hears("You are Zoé")
    await other.mentions("leads", slack.channel("#hot-leads"))
    await eventually(lambda: slack.channel("#hot-leads").messages, "answer in the channel")
    assert "I do not know you yet" in slack.channel("#hot-leads").messages[0].text
    assert not shop.channel("#hot-leads").messages
    await other.writes("whoami")
    await eventually(lambda: len(slack.heard["U0SAME"]) == 2, "answer in private")
    assert len(shop.heard["U0SAME"]) == 1


async def test_a_code_links_the_account_of_the_workspace_where_it_is_sent(
    desk: Desk, slack: SlackEmulator, shop: Workspace, bot: SlackBot
) -> None:
    await desk.services.people.add("Nina", "rep")
    code = await desk.services.people.link_code("Nina")
    await shop.user("U0NINA").says(f"/relance link {code}")
    await shop.user("U0NINA").hears("Welcome, Nina")
    await slack.user("U0NINA").says("/relance whoami")
    await slack.user("U0NINA").hears("I do not know you yet")


async def test_a_guest_from_our_other_workspace_is_known_where_one_app_serves_both(
    desk: Desk, slack: SlackEmulator, shop: Workspace, bot: SlackBot
) -> None:
    """In a channel that two workspaces share, Slack says whose each person is."""
    await zoe(desk, shop)
    await desk.hot_lead()
    await desk.deliver()
    card = await slack.channel("#hot-leads").expect_card("Léa")
    guest = slack.user("U0SAME")
    answer = await guest.sends(of_team(guest.press(card, "Claim"), slack, SHOP))
    assert answer.status == 200
    await guest.hears("You have it")


async def test_languages_and_times_of_day_are_those_of_the_workspace(
    desk: Desk, slack: SlackEmulator, shop: Workspace, bot: SlackBot
) -> None:
    await zoe(desk, shop)
    await desk.person("Sam", slack="U0SAME")
    her, him = shop.user("U0SAME", locale="fr-FR", zone="Europe/Paris"), slack.user("U0SAME")
    shop.locales["U0SAME"], shop.zones["U0SAME"] = "fr-FR", "Asia/Tokyo"
    alert = await desk.hot_lead()
    await him.says("/relance whoami")
    await him.hears("You are Sam")
    await her.says("/relance whoami")
    await her.hears("Vous êtes Zoé")
    await her.says(f"/relance reporter {alert.id} demain 9:00")
    await her.hears("9:00")
    put_off = (await desk.services.alerts.get(SYSTEM, alert.id)).until
    assert put_off % (24 * 3_600_000) == 0, "nine in Tokyo is midnight UTC"


async def test_a_form_and_app_home_open_in_the_workspace_where_one_asks(
    desk: Desk, slack: SlackEmulator, shop: Workspace, bot: SlackBot
) -> None:
    her = await zoe(desk, shop, "approver")
    await her.says("/relance rules edit segment french")
    form = await her.sees_form("segment french")
    assert await her.fills(form, "segment french: contact.contry == 'FR'") == "errors"
    assert await her.fills(form, "segment french: contact.country == 'BE'") == "clear"
    await her.hears("segment french")
    await desk.hot_lead()
    await her.says("/relance task 42 call before noon")
    await her.hears("call before noon")
    assert "call before noon" in await her.opens_home()
    assert not slack.views.forms
    assert not slack.views.homes
    assert not slack.heard


async def test_what_somebody_is_to_hear_is_told_in_their_workspace(
    desk: Desk, slack: SlackEmulator, shop: Workspace, bot: SlackBot
) -> None:
    her = await zoe(desk, shop, "approver")
    await desk.person("Mia", "marketer", slack="U0MIA")
    mia = slack.user("U0MIA")
    slack.user("U0SAME")
    await mia.says("/relance rules new segment belgian: contact.country == 'BE'")
    await mia.hears("segment belgian")
    await mia.says("/relance rules submit")
    asked = await her.hears("belgian")
    await her.clicks(asked, "Approve")
    await mia.hears("has approved your rules")
    assert "U0SAME" not in slack.heard
    assert "U0MIA" not in shop.heard


async def test_a_rule_is_muted_in_the_channel_of_one_workspace_only(
    desk: Desk, slack: SlackEmulator, shop: Workspace, bot: SlackBot
) -> None:
    await follows(desk, BOTH)
    her = await zoe(desk, shop)
    await her.says("/relance mute hot_lead 2h", shop.channel("#general"))
    await her.hears("No team's cards come here")
    await her.says("/relance mute hot_lead 2h", shop.channel("#hot-leads"))
    await her.hears("No new cards of hot_lead here")
    await desk.hot_lead()
    await desk.deliver()
    await slack.channel("#hot-leads").expect_card("Léa")
    assert not shop.channel("#hot-leads").messages


async def test_a_private_channel_whose_name_slack_does_not_tell_can_be_muted_too(
    desk: Desk, slack: SlackEmulator, shop: Workspace, bot: SlackBot
) -> None:
    await follows(desk, BOTH)
    her = await zoe(desk, shop)
    asked = her.command("/relance mute hot_lead 2h", shop.channel("#hot-leads"))
    body = asked.body.replace(b"channel_name=hot-leads", b"channel_name=privategroup")
    assert (await her.sends(shop.signed(body, asked.headers["Content-Type"]))).status == 200
    await her.hears("No new cards of hot_lead here")


async def test_what_a_killed_process_had_acknowledged_is_answered_in_its_workspace(
    desk: Desk, slack: SlackEmulator, shop: Workspace, two: Settings
) -> None:
    her = await zoe(desk, shop)
    async with working(desk, two) as bot:
        async with served(desk, bot) as slack.app_url:
            slack.fails("users.info", Fault("hang", 3))
            await her.writes("whoami")
        await bot._tasks.finish(0)  # the process is killed
    desk.clock.advance(seconds=61)
    slack.fails("auth.test", Fault("broken"), times=2)  # whose a token is becomes known at the second look
    async with working(desk, two):
        await her.hears("You are Zoé")
    assert not slack.heard


# --- who may speak for whom ---------------------------------------------------------------------------------------


def of_team(request: Signed, workspace: Workspace, user_team: str) -> Signed:
    """The same request, from a person of another workspace, signed by the app of this one."""
    own = f"%22team_id%22%3A+%22{workspace.team}%22".encode()
    assert own in request.body
    body = request.body.replace(own, f"%22team_id%22%3A+%22{user_team}%22".encode())
    return workspace.signed(body, request.headers["Content-Type"])


async def test_who_can_sign_for_one_workspace_is_nobody_in_another(
    desk: Desk, slack: SlackEmulator, settings: Settings
) -> None:
    """An app of its own in each workspace, each with its own secret."""
    shop = slack.another(SHOP, "shop", app=SlackApp("the-secret-of-the-shop", "xapp-shop"))
    await desk.person("Ana", "admin", slack="U0ANA")
    her, ana = await zoe(desk, shop), slack.user("U0ANA")
    both = replace(
        settings, slack_bot_token=(slack.token, shop.token),
        slack_signing_secret=(slack.signing_secret, shop.signing_secret),
    )  # fmt: skip
    command = ana.command("/relance rules submit")
    event = ana.event("message", "rules submit", "DU0ANA", channel_type="im")
    async with working(desk, both) as bot, served(desk, bot) as url:
        slack.app_url = shop.app_url = url
        await ana.says("/relance whoami")
        await ana.hears("You are Ana")
        await her.says("/relance whoami")
        await her.hears("You are Zoé")
        forged = {
            "command": shop.signed(command.body, command.headers["Content-Type"]),
            "event": shop.signed(event.body),
            "a person of the other": of_team(shop.user("U0ANA").press(shop_message(shop), "Claim"), shop, slack.team),
            "a form": shop.signed(form_of(ana, slack), command.headers["Content-Type"]),
        }
        answers = {name: (await ana.sends(request)).status for name, request in forged.items()}
    assert answers == {"command": 404, "event": 404, "a person of the other": 401, "a form": 404}
    assert len(slack.heard["U0ANA"]) == 1, "none of them was worked"


def shop_message(shop: Workspace) -> Message:
    """A message of the shop with a button on it."""
    button = {
        "type": "button",
        "text": {"type": "plain_text", "text": "Claim"},
        "value": "claim a1",
        "action_id": "relance:0",
    }
    return Message(
        shop, shop.add_channel("#x"), shop.timestamp(), {"blocks": [{"type": "actions", "elements": [button]}]}
    )


def form_of(user: User, workspace: Workspace) -> bytes:
    """A form that somebody of a workspace would send back."""
    values = {"text:0": {"relance:text": {"type": "plain_text_input", "value": "segment x: 1 > 0"}}}
    view = {
        "id": "V1", "callback_id": "relance:form", "private_metadata": json.dumps({"place": {"what": "new"}}),
        "state": {"values": values},
    }  # fmt: skip
    payload = {
        "type": "view_submission", "user": {"id": user.id, "team_id": workspace.team}, "team": {"id": workspace.team},
        "view": view,
    }  # fmt: skip
    return urlencode({"payload": json.dumps(payload)}).encode()


async def test_a_workspace_that_is_none_of_ours_is_answered_by_nobody(
    desk: Desk, slack: SlackEmulator, bot: SlackBot
) -> None:
    stranger = slack.another("T0ELSE", "elsewhere").user("U1")  # the app was installed there, and nobody told us
    assert (await stranger.sends(stranger.command("/relance whoami"))).status == 404


async def test_requests_come_by_the_connection_of_each_app(
    desk: Desk, slack: SlackEmulator, settings: Settings
) -> None:
    shop = slack.another(SHOP, "shop", app=SlackApp("the-secret-of-the-shop", "xapp-shop"))
    her, ana = await zoe(desk, shop), slack.user("U0ANA")
    await desk.person("Ana", slack="U0ANA")
    both = replace(
        settings, slack_bot_token=(slack.token, shop.token), slack_signing_secret=(),
        slack_app_token=(slack.app.token, shop.app.token),
    )  # fmt: skip
    async with working(desk, both):
        assert [len(each.sockets) for each in (slack, shop)] == [1, 1]
        await ana.says("/relance whoami")
        await ana.hears("You are Ana")
        await her.says("/relance whoami")
        await her.hears("You are Zoé")
        status, _ = await shop.sockets.deliver(ana.command("/relance whoami"))
        assert status == 200, "acknowledged, so that Slack does not repeat it"
        await her.writes("whoami")
        await eventually(lambda: len(shop.heard["U0SAME"]) == 2, "second answer")
    assert len(slack.heard["U0ANA"]) == 1, "a connection of the shop speaks for nobody here"


# --- when a token does not work -----------------------------------------------------------------------------------


async def test_a_broken_token_is_told_by_its_workspace_and_stops_nothing_else(
    desk: Desk, slack: SlackEmulator, shop: Workspace, two: Settings
) -> None:
    ana, her = slack.user("U0ANA"), await zoe(desk, shop)
    await desk.person("Ana", slack="U0ANA")
    right, shop.token = shop.token, "xoxb-revoked"
    async with working(desk, two, until="token 2: invalid_auth") as bot, served(desk, bot) as slack.app_url:
        await ana.says("/relance whoami")
        await ana.hears("You are Ana")
        assert (await her.sends(her.command("/relance whoami"))).status == 404
        shop.token = right
        await eventually(lambda: bot.state == "ok", "both")
        shop.token = "xoxb-revoked"
        await eventually(lambda: bot.state == "shop (T0SHOP): invalid_auth", lambda: bot.state)
        await ana.says("/relance status")
        assert "shop (T0SHOP): invalid_auth" in (await ana.hears("Relance runs")).text
        assert "shop (T0SHOP): invalid_auth" in render(await run(desk.services, SYSTEM, "status"))
        async with aiohttp.ClientSession() as http:
            answer = await http.get(slack.app_url.replace("/slack", "/ready"))
            assert (answer.status, (await answer.json())["bots"]) == (200, {"slack": "shop (T0SHOP): invalid_auth"})
        await her.says("/relance whoami")
        await her.hears("You are Zoé")  # a response_url asks for no token


async def test_a_request_that_comes_before_its_workspace_is_known_is_to_come_again(
    desk: Desk, slack: SlackEmulator, shop: Workspace, two: Settings
) -> None:
    her = await zoe(desk, shop)
    slack.fails("auth.test", Fault("hang", 3), times=2)
    async with working(desk, two, until="starting") as bot, served(desk, bot) as slack.app_url:
        assert (await her.sends(her.command("/relance whoami"))).status == 503


async def test_two_tokens_of_one_workspace_are_told(
    desk: Desk, slack: SlackEmulator, two: Settings, shop: Workspace
) -> None:
    shop.team = slack.team
    async with working(desk, two, until="shop (T0RELANCE): token 2 is of this workspace as well as token 1"):
        pass


@pytest.mark.parametrize("state", ["xapp-right", "xapp-wrong"])
async def test_an_app_token_that_does_not_work_is_told_for_its_workspaces(
    desk: Desk, slack: SlackEmulator, settings: Settings, state: str
) -> None:
    shop = slack.another(SHOP, "shop", app=SlackApp("s", "xapp-right"))
    both = replace(
        settings, slack_bot_token=(slack.token, shop.token), slack_signing_secret=(),
        slack_app_token=(slack.app.token, state),
    )  # fmt: skip
    expected = "ok" if state == "xapp-right" else "shop (T0SHOP): invalid_auth"
    async with working(desk, both, until=expected):
        pass
