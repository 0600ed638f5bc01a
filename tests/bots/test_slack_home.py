"""App Home: a person's leads and tasks, made anew each time that it is opened."""

from __future__ import annotations

from bots.slack.app import SlackBot
from tests.bots.desk import Desk
from tests.emulators.http import eventually
from tests.emulators.slack import SlackEmulator


async def test_a_rep_finds_their_leads_and_tasks_at_home_and_acts_on_them_there(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    await desk.person("Ana", slack="U0ANA")
    ana = slack.user("U0ANA")
    home = await ana.opens_home()
    assert "There is nothing to be done." in home
    await desk.hot_lead()
    await ana.says("/relance task 42 call before noon")
    await ana.hears("call before noon", within=20)
    home = await ana.opens_home()
    assert "call before noon" in home
    before, heard = len(slack.views.homes["U0ANA"]), len(slack.heard["U0ANA"])
    label = next(
        element["text"]["text"]
        for block in slack.views.homes["U0ANA"][-1]["blocks"]
        for element in block.get("elements", ())
        if element.get("value", "").startswith("done")
    )
    assert (await ana.sends(ana.presses_at_home(label))).status == 200
    await eventually(lambda: len(slack.views.homes["U0ANA"]) > before, "another App Home", 20)
    assert len(slack.heard["U0ANA"]) > heard, "what came of it is told in private"


async def test_a_stranger_is_told_at_home_how_to_become_known_in_their_language(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    assert "I do not know you yet" in await slack.user("U0NEW").opens_home()
    assert "Je ne vous connais pas encore" in await slack.user("U0NOUV", locale="fr-FR").opens_home()


async def test_another_tab_of_the_app_asks_nothing(desk: Desk, slack: SlackEmulator, slack_bot: SlackBot) -> None:
    request = slack.user("U1").event("app_home_opened", "", "DU1", tab="messages")
    assert (await slack.user("U1").sends(request)).status == 200
    assert not slack.called("views.publish")
