"""The Slack bot against a strict emulator, over real HTTP."""

from __future__ import annotations

from bots.slack.app import SlackBot
from tests.bots.desk import Desk
from tests.emulators.slack import SlackEmulator


async def test_a_rep_claims_a_lead_on_its_card(desk: Desk, slack: SlackEmulator, slack_bot: SlackBot) -> None:
    await desk.person("Ana", slack="U0ANA")
    ana = slack.user("U0ANA")
    await desk.hot_lead()
    await desk.deliver()
    card = await slack.channel("#hot-leads").expect_card("Léa")
    await ana.clicks(card, "Claim")
    await ana.hears("You have it")
    await desk.deliver()
    await card.expect("claimed by Ana")
    assert "Release" in card.buttons
    assert "0612345678" not in card.text
    assert len(slack.channel("#hot-leads").messages) == 1
