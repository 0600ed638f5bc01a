"""What `relance doctor` says of Slack: whose each token is, and which of them does not work."""

from __future__ import annotations

import pytest

from rules import parse_rulebook
from server.settings import Settings, load_settings
from server.slack_doctor import elsewhere, examine_slack
from tests.emulators.slack import SlackApp, SlackEmulator


def told_of(slack: SlackEmulator, **given: str) -> Settings:
    known = {"RELANCE_SLACK_API_URL": slack.api_url, "RELANCE_PUBLIC_URL": "https://relance.example.com"}
    return load_settings(known | {f"RELANCE_SLACK_{name.upper()}": value for name, value in given.items()})


async def test_each_workspace_is_named_and_a_broken_token_by_its_place() -> None:
    with SlackEmulator() as slack:
        shop = slack.another("T0SHOP", "shop")
        settings = told_of(slack, bot_token=f"{slack.token}, xoxb-old, {shop.token}", signing_secret="s")
        findings, workspaces = await examine_slack(settings)
    assert [(one.verdict, one.text) for one in findings] == [
        ("good", "relance (T0RELANCE): the token works; its requests go to https://relance.example.com/slack"),
        ("wrong", "token 2: invalid_auth: is RELANCE_SLACK_BOT_TOKEN the bot token (xoxb-…)?"),
        ("good", "shop (T0SHOP): the token works; its requests go to https://relance.example.com/slack"),
    ]
    assert workspaces == {"T0RELANCE", "T0SHOP"}


@pytest.mark.parametrize(
    ("tokens", "wrong"),
    [
        ("xapp-emulated,xapp-shop", []),
        ("xapp-emulated,xapp-old", ["RELANCE_SLACK_APP_TOKEN (its value 2)"]),
        ("xapp-old", ["RELANCE_SLACK_APP_TOKEN"]),
    ],
)
async def test_each_app_token_is_tried(tokens: str, wrong: list[str]) -> None:
    with SlackEmulator() as slack:
        shop = slack.another("T0SHOP", "shop", app=SlackApp("s", "xapp-shop"))
        settings = told_of(slack, bot_token=f"{slack.token},{shop.token}", app_token=tokens)
        findings, _ = await examine_slack(settings)
    assert all("Slack is reached by Socket Mode" in one.text for one in findings[:2])
    expected = [f"slack: invalid_auth: does {which} have connections:write?" for which in wrong]
    assert [one.text for one in findings[2:]] == expected


async def test_what_is_not_set_is_said() -> None:
    with SlackEmulator() as slack:
        [off] = (await examine_slack(told_of(slack)))[0]
        [unsigned] = (await examine_slack(told_of(slack, bot_token=slack.token)))[0]
    assert (off.verdict, unsigned.verdict) == ("note", "wrong")
    assert "RELANCE_SLACK_SIGNING_SECRET" in unsigned.text
    assert not slack.calls


def test_a_team_whose_workspace_has_no_token_is_found() -> None:
    text = 'team sales: slack "#a", slack "T0SHOP/#a", slack "T0GONE/C0123", telegram "@gone"\n'
    [found] = elsewhere(parse_rulebook(text), frozenset({"T0RELANCE", "T0SHOP"}))
    assert (found.subject, found.verdict) == ("team sales", "wrong")
    assert found.text == "T0GONE/C0123: no token that works is of the workspace T0GONE"
