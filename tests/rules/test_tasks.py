"""Tasks, notes, and alerts that nobody claims in time."""

from __future__ import annotations

from rules.contact import Alert
from rules.decision import Decision
from rules.entry import AlertActed, NoteAdded, TaskAdded
from tests.rules.scenes import HEAD, joined, shop
from tests.rules.story import DAY, HOUR, MINUTE, START, Story, book

HOT = """
trigger hot: on "A"
  alert sales "Hot", claim within 30 minutes else alert managers
"""


def act(story: Story, alert: Alert, what: str, **more: object) -> Decision:
    return story.apply(
        AlertActed(time=story.now, alert=alert.id, act=what, by="u1", by_name="Zoé", **more)  # type: ignore[arg-type]
    )


def test_an_alert_that_nobody_claims_reaches_the_other_team() -> None:
    story = shop(HOT)
    (alert,) = story.happens("A").alerts
    assert (alert.escalates, alert.otherwise) == (START + 30 * MINUTE, "managers")
    (decision,) = story.waits(DAY)
    (told,) = decision.alerts
    assert (told.also, told.escalates, told.revision, told.updated) == (["managers"], 0, 2, START + 30 * MINUTE)


def test_an_alert_that_somebody_claims_in_time_does_not() -> None:
    story = shop(HOT)
    (alert,) = story.happens("A").alerts
    story.waits(10 * MINUTE)
    (claimed,) = act(story, alert, "claim").alerts
    assert claimed.claimed == START + 10 * MINUTE
    assert [decision.alerts for decision in story.waits(DAY)] == [[]]


def test_an_alert_that_is_given_back_in_time_reaches_the_other_team_all_the_same() -> None:
    story = shop(HOT)
    (alert,) = story.happens("A").alerts
    act(story, alert, "claim")
    story.waits(10 * MINUTE)
    act(story, alert, "release")
    (decision,) = story.waits(DAY)
    assert decision.alerts[0].also == ["managers"]
    assert decision.alerts[0].claimed == START


def test_scenarios_escalate_too() -> None:
    story = shop(
        'scenario slow: on "A"\n  wait 1 hour\n  alert sales "Slow", claim within 1 hour else alert managers\n'
    )
    story.happens("A")
    first, second = story.waits(DAY)
    assert (first.alerts[0].also, second.alerts[0].also) == ([], ["managers"])
    assert second.alerts[0].updated == START + 2 * HOUR


def test_each_task_is_one_of_its_own() -> None:
    story = shop('trigger call: on "A"\n  task sales "Call {{ event.n }}"\n')
    for number in (1, 2):
        story.happens("A", n=number)
    tasks = list(story.contact.alerts.values())
    assert [(task.kind, task.text, task.count) for task in tasks] == [("task", "Call 1", 1), ("task", "Call 2", 1)]
    act(story, tasks[0], "done", outcome="won")
    assert [task.status for task in story.contact.alerts.values()] == ["done", "open"]
    act(story, tasks[1], "snooze", until=story.now + HOUR)
    (decision,) = story.waits(HOUR)
    assert [(task.text, task.status) for task in decision.alerts] == [("Call 2", "claimed")]


def test_somebody_writes_a_task_for_a_team_or_for_himself() -> None:
    story = shop("")
    story.happens("A")
    (team,) = story.apply(TaskAdded(time=story.now, text="Call back", team="sales", by="u1", due=START + DAY)).alerts
    assert (team.kind, team.status, team.team, team.due, team.trigger) == ("task", "open", "sales", START + DAY, "")
    (own,) = story.apply(TaskAdded(time=story.now, text="Mine", by="u1", owner="u1", owner_name="Zoé")).alerts
    assert (own.status, own.owner, own.owner_name, own.claimed) == ("claimed", "u1", "Zoé", START)
    assert len(story.contact.alerts) == 2


def test_a_note_is_kept_in_the_history_and_is_no_event_of_a_rule() -> None:
    story = shop("""
score noted: +5 on "Note Added"
segment noted: count("Note Added") > 0
trigger noted: on "Note Added"
  send email x
scenario noted: on "Note Added"
  send email x
""")
    story.happens("A")
    decision = story.apply(NoteAdded(time=story.now, text="Likes blue", by="u1", by_name="Zoé"))
    assert (decision.sends, story.score) == ([], 0)
    assert story.contact.tail[-1].name == "Note Added"
    assert story.contact.tail[-1].properties == {"text": "Likes blue", "by": "u1", "by_name": "Zoé"}
    assert story.happens("Note Added").sends == []
    before = (story.segments, story.contact.index, story.contact.hits)
    story.book = book(story.book.text, 2)
    story.recomputed()
    assert (story.segments, story.contact.index, story.contact.hits) == before


def test_tasks_of_two_contacts_who_are_one_stay_two() -> None:
    text = 'trigger call: on "A"\n  task sales "Call"\n'
    one, other = shop(text), Story(book(HEAD + text), id="c2")
    one.happens("A")
    other.happens("A")
    joined(one, other)
    assert len(one.contact.alerts) == 2
