"""A rulebook's text as statements that are changed one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rules.editing import Change, Edited, add, changes, find, merge, pieces, remove, replace

BOOK = """\
# --- the data ---
attribute country: text   # ISO
list loyal: "Loyal"

# what counts
score cart: +10 on "Product Added"
score visit: +1 on "Page Viewed"

segment hot: contact.score >= 80
déclencheur chaud: sur entrée dans hot
  ajouter à la liste loyal

  # a comment in the body
  retirer de la liste loyal
limite messagerie: au plus 3 par jour
heures calmes: 21:00 à 08:00
"""


def test_statements_are_found_by_kind_and_name_in_both_languages_with_the_lines_they_stand_on() -> None:
    found = [(piece.kind, piece.name, piece.line, piece.end) for piece in pieces(BOOK)]
    assert found == [
        ("attribute", "country", 2, 2), ("list", "loyal", 3, 3), ("score", "cart", 6, 6), ("score", "visit", 7, 7),
        ("segment", "hot", 9, 9), ("trigger", "chaud", 10, 14), ("limit", "inbox", 15, 15), ("quiet hours", "", 16, 16),
    ]  # fmt: skip
    assert [piece.kind for piece in find(BOOK, "", "hot")] == ["segment"]


def test_statements_are_found_where_the_text_is_full_of_mistakes() -> None:
    text = 'segmnt a: 1\nsegment\nsegment b: ((\nscore b +1\nsegment b: 2 > 1\n  x\n"open\n'
    assert [(piece.kind, piece.name) for piece in pieces(text)] == [
        ("", ""), ("segment", ""), ("segment", "b"), ("score", "b"), ("segment", "b"), ("", ""),
    ]  # fmt: skip


def test_a_statement_is_replaced_and_all_else_stays_as_it_was() -> None:
    edited = replace(BOOK, find(BOOK, "trigger", "chaud")[0], "\ntrigger warm: on enter hot\n  add to list loyal\n")
    assert edited.text == BOOK.replace(
        find(BOOK, "", "chaud")[0].text, "trigger warm: on enter hot\n  add to list loyal"
    )
    assert (edited.first, edited.length) == (10, 2)


def test_a_statement_is_taken_out_and_the_comment_above_it_stays() -> None:
    text = remove(BOOK, find(BOOK, "score", "cart")[0]).text
    assert text == BOOK.replace('score cart: +10 on "Product Added"\n', "")
    assert "# what counts" in text


def test_new_statements_stand_with_their_kind_or_where_that_belongs() -> None:
    lines = add(BOOK, "score big: +5 while contact.score > 3").text.split("\n")
    assert lines[7] == "score big: +5 while contact.score > 3"
    lines = add(BOOK, 'purpose news: "Yes"').text.split("\n")
    assert lines[2:5] == ["", 'purpose news: "Yes"', ""]
    assert add("", "segment a: 1 > 0") == Edited("segment a: 1 > 0\n", 1, 1)
    edited = add(BOOK, "what is this")
    assert edited.text.endswith("\nwhat is this\n")


def test_changes_are_told_by_statement_whatever_moved() -> None:
    comments = "# what counts\n  # a comment in the body\n# --- the data ---\n"
    moved = "\n".join(sorted(piece.text for piece in pieces(BOOK))) + f"\n{comments}"
    assert [change for change in changes(BOOK, moved) if change.kind != "comment"] == []
    new = remove(BOOK, find(BOOK, "score", "visit")[0]).text.replace(">= 80", ">= 90") + "segment b: 1 > 0\n"
    told = [(change.name, change.before is None, change.after is None) for change in changes(BOOK, new)]
    assert told == [("hot", False, False), ("b", True, False), ("visit", False, True)]
    assert list(changes(BOOK, new)[0].lines()) == [
        "- segment hot: contact.score >= 80", "+ segment hot: contact.score >= 90",
    ]  # fmt: skip


def test_changes_of_two_people_are_brought_together_and_comments_stay() -> None:
    mine = BOOK.replace("# what counts", "# what counts most").replace("+10 on", "+20 on")
    theirs = BOOK.replace(">= 80", ">= 90") + "segment b: 1 > 0\n"
    for one, other in ((mine, theirs), (theirs, mine)):
        merged = merge(BOOK, one, other)
        assert merged.conflicts == ()
        for text in ("# what counts most", "+20 on", ">= 90", "segment b: 1 > 0"):
            assert text in merged.text


def test_what_two_people_change_differently_is_a_conflict_until_it_is_said_whose_stands() -> None:
    mine, theirs = BOOK.replace(">= 80", ">= 70"), BOOK.replace(">= 80", ">= 90").replace("+1 on", "+2 on")
    merged = merge(BOOK, mine, theirs)
    assert merged.text == mine
    assert merged.conflicts == (
        Change(
            kind="segment", name="hot", before="segment hot: contact.score >= 90",
            after="segment hot: contact.score >= 70",
        ),
    )  # fmt: skip
    assert merge(BOOK, mine, theirs, "mine").text == theirs.replace(">= 90", ">= 70")
    assert merge(BOOK, mine, theirs, "theirs").text == theirs
    gone = remove(BOOK, find(BOOK, "segment", "hot")[0]).text
    assert [change.after for change in merge(BOOK, gone, theirs).conflicts] == [None]
    assert merge(BOOK, mine, mine).text == mine


NAMES = ("a", "b", "c", "d")
BOOKS = st.lists(
    st.tuples(st.sampled_from(("segment", "score", "list")), st.sampled_from(NAMES), st.integers(0, 3)), max_size=8,
    unique_by=lambda one: one[:2],
).map(lambda ones: "".join(f"{kind} {name}: {value}\n" for kind, name, value in ones))  # fmt: skip


def keyed(text: str) -> dict[tuple[str, str], str]:
    return {piece.key: piece.text for piece in pieces(text)}


@given(BOOKS, BOOKS, BOOKS)
def test_a_merge_holds_what_each_made_of_the_base_and_nothing_else(base: str, mine: str, theirs: str) -> None:
    old, own, other = keyed(base), keyed(mine), keyed(theirs)
    merged = merge(base, mine, theirs, "mine")
    found = keyed(merged.text)
    for key in old.keys() | own.keys() | other.keys():
        expected = own.get(key) if own.get(key) != old.get(key) else other.get(key)
        assert found.get(key) == expected
    conflicts = {change.key for change in merge(base, mine, theirs).conflicts}
    assert conflicts == {
        key for key in old.keys() | own.keys() | other.keys()
        if own.get(key) != old.get(key) != other.get(key) and own.get(key) != other.get(key)
    }  # fmt: skip


@given(st.text(alphabet='ab :#"\\\n\tsegmnt', max_size=60), st.text(alphabet='ab :#"\n segmnt', max_size=30))
def test_no_text_is_too_odd_to_be_edited(text: str, new: str) -> None:
    for piece in pieces(text):
        assert replace(text, piece, new).text.count("\n") >= 0
        remove(text, piece)
    add(text, new)
    changes(text, new)
    merge(text, new, text)
