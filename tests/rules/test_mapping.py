"""Where waiting runs go on in a changed text."""

from __future__ import annotations

from textwrap import indent

import pytest

from rules.mapping import describe, map_places
from rules.rulebook import Scenario
from tests.rules.story import book

HEAD = """attribute plan: text
purpose letters: "Yes.", via email
list late: "Late"
scenario s for letters: on "Started"
"""


def scenario(steps: str) -> Scenario:
    return book(HEAD + indent(steps, "  ")).scenarios["s"]


def mapped(old: str, new: str) -> dict[tuple[int, ...], tuple[int, ...] | None]:
    return dict(map_places(scenario(old), scenario(new)))


THREE = """\
send email a
wait 7 days
send email b
wait 2 days
send email c"""


def test_a_text_that_means_the_same_moves_nothing() -> None:
    assert mapped(THREE, THREE + "  # a comment") == {(1,): (1,), (3,): (3,)}


@pytest.mark.parametrize("wait", ["wait 3 days", "wait 9 days", "wait until monday 09:00"])
def test_a_shortened_or_lengthened_wait_is_the_same_step(wait: str) -> None:
    assert mapped(THREE, THREE.replace("wait 7 days", wait)) == {(1,): (1,), (3,): (3,)}


def test_a_removed_wait_has_no_place() -> None:
    assert mapped(THREE, THREE.replace("wait 7 days\n", "")) == {(1,): None, (3,): (2,)}


def test_a_wait_removed_with_its_message_leaves_the_other_one() -> None:
    assert mapped(THREE, "send email a\nwait 2 days\nsend email c") == {(1,): None, (3,): (1,)}
    assert mapped(THREE, "send email a\nwait 7 days\nsend email b") == {(1,): (1,), (3,): None}


def test_new_steps_before_and_behind_move_the_place_along() -> None:
    before = "add to list late\nwait 1 hour\nsend email zero\n" + THREE
    assert mapped(THREE, before) == {(1,): (4,), (3,): (6,)}
    assert mapped(THREE, THREE + "\nwait 1 hour\nsend email d") == {(1,): (1,), (3,): (3,)}
    assert mapped(THREE, THREE.replace("wait 2 days", "add to list late\nwait 2 days")) == {(1,): (1,), (3,): (4,)}
    assert mapped(THREE, THREE.replace("wait 2 days", "wait 2 days\nadd to list late")) == {(1,): (1,), (3,): (3,)}


def test_a_step_between_two_waits_leaves_the_run_at_the_wait_that_is_written_alike() -> None:
    split = THREE.replace("wait 7 days", "wait 7 days\nsend email between\nwait 1 day")
    assert mapped(THREE, split) == {(1,): (1,), (3,): (5,)}
    split = THREE.replace("wait 7 days", "wait 1 day\nsend email between\nwait 7 days")
    assert mapped(THREE, split) == {(1,): (3,), (3,): (5,)}


def test_a_wait_between_other_messages_is_another_wait() -> None:
    assert mapped("send email a\nwait 1 day\nsend email b", "send email x\nwait 1 day\nsend email y") == {(1,): None}


def test_a_renamed_message_beside_a_wait_leaves_it_its_other_neighbour() -> None:
    assert mapped(THREE, THREE.replace("email b", "email beta")) == {(1,): (1,), (3,): (3,)}


def test_waits_in_a_row_stay_in_their_order() -> None:
    row = "send email a\nwait 1 day\nwait until 09:00\nsend email b"
    assert mapped(row, row.replace("1 day", "2 days")) == {(1,): (1,), (2,): (2,)}
    assert mapped(row, row.replace("wait 1 day\n", "")) == {(1,): None, (2,): (1,)}


def test_a_labelled_step_is_found_wherever_it_stands() -> None:
    old = "wait 1 day @first\nsend email a\nwait 1 day @second\nsend email b"
    new = "wait 1 day @second\nsend email b\nwait 1 day @first\nsend email a"
    assert mapped(old, new) == {(0,): (2,), (2,): (0,)}


def test_a_labelled_step_that_moved_into_an_if_is_found_there_and_one_without_label_is_gone() -> None:
    old = "send email a\nwait 7 days{}\nsend email b"
    new = 'send email a\nif contact.plan == "pro"\n  wait 7 days{}\n  send email b'
    assert mapped(old.format(" @long"), new.format(" @long")) == {(1,): (1, 0, 0)}
    assert mapped(old.format(""), new.format("")) == {(1,): None}


def test_a_renamed_label_is_matched_like_a_step_without_one() -> None:
    old = THREE.replace("wait 7 days", "wait 7 days @long")
    assert mapped(old, THREE.replace("wait 7 days", "wait 7 days @longer")) == {(1,): (1,), (3,): (3,)}
    assert mapped(old, THREE) == {(1,): (1,), (3,): (3,)}
    assert mapped(THREE, old) == {(1,): (1,), (3,): (3,)}


def test_a_label_that_stands_on_an_action_now_holds_nobody() -> None:
    assert mapped("wait 1 day @x\nsend email a", "wait 1 day\nsend email a @x") == {(0,): None}


def test_a_wait_for_is_known_by_its_event_or_by_its_neighbours() -> None:
    old = 'send email a\nwait for "Paid" up to 2 days\nsend email b'
    moved = 'send email x\nwait for "Paid" up to 1 day\nsend email y'
    renamed = old.replace('"Paid"', '"Order Paid"')
    assert mapped(old, moved) == {(1,): (1,)}
    assert mapped(old, renamed) == {(1,): (1,)}
    assert mapped(old, moved.replace('"Paid"', '"Order Paid"')) == {(1,): None}
    assert mapped(old, old.replace('wait for "Paid" up to 2 days', "wait 2 days")) == {(1,): None}


BRANCHES = """\
if contact.plan == "pro"
  send email pro
  wait 1 day
  send email pro_2
else if contact.plan == "free"{}
  send email free
  wait 1 day
  send email free_2
else
  wait 3 days
  send email other"""


def test_branches_are_matched_by_their_condition_in_order_and_else_with_else() -> None:
    more = 'if contact.plan == "trial"\n  send email trial\nelse ' + BRANCHES.format("")
    assert mapped(BRANCHES.format(""), more) == {(0, 0, 1): (0, 1, 1), (0, 1, 1): (0, 2, 1), (0, 2, 0): (0, 3, 0)}
    changed = BRANCHES.format("").replace('"pro"', '"enterprise"')
    assert mapped(BRANCHES.format(""), changed) == {(0, 0, 1): (0, 0, 1), (0, 1, 1): (0, 1, 1), (0, 2, 0): (0, 2, 0)}


def test_a_branch_with_a_label_is_found_by_it() -> None:
    new = """\
if contact.plan == "none" @free
  send email free
  wait 2 days
  send email free_2
else if contact.plan == "pro"
  send email pro
  wait 1 day
  send email pro_2
else
  send email other"""
    assert mapped(BRANCHES.format(" @free"), new) == {(0, 0, 1): (0, 1, 1), (0, 1, 1): (0, 0, 1), (0, 2, 0): None}


def test_an_if_among_others_is_the_one_with_the_same_conditions() -> None:
    first = 'if contact.plan == "a"\n  wait 1 day\n  send email a\n'
    second = 'if contact.plan == "b"\n  wait 1 day\n  send email b\n'
    assert mapped(first + second, second + "send email z") == {(0, 0, 0): None, (1, 0, 0): (0, 0, 0)}
    assert mapped(second, first + second) == {(0, 0, 0): (1, 0, 0)}


def test_branches_of_a_split_are_known_by_their_name() -> None:
    old = "split\n  50% plain\n    wait 1 day\n    send email p\n  50% playful\n    wait 1 day\n    send email f"
    new = (
        "split\n  20% playful\n    wait 2 days\n    send email f\n  40% bare\n    wait 1 day\n    send email p\n"
        "  40% plain\n    add to list late\n    wait 1 day\n    send email p"
    )
    assert mapped(old, new) == {(0, 0, 0): (0, 2, 1), (0, 1, 0): (0, 0, 0)}


def test_what_becomes_of_waiting_runs_is_told_as_it_is_written() -> None:
    old = scenario("send email a\nwait 7 days\nsend email b\nwait 2 days\nsend email c\nwait 1 hour\nsend email d")
    new = scenario("wait 5 days\nsend email c\nwait 1 hour\nsend email d")
    told = [(each.before, each.after, each.line, each.new_line) for each in describe(old, new)]
    assert told == [("wait 7 days", None, 6, 0), ("wait 2 days", "wait 5 days", 8, 5)]
    assert describe(new, new) == []
    assert describe(old, new, "fr")[0].before == "attendre 7 jours"


def test_a_long_text_is_mapped_as_well() -> None:
    steps = "\n".join(f"send email m{number}\nwait {number + 1} days" for number in range(120))
    found = mapped(steps, "send email first\n" + steps.replace("wait 50 days\n", ""))
    assert [place for place, to in found.items() if to is None] == [(99,)]
    assert found[(97,)] == (98,)
    assert found[(101,)] == (101,)


def test_a_very_long_text_that_is_changed_in_two_places_is_mapped_without_comparing_each_with_each() -> None:
    steps = "\n".join(f"send email m{number}\nwait {number + 1} days" for number in range(300))
    new = "send email first\n" + steps.replace("wait 50 days\n", "").replace("wait 250 days", "wait 1 day") + "\nstop"
    found = mapped(steps, new)
    assert [place for place, to in found.items() if to is None] == [(99,)]
    assert (found[(97,)], found[(101,)], found[(499,)], found[(599,)]) == ((98,), (101,), (499,), (599,))
