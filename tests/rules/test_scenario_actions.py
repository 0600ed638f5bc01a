"""What runs do: messages, alerts, tasks, changes of the contact, conversions, other scenarios."""

from __future__ import annotations

from tests.rules.scenes import ends, messages, shop, timed
from tests.rules.story import DAY, HOUR, START


def test_a_run_changes_the_contact_and_sees_what_it_has_changed() -> None:
    story = shop("""
segment rich: contact.score >= 50
scenario one: on "A"
  add 50 points
  if in_segment("rich") and contact.score == 50
    set contact.country = entry.country
    add to list customers
  if contact.country == "BE" and in_list("customers")
    remove from list customers
    send email done
""")
    decision = story.happens("A", country="BE")
    assert messages(decision) == ["done"]
    assert story.contact.lists == {}
    assert (decision.lists_joined, decision.entered) == ([], ["rich"])
    assert [one.by for one in story.contact.adjustments] == ["scenario one"]


def test_what_is_asked_once_may_count_from_now() -> None:
    story = shop("""
score late: +1 on "A" when (now - contact.created).days >= 2
trigger trial: on "A"
  set contact.trial_ends = now + t"P14D"
scenario one: on "A"
  key now.date
  set contact.level = (contact.trial_ends - now).days
  wait 3 days
  if (now - entry.time).days == 3
    send email three
""")
    story.happens("A")
    assert story.contact.attributes == {"trial_ends": "2026-03-16T09:00:00+00:00", "level": 14}
    assert timed(story, 4 * DAY) == [("three", 72)]
    assert messages(story.happens("A")) == []
    assert story.score == 1


def test_what_a_run_changes_makes_other_rules_react() -> None:
    story = shop("""
trigger bought: on list customers
  send email bought
scenario bought: on list customers
  add 5 points
scenario one: on "A"
  add to list customers
  send email first
""")
    assert messages(story.happens("A")) == ["first", "bought"]
    assert story.score == 5


def test_a_conversion_is_an_event_that_rules_react_to() -> None:
    story = shop("""
score won: +7 on "Converted" when event.amount > 10
segment buyers: count("Converted", t"P7D", "name", "Cart") > 0
trigger told: on "Converted" when event.scenario == "one"
  alert sales "{{ event.name }} {{ event.amount }}"
scenario one: on "A"
  convert "Cart" amount entry.total * 2
  if count("Converted") == 1
    send email thanks
scenario two: on "B"
  convert "Cart" amount contact.level * 2
scenario three: on "Converted"
  wait 1 hour
  send email hour
""")
    decision = story.happens("A", total=10)
    assert messages(decision) == ["thanks"]
    assert story.score == 7
    assert story.segments == {"buyers"}
    assert [alert.text for alert in decision.alerts] == ["Converted 20"]
    assert story.contact.tail[-1].properties == {"name": "Cart", "scenario": "one", "amount": 20}
    assert timed(story, DAY) == [("hour", 1.0)]
    decision = story.happens("B")
    assert story.contact.tail[-1].properties == {"name": "Cart", "scenario": "two"}
    assert ("two", "scenario") in [(one.rule, one.statement) for one in decision.mishaps]


def test_alerts_and_tasks_of_a_run_speak_of_its_entry() -> None:
    story = shop("""
scenario one: on "A"
  wait 1 day
  alert sales "{{ contact.first_name }} {{ entry.sku }} {{ count('B', '2 days') }}"
  task sales "Call about {{ entry.sku }}"
  task sales "Write {{ last('A') }}"
""")
    story.learns(first_name="Zoé")
    story.happens("A", sku="x1")
    story.happens("B", START + HOUR)
    (decision,) = story.waits(DAY)
    assert [(alert.kind, alert.text) for alert in decision.alerts] == [
        ("alert", "Zoé x1 1"), ("task", "Call about x1"), ("task", "Write 2026-03-02 09:00"),
    ]  # fmt: skip
    assert "scenario one/sales" in story.contact.alerts
    assert {alert.trigger for alert in decision.alerts} == {"one"}


def test_counts_of_a_run_are_exact_however_long_the_history() -> None:
    story = shop("""
scenario one: on "A"
  wait 60 days
  if count("Page Viewed", t"P90D") == 120 and total("Page Viewed", "n", t"P90D") == 240
    task sales "{{ count('Page Viewed', '90 days') }} pages"
""")
    story.happens("A")
    for number in range(120):
        story.happens("Page Viewed", START + number * HOUR, n=2)
    decisions = story.waits(60 * DAY)
    assert [alert.text for decision in decisions for alert in decision.alerts] == ["120 pages"]


def test_a_message_knows_its_rule_its_step_its_purpose_and_how_long_it_is_valid() -> None:
    story = shop("""
purpose other: "Other?"
scenario one for news: on "A"
  wait 1 hour
  send email first valid 2 days @first
  send webhook second for other
trigger two: on "A"
  send sms third
""")
    story.consents("news")
    (third,) = story.happens("A", n=1).sends
    assert (third.statement, third.rule, third.purpose, third.event.properties) == ("trigger", "two", "", {"n": 1})
    (decision,) = story.waits(HOUR)
    first, second = decision.sends
    assert (first.channel, first.message, first.purpose, first.rule) == ("email", "first", "news", "one")
    assert (first.step, first.due, first.valid_until) == ("first", START + HOUR, START + HOUR + 2 * DAY)
    assert first.entry.properties == {"n": 1}
    assert first.run == second.run != ""
    assert (second.channel, second.purpose, second.valid_until) == ("webhook", "other", 0)
    assert second.step.isdigit()


def test_a_scenario_starts_and_stops_others() -> None:
    story = shop("""
scenario one: on "A"
  start scenario two
  start scenario three
  send email one
scenario two: on "Never" when event.n > 5
  key event.n
  wait 1 hour
  if entry.n == 1
    send email two
scenario three: on "Never"
  wait 30 minutes
  stop scenario two
  start scenario two
  send email three
""")
    assert messages(story.happens("A", n=1)) == ["one"]
    first, second = story.contact.runs
    assert (first.scenario, first.key, second.scenario) == ("two", "n1", "three")
    decisions = story.waits(DAY)
    assert [messages(decision) for decision in decisions] == [["three"]]
    assert ends(*decisions) == [("two", "scenario"), ("three", "finished")]


def test_a_trigger_starts_and_stops_scenarios_and_gives_tasks() -> None:
    story = shop("""
trigger go: on "A"
  start scenario one
  task sales "Call about {{ event.n }}"
trigger halt: on "B"
  stop scenario one
  convert "Halted"
scenario one: on "Never"
  wait 1 day
  send email a
""")
    decision = story.happens("A", n=3)
    assert [(alert.kind, alert.text, alert.trigger) for alert in decision.alerts] == [("task", "Call about 3", "go")]
    assert story.contact.runs[0].entry.properties == {"n": 3}
    assert ends(story.happens("B")) == [("one", "scenario")]
    assert story.contact.tail[-1].properties == {"name": "Halted", "trigger": "halt"}


def test_scenarios_that_start_each_other_are_stopped_and_told_of() -> None:
    story = shop("""
scenario one: on "A"
  again after 1 minute
  send email one
  start scenario two
scenario two: on "Never"
  again after 1 minute
  send email two
  start scenario one
""")
    decision = story.happens("A")
    assert messages(decision) == ["one", "two"]
    assert decision.loops == ["one"]


def test_a_scenario_may_start_itself_again_at_its_end() -> None:
    story = shop(
        'scenario one: on "A"\n  again after 7 days\n  send email weekly\n  wait 7 days\n  start scenario one\n'
    )
    story.happens("A")
    assert timed(story, 21 * DAY) == [("weekly", 168.0), ("weekly", 336.0), ("weekly", 504.0)]


def test_a_run_may_stop_its_own_scenario() -> None:
    story = shop('scenario one: on "A"\n  stop scenario one\n  send email never\n')
    decision = story.happens("A")
    assert (messages(decision), ends(decision)) == ([], [("one", "scenario")])


def test_what_runs_did_is_worked_out_alike_from_the_history() -> None:
    story = shop("""
score won: +7 on "Converted" when event.amount > 10
segment buyers: count("Converted", t"P7D", "name", "Cart") >= 2
scenario one: on "A"
  again after 1 minute
  convert "Cart" amount entry.total
  add 3 points
  add to list customers
""")
    for number in range(3):
        story.happens("A", START + number * HOUR, total=10 + number)
    state = (story.score, story.segments, story.contact.index, story.contact.hits, story.contact.lists)
    assert state[:2] == (23, {"buyers"})
    story.publishes(story.book.text + "# the same\n")
    assert (story.score, story.segments, story.contact.index, story.contact.hits, story.contact.lists) == state
