"""What `relance doctor` finds of Slack: whose each token is, and whether it works."""

from __future__ import annotations

import asyncio

from rules.rulebook import Rulebook
from server.finding import Finding
from server.settings import Settings

__all__ = ["elsewhere", "examine_slack"]

_OFF = "off: `relance slack manifest --socket` makes an app, and tells how to turn it on"
_UNSIGNED = "neither RELANCE_SLACK_SIGNING_SECRET (on the app's Basic Information) nor RELANCE_SLACK_APP_TOKEN is set"


async def examine_slack(settings: Settings) -> tuple[list[Finding], frozenset[str]]:
    """Whether each bot token works, and each app token, asked of Slack; and the ids of the workspaces that work."""
    from bots.slack.workspaces import Workspaces

    if not settings.slack_bot_token:
        return [Finding("Slack", "note", _OFF)], frozenset()
    if not (settings.slack_signing_secret or settings.slack_app_token):
        return [Finding("Slack", "wrong", _UNSIGNED)], frozenset()
    workspaces = Workspaces(settings.slack_bot_token, settings.slack_api_url)
    try:
        await workspaces.sign_in()
    finally:
        await workspaces.close()
    refused = await _refused(settings)
    way = f"its requests go to {settings.url}/slack"
    if settings.slack_app_token:
        way = "Slack is reached by Socket Mode"
    findings = []
    for one in workspaces.all:
        if (state := workspaces.state(one)) == "ok":
            findings.append(Finding("Slack", "good", f"{one.name}: the token works; {way}"))
        else:
            text = f"{one.name}: {state}: is RELANCE_SLACK_BOT_TOKEN the bot token (xoxb-…)?"
            findings.append(Finding("Slack", "wrong", text))
    return findings + refused, frozenset(one.team for one in workspaces.all if one.state == "ok")


def elsewhere(book: Rulebook, known: frozenset[str]) -> list[Finding]:
    """The teams whose cards are to go to a workspace of which no token works; `known` are those that do."""
    findings = []
    for team in book.teams.values():
        for target in team.targets:
            workspace, slash, _ = target.address.partition("/")
            if target.platform == "slack" and slash and workspace[:1] in ("T", "E") and workspace not in known:
                text = f"{target.address}: no token that works is of the workspace {workspace}"
                findings.append(Finding(f"team {team.name}", "wrong", text))
    return findings


async def _refused(settings: Settings) -> list[Finding]:
    """The app tokens for which no connection would be given."""
    from bots.slack.client import SlackClient
    from server.ports import ChannelError

    async def reason(token: str) -> str:
        client = SlackClient(token, settings.slack_api_url)
        try:
            await client.call("apps.connections.open")
        except ChannelError as problem:
            return problem.reason
        finally:
            await client.close()
        return ""

    tokens = tuple(dict.fromkeys(settings.slack_app_token))
    reasons = await asyncio.gather(*(reason(token) for token in tokens))
    return [
        Finding(
            "Slack", "wrong", f"{why}: does RELANCE_SLACK_APP_TOKEN{_which(number, tokens)} have connections:write?"
        )
        for number, why in enumerate(reasons, start=1)
        if why
    ]


def _which(number: int, tokens: tuple[str, ...]) -> str:
    return f" (its value {number})" if len(tokens) > 1 else ""
