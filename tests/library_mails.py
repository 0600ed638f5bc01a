"""The mails of the library as contacts get them: `python -m tests.library_mails DIRECTORY` makes pictures of them.

Each is rendered for somebody of whom everything is known and for somebody of whom nothing is, and photographed by
Chromium at the widths of a phone and of a mail program, in light and in dark.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from rules import parse_rulebook
from rules.contact import Contact, Event
from rules.facts import EventFacts, facts_now
from rules.history import History
from rules.message import Words, compile_message, render_message
from rules.moment import DAY, zone
from rules.rulebook import Attribute, Rulebook
from rules.sends import sends
from server.services.library import ready_messages
from server.services.message_formats import formats_of
from server.services.message_heads import FORMATS

__all__ = ["LINKS", "LibraryMail", "library_mails", "rendered"]

NOW = 1_772_442_000_000
LINKS = {"unsubscribe": "https://relance.example/unsubscribe/t0ken"}
WIDTHS = (360, 600)
SENDER = "Example <hello@example.com>"

_THING: dict[str, Any] = {
    "name": "Waterproof walking boots, women's",
    "name_of_product": "Waterproof walking boots",
    "title": "How to choose boots that last",
    "product_id": "p1",
    "cart_id": "c1",
    "order_id": "o1",
    "category": "shoes",
    "url": "https://www.example.com/boots?colour=red&size=38",
    "link": "https://www.example.com/letter/boots",
    "summary": "Leather or not, low or high: seven questions to ask in the shop, and what it costs to be wrong.",
    "image": "",
    "price": 129.9,
    "old_price": 159.0,
    "currency": "EUR",
    "quantity": 2,
    "total": 259.8,
    "code": "SPRING20",
    "ends": "2026-03-20",
    "percent": 20,
}
_EVENTS = ("Product Added", "Product Viewed", "Order Completed", "Page Viewed", "Checkout Started")


class LibraryMail(NamedTuple):
    """A mail of a ready-made rulebook: its file's name, the rulebook, its channel, locale, format and source."""

    name: str
    book: Rulebook
    message: str
    channel: str
    locale: str
    format: Any
    source: str


def library_mails() -> Iterator[LibraryMail]:
    """Every template that a ready-made rulebook sends, under that rulebook in the template's language."""
    seen = set()
    for file in sorted((resources.files("rules") / "library").iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".rules"):
            continue
        text, language = file.read_text("utf-8"), file.name.split(".")[1]
        book = parse_rulebook(text)
        for (message, channel, locale), template in ready_messages(text).items():
            if locale.partition("-")[0] in (language, "") and template.name not in seen:
                seen.add(template.name)
                form = FORMATS[template.name.rpartition(".")[2]]
                source = template.read_text("utf-8")
                yield LibraryMail(template.name, book, message, channel, locale, form, source)


def rendered(mail: LibraryMail, *, known: bool) -> Words:
    """A mail for a contact of whom everything is `known`, or nothing."""
    book = mail.book
    attributes = {one.name: _value(one) for one in book.attributes.values()} if known else {}
    events = _events() if known else []
    contact = Contact(id="c1", attributes=attributes, tenths=1650 if known else 0, tail=events)
    facts = facts_now(contact, book, NOW, History({}, {}, NOW, events))
    entry = Event("Product Added", NOW, _THING if known else {}, "shop")
    facts["entry"] = facts["event"] = EventFacts(entry)
    purposes = [one.purpose for one in sends(book)[mail.message, mail.channel] if one.purpose]
    return render_message(
        compile_message(mail.message, mail.channel, mail.format, mail.source, book),
        facts,
        events=lambda name: [one for one in reversed(events) if one.name == name],
        links=LINKS,
        purpose=book.purposes[purposes[0]] if purposes else None,
        locale=mail.locale or "en",
        sender=SENDER,
        formats=formats_of(mail.locale or "en", zone("Europe/Paris", "UTC")),
    )


def _events() -> list[Event]:
    things = [{**_THING, "price": 129.9}, {**_THING, "name": "Laces", "price": 4.5, "quantity": 1, "url": None}]
    return [Event(name, NOW - DAY // 2 + at, thing) for name in _EVENTS for at, thing in enumerate(things)]


def _value(attribute: Attribute) -> Any:
    match attribute.type:
        case "number":
            return 12
        case "yes/no":
            return True
        case "date":
            return "1990-03-02"
        case "datetime":
            return "2026-03-20T10:00:00+00:00"
        case "list of text":
            return ["shoes", "bags"]
        case "one of":
            return attribute.options[0]
        case _:
            return {"email": "amelie@shop.example", "first_name": "Amélie"}.get(attribute.name, "Paris")


def photograph(directory: Path) -> None:
    """Write each mail as a page, and pictures of many of them side by side."""
    directory.mkdir(parents=True, exist_ok=True)
    pages: dict[str, list[Path]] = {"known": [], "dark": [], "unknown": []}
    for mail in library_mails():
        for known in (True, False):
            html = rendered(mail, known=known).html
            shown = {"known": html, "dark": html.replace("(prefers-color-scheme: dark)", "all")} if known else {
                "unknown": html
            }  # fmt: skip
            for mode, page in shown.items():
                file = directory / f"{mail.name.rpartition('.')[0]}.{mode}.html"
                file.write_text(page)
                pages[mode].append(file)
    for mode, files in pages.items():
        for width in WIDTHS:
            for at in range(0, len(files), 10):
                _picture(files[at : at + 10], directory / f"{mode}-{width}-{at // 10}", width)


def _picture(pages: Sequence[Path], target: Path, width: int) -> None:
    """A picture of pages in frames of a width, five in a row."""
    frames = "".join(
        f"<figure style='float:left;margin:4px'><figcaption>{page.stem}</figcaption>"
        f"<iframe src='{page.as_uri()}' width={width} height=820 style='border:0'></iframe></figure>"
        for page in pages
    )
    sheet = target.with_suffix(".sheet.html")
    sheet.write_text(f"<body style='margin:0;background:#888;font:12px sans-serif'>{frames}")
    size = f"--window-size={5 * (width + 8)},{850 * -(-len(pages) // 5)}"
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size)
    subprocess.run(
        ["chromium", *options, f"--screenshot={target}.png", sheet.as_uri()],
        check=True, timeout=120, capture_output=True,
    )  # fmt: skip


if __name__ == "__main__":
    photograph(Path(sys.argv[1]))
