"""What the links of messages say: only we can make and read it, and what gives something away ends."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode

import pytest

from server.model.outgoing import MessageDelivery
from server.services.links import Links
from server.store.codec import Sealer
from tests.clock import FakeClock

URL = "https://relance.example"


@pytest.fixture
def links(clock: FakeClock) -> Links:
    return Links(Sealer({1: b"k" * 32}, b"lookup"), clock, URL)


def delivery(**more: str) -> MessageDelivery:
    fields = {"id": "3-abc", "contact": "u01", "channel": "email", "message": "welcome", "purpose": "newsletter"}
    return MessageDelivery(**{**fields, "statement": "scenario", **more})


def token(url: str) -> str:
    return url.rpartition("/")[2].removesuffix(".gif")


def test_a_token_says_what_its_link_is_about(links):
    click = links.read(token(links.click(delivery(), "https://shop.example/é?a=1", links=3)), "click")
    assert (click.delivery, click.contact, click.message, click.purpose) == ("3-abc", "u01", "welcome", "newsletter")
    assert (click.target, click.links) == ("https://shop.example/é?a=1", 3)


def test_a_token_is_short_and_fit_for_a_url(links):
    for url in (
        links.unsubscribe(delivery()),
        links.open(delivery()),
        links.click(delivery(), "https://shop.example/a"),
    ):
        assert re.fullmatch(r"[A-Za-z0-9_-]{50,200}", token(url))


def test_nothing_can_be_read_in_a_token(links):
    text = token(links.click(delivery(), "https://shop.example/secret"))
    plain = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert not any(word in plain for word in (b"u01", b"secret", b"newsletter"))


def test_a_token_of_one_kind_is_none_of_another(links):
    made = {"unsubscribe": links.unsubscribe(delivery()), "open": links.open(delivery())}
    for kind, url in made.items():
        for other in ("unsubscribe", "open", "click", "visitor", "undo"):
            assert (links.read(token(url), other) is not None) == (kind == other)


@pytest.mark.parametrize("wrong", ["", "x", "=", "é", "a" * 5000, "AAAA", "../..", "%00"])
def test_what_is_no_token_says_nothing(links, wrong):
    assert links.read(wrong, "click") is None


def test_a_changed_token_says_nothing(links):
    text = token(links.open(delivery()))
    for place in range(0, len(text) - 2, 7):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert links.read(changed, "open") is None


def test_another_installation_reads_nothing(links, clock):
    other = Links(Sealer({1: b"o" * 32}, b"lookup"), clock, URL)
    assert other.read(token(links.open(delivery())), "open") is None


def test_links_of_mails_last_and_what_gives_something_away_ends(links, clock):
    mail = links.read(token(links.click(delivery(), "https://shop.example")), "click")
    visitor, undo, page = links.visitor(mail), links.undo(mail), token(links.unsubscribe(delivery()))
    clock.advance(minutes=29)
    assert links.read(visitor, "visitor").contact == "u01"
    clock.advance(minutes=2)
    assert links.read(visitor, "visitor") is None
    assert links.read(undo, "undo").purpose == "newsletter"
    clock.advance(minutes=30)
    assert links.read(undo, "undo") is None
    clock.advance(days=3650)
    assert links.read(page, "unsubscribe") is not None


def test_the_name_of_a_message_is_always_the_same_and_proves_whom_it_went_to(links):
    name = links.reference(delivery(), "Zoe@home.example")
    assert name == links.reference(delivery(), "zoe@HOME.example")
    assert re.fullmatch(r"[a-z0-9.-]+", name)
    assert links.referred(name, ["x@y.example", "zoe@home.example"]) == ("3-abc", "u01", "zoe@home.example")
    assert links.referred(name, ["x@y.example"]) is None
    assert links.referred(name.replace("u01", "u02"), ["zoe@home.example"]) is None
    assert links.referred("nonsense", ["zoe@home.example"]) is None


def test_a_test_to_oneself_has_no_link_that_counts(links):
    test = delivery(by="u7", statement="")
    assert links.open(test) == ""
    assert links.click(test, "https://shop.example") == "https://shop.example"
    assert links.unsubscribe(test) == f"{URL}/unsubscribe/test"
    assert "/l/" in links.click(delivery(by="u7"), "https://shop.example")  # tried again by hand
