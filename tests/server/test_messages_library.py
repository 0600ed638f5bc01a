"""Each mail of the library, for contacts of whom much and nothing is known."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from rules.rulebook import Rulebook
from server.model.actor import SYSTEM
from server.services.contacts import Contacts
from server.services.library import Library, ready_made
from server.services.messages import Messages
from server.services.rulebooks import Rulebooks
from server.store.store import Store
from tests.engines import publish
from tests.library_mails import LINKS, LibraryMail, library_mails, rendered

MAILS = list(library_mails())
_LEFT = re.compile(r"\{\{|\{%|zq7x|\bNone\b(?! )|Undefined|Missing|Decimal\(|Values object")


class _Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.addresses.append(dict(attrs).get("href") or "")
        if tag in ("table", "tr", "td", "ul", "ol", "a", "html", "body"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("table", "tr", "td", "ul", "ol", "a", "html", "body"):
            assert self.open.pop() == tag, "a tag is closed out of turn"


def test_there_are_mails_in_both_languages() -> None:
    names = {mail.message for mail in MAILS if mail.locale == "en"}
    assert names
    assert names == {mail.message for mail in MAILS if mail.locale == "fr"}


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("mail", MAILS, ids=lambda mail: mail.name)
def test_a_mail_is_whole_has_a_text_part_and_a_way_to_leave(mail: LibraryMail, known: bool) -> None:
    words = rendered(mail, known=known)
    assert words.subject
    for part in (words.subject, words.text, words.html):
        assert not _LEFT.search(part), _LEFT.search(part)
    assert LINKS["unsubscribe"] in words.text
    links = _Links(words.html)
    assert LINKS["unsubscribe"] in links.addresses
    assert links.open == []
    assert "" not in links.addresses
    assert "#" not in links.addresses
    assert len(words.text.partition("\n-- \n")[0].strip()) > 40
    assert len(words.html) < 60_000  # a mail of more than 102 KB is cut short by some mail programs


@pytest.mark.parametrize("name", [ready.name for ready in ready_made()])
async def test_using_a_ready_made_rulebook_takes_its_messages_along(store: Store, name: str) -> None:
    rulebooks = Rulebooks(store)
    messages = Messages(store, store.clock, rulebooks, Contacts(store, store.clock, rulebooks))
    library = Library(rulebooks, messages)
    used = await library.use(SYSTEM, name)
    assert used.version is not None
    listed = await messages.listing(SYSTEM)
    assert sorted(used.messages) == sorted(
        ".".join(part for part in (one.template.name, one.template.channel, one.template.locale) if part)
        for one in listed
    )
    assert not any(one.problems for one in listed)
    assert (await library.use(SYSTEM, name)).messages == []


async def test_a_message_of_our_own_stays_unless_it_is_to_be_replaced(store: Store) -> None:
    rulebooks = Rulebooks(store)
    messages = Messages(store, store.clock, rulebooks, Contacts(store, store.clock, rulebooks))
    await publish(store, "attribute email: text, personal\n")
    await messages.put(SYSTEM, "cart_reminder_1", "email", "en", "---\nsubject: Ours\n---\nOurs\n")
    library = Library(rulebooks, messages)
    used = await library.use(SYSTEM, "abandoned_cart")
    assert "cart_reminder_1.email.en" not in used.messages
    assert "cart_reminder_1.email.fr" in used.messages
    assert "Ours" in (await messages.get(SYSTEM, "cart_reminder_1", "email", "en")).source
    await library.use(SYSTEM, "abandoned_cart", replace=True)
    assert "Ours" not in (await messages.get(SYSTEM, "cart_reminder_1", "email", "en")).source
    assert isinstance(await rulebooks.live(), Rulebook)
