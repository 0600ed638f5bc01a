"""What a rep does with a lead, as a conversation: put it off, finish it, write something down, have one's peace."""

from __future__ import annotations

import asyncio

from bots.slack.app import SlackBot
from bots.telegram.app import TelegramBot
from server.model.actor import SYSTEM
from tests.bots.desk import BOOK, Desk
from tests.emulators.http import eventually
from tests.emulators.slack import SlackEmulator
from tests.emulators.telegram import TelegramEmulator
from tests.engines import publish


async def test_a_lead_is_put_off_and_finished_by_buttons_in_slack(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    await desk.person("Ana", slack="U0ANA")
    ana = slack.user("U0ANA")
    alert = await desk.hot_lead()
    await desk.deliver()
    card = await slack.channel("#hot-leads").expect_card("Léa")
    await ana.clicks(card, "Snooze")
    choice = await ana.hears("Until when?")
    await ana.clicks(choice, "4 hours")
    await choice.expect("Put off until Mon 2 Mar 13:")
    await desk.deliver()
    await card.expect("put off by Ana until Mon 2 Mar 13:")
    await ana.clicks(card, "Finish")
    choice = await ana.hears("What came of it?")
    await ana.clicks(choice, "Won")
    await choice.expect("Done: won")
    await desk.deliver()
    await card.expect("finished by Ana")
    assert list(card.buttons) == ["Why?"]
    assert (await desk.services.alerts.get(SYSTEM, alert.id)).outcome == "won"


async def test_why_a_lead_is_dismissed_is_asked_in_a_form_of_slack(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    await desk.person("Ana", slack="U0ANA")
    ana = slack.user("U0ANA")
    await desk.hot_lead()
    await desk.deliver()
    card = await slack.channel("#hot-leads").expect_card("Léa")
    await ana.clicks(card, "Dismiss")
    form = await ana.sees_form("Why is it dismissed?")
    assert "Léa" in form.text
    assert await ana.fills(form, "She is a competitor") == "clear"
    await ana.hears("Dismissed")
    await desk.deliver()
    await card.expect("dismissed by Ana")
    await card.expect("She is a competitor")
    await ana.clicks(card, "Why?")
    await ana.says("/relance note 42")
    form = await ana.sees_form("What is to be remembered?")
    assert await ana.fills(form, "Sells shoes herself") == "clear"
    await ana.says("/relance timeline 42")
    await ana.hears("Sells shoes herself")


async def test_a_time_that_is_none_is_asked_for_again(desk: Desk, slack: SlackEmulator, slack_bot: SlackBot) -> None:
    await desk.person("Ana", slack="U0ANA")
    ana = slack.user("U0ANA")
    alert = await desk.hot_lead()
    await ana.says(f"/relance snooze {alert.id} ?")
    form = await ana.sees_form("`3h`")
    assert await ana.fills(form, "some day") == "clear"
    await ana.hears("snooze ALERT 3h")
    await ana.says(f"/relance snooze {alert.id} ?")
    form = await ana.sees_form("`3h`")
    assert await ana.fills(form, "tomorrow 10:00") == "clear"
    await ana.hears("Put off until Tue 3 Mar 10:00")


async def test_tomorrow_at_nine_is_nine_where_the_person_is(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    await desk.person("Ana", slack="U0ANA")
    ana = slack.user("U0ANA", zone="America/New_York")
    alert = await desk.hot_lead()
    await ana.says(f"/relance snooze {alert.id} tomorrow 9:00")
    await ana.hears("Put off until Tue 3 Mar 09:00")
    snoozed = await desk.services.alerts.get(SYSTEM, alert.id)
    assert snoozed.until == desk.clock.now() - desk.clock.now() % 3_600_000 + 29 * 3_600_000  # 14:00 UTC
    await ana.says("/relance task 42")
    assert await ana.fills(await ana.sees_form("What is to be done?"), "Call by today 18:00") == "clear"
    await ana.hears("Due Mon 2 Mar 18:00")


async def test_a_lead_is_put_off_and_dismissed_by_buttons_in_telegram(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    await desk.person("Ben", telegram=43)
    ben, group = telegram.user(43, language="fr"), telegram.chats[-1001]
    await desk.hot_lead()
    await desk.deliver()
    card = await group.expect_card("Léa")
    await ben.clicks(card, "Snooze")
    choice = await group.expect("Jusqu'à quand ?")
    await ben.clicks(choice, "1 heure")
    await choice.expect("Reporté au lun. 2 mars 10:")
    await ben.clicks(card, "Dismiss")
    question = await group.expect("Pourquoi l'écarter ?")
    await ben.answers(question, "Un concurrent")
    await group.expect("Écarté")
    await desk.deliver()
    await card.expect("dismissed by Ben")
    await card.expect("Un concurrent")


async def test_a_lead_that_nobody_takes_in_time_is_shown_to_another_team_which_sees_since_when_it_waits(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    bosses = slack.add_channel("#bosses")
    alert = 'alert sales "{{ contact.first_name }} has {{ contact.score }} points"'
    within = f"{alert}, claim within 30 minutes else alert managers"
    book = BOOK.replace(alert, within) + 'team managers: slack "#bosses"\n'
    await publish(desk.store, book + 'attribute company: text, "Company"\n')
    while (figures := (await desk.services.status.snapshot()).figures) is None or figures.recomputing:
        await asyncio.sleep(0.01)
    await desk.person("Ana", slack="U0ANA")
    await desk.visits("42", "Product Added", first_name="Léa", company="Chaussures & co", country="FR")
    [lead] = (await desk.services.alerts.listing(SYSTEM)).alerts
    await desk.deliver()
    card = await slack.channel("#hot-leads").expect_card("Léa has 35 points")
    for words in ("by Mon 2 Mar 09:30, else it goes to managers", "Léa · Chaussures & co", "+30 in 24 hours"):
        assert words in card.text
    assert bosses.cards() == []
    desk.clock.advance(minutes=30)
    while not (await desk.services.alerts.get(SYSTEM, lead.id)).also:  # the engine does it
        await asyncio.sleep(0.01)
    await desk.deliver()
    theirs = await bosses.expect_card("Léa has 35 points")
    await theirs.expect("managers too: open since Mon 2 Mar 09:00")
    await card.expect("managers too: open since Mon 2 Mar 09:00")
    await slack.user("U0ANA").clicks(theirs, "Claim")
    await slack.user("U0ANA").hears("You have it")
    await desk.deliver()
    await card.expect("claimed by Ana")
    await theirs.expect("claimed by Ana")


async def test_a_rule_is_muted_in_the_channel_where_its_cards_are(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    await desk.person("Ana", slack="U0ANA")
    ana, channel = slack.user("U0ANA"), slack.channel("#hot-leads")
    await ana.says("/relance mute hot_lead 2h")
    await ana.hears("No team's cards come here")
    await ana.says("/relance mute hot_lead 2h", channel)
    await ana.hears("No new cards of hot_lead here until")
    await desk.hot_lead()
    await desk.deliver()
    assert channel.cards() == []
    await ana.mentions("mute hot_lead off", channel)
    await eventually(lambda: any("appear here again" in m.text for m in channel.messages), "answer to the mention")
    await desk.hot_lead("43", "Zoé")
    await desk.deliver()
    await channel.expect_card("Zoé")


async def test_a_digest_is_a_card_whose_contacts_can_be_put_on_ones_list(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    digest = 'digest calls: every tuesday at 09:00 top 20 of hot by contact.score\n  alert sales "Call these first"\n'
    await publish(desk.store, BOOK + digest)
    await desk.person("Ana", slack="U0ANA")
    for number in range(14):
        await desk.visits(
            f"v{number}", "Product Added", first_name=f"Visitor{number}", country="FR" if number else "US"
        )
    desk.services.rulebooks.look_again()
    desk.clock.advance(days=1)
    await desk.services.digests.run()
    for _ in range(6):  # fifteen cards, at the pace of Slack and of a group in Telegram
        await desk.deliver()
    ana, channel, group = slack.user("U0ANA"), slack.channel("#hot-leads"), telegram.chats[-1001]
    card = await channel.expect_card("Call these first")
    assert "1. Visitor" in card.text
    assert "14. Visitor0 · 30" in card.text
    in_telegram = await group.expect("Call these first")
    assert "14. Visitor0 · 30" in in_telegram.text
    assert in_telegram.buttons["2. Task"].startswith("task ")
    assert "2. Visitor" in in_telegram.text
    assert "1. 1." not in in_telegram.text
    await ana.clicks(card, "Task")
    form = await ana.sees_form("What is to be done?")
    assert await ana.fills(form, "Call her by tomorrow 9:00") == "clear"
    await ana.hears("On your list: Call her")
    await ana.says("/relance tasks")
    await ana.hears("due Wed 4 Mar 09:00")


async def test_who_has_a_task_or_put_a_lead_off_is_reminded_in_private_once(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    await desk.person("Ana", slack="U0ANA")
    await desk.person("Ben", telegram=43)
    ana, ben, reminders = slack.user("U0ANA"), telegram.user(43), desk.services.reminders
    alert = await desk.hot_lead()
    await ana.says("/relance task 42 Send the offer by tomorrow 9:00")
    await ana.hears("On your list")
    await ben.says(f"/snooze {alert.id} 3h")
    await ben.hears("Put off until")
    assert await reminders.run() == 0
    desk.clock.advance(hours=3, seconds=1)
    await eventually_claimed(desk, alert.id)
    assert await reminders.run() == 1
    await ben.hears("Back: Léa has 35 points")
    desk.clock.set(desk.clock.now() + 24 * 3_600_000)
    assert await reminders.run() == 1
    reminder = await ana.hears("Due: Send the offer")
    await ana.clicks(reminder, "Finish")
    await ana.clicks(await ana.hears("What came of it?"), "Just done")
    await eventually(lambda: any("Done" in message.text for message in slack.heard["U0ANA"]), "the task to be done")
    assert await reminders.run() == 0


async def eventually_claimed(desk: Desk, alert_id: str) -> None:
    """Wait until the engine has woken a lead that was put off."""
    while (await desk.services.alerts.get(SYSTEM, alert_id)).status != "claimed":
        await asyncio.sleep(0.01)


async def test_tasks_stand_among_tasks_and_not_among_leads(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    await desk.person("Ana", slack="U0ANA")
    ana = slack.user("U0ANA")
    alert = await desk.hot_lead()
    await ana.says(f"/relance claim {alert.id}")
    await ana.hears("You have it")
    await ana.says("/relance task 42 Send the offer")
    await ana.hears("On your list: Send the offer")
    await ana.says("/relance leads mine")
    mine = await ana.hears("Your leads")
    assert "Léa has 35 points" in mine.text
    assert "Send the offer" not in mine.text
    await ana.says("/relance tasks")
    tasks = await ana.hears("*Send the offer*")
    assert "Léa has 35 points" not in tasks.text


async def test_keys_under_a_list_in_telegram_say_which_lead_they_are_of(
    desk: Desk, telegram: TelegramEmulator, telegram_bot: TelegramBot
) -> None:
    await desk.person("Ben", telegram=43)
    ben = telegram.user(43)
    await desk.hot_lead("42", "Léa")
    one = await desk.hot_lead("43", "Zoé")
    await ben.says("/leads")
    leads = await ben.hears("Leads")
    place = next(line for line in leads.text.splitlines() if "Zoé · 35" in line).split(".")[0]
    await ben.clicks(leads, f"{place}. Claim")
    await ben.sees("You have it")
    assert (await desk.services.alerts.get(SYSTEM, one.id)).owner_name == "Ben"
    await ben.says("/leads mine")
    mine = await ben.hears("Your leads")
    assert list(mine.buttons) == ["Finish", "Why?"]  # of one lead it is clear


async def test_a_full_hour_is_told_in_one_card_which_leads_to_the_rest(
    desk: Desk, slack: SlackEmulator, slack_bot: SlackBot
) -> None:
    await desk.person("Ana", slack="U0ANA")
    desk.services.holding.budget = 2
    for number in range(4):
        await desk.visits(f"v{number}", "Product Added", first_name=f"Visitor{number}")
    await desk.deliver()
    ana, channel = slack.user("U0ANA"), slack.channel("#hot-leads")
    assert len(channel.cards()) == 2
    desk.clock.advance(hours=1)
    await desk.deliver()
    card = await channel.expect_card("2 more alerts, not shown here")
    assert "09:00 – 10:00" in card.text
    await ana.clicks(card, "Open leads")
    heard = await ana.hears("Open leads")
    assert all(f"Visitor{number}" in heard.text for number in range(4))
    assert heard.text.count("held back") == 2
