"""Files of contacts and events, taken in by `relance import`: each row once, whatever stops it."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from rules.contact import Contact
from server.errors import Conflict, Invalid, Unavailable
from server.model.actor import SYSTEM
from server.services.columns import Columns, remap
from server.services.consents import ConsentRequest, Consents
from server.services.importing import BadRow, Ground
from server.services.imports import Imports, Outcome
from server.services.joining import Joining
from server.services.rulebooks import Rulebooks
from server.services.tables import open_table
from server.store.store import Store
from tests.clock import FakeClock
from tests.engines import drain, engine_on, publish

RULES = """
attribute email: text, personal
attribute first_name: text, personal
attribute city: text
attribute birthday: date, personal
attribute spent: number
attribute vip: yes/no
attribute tags: list of text
attribute plan: one of "free" | "pro"
purpose newsletter: "Yes, every week."
score order: +10 on "Order Completed"
score big: +5 on "Order Completed" when event.amount >= 50
segment loyal: count("Order Completed") >= 2
"""


class Office:
    """Imports over a store, and where their bad rows go."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        rulebooks = Rulebooks(store)
        self.store = store
        self.consents = Consents(store, clock, rulebooks)
        joining = Joining(store, clock, self.consents)
        self.imports = Imports(store, clock, rulebooks, self.consents, joining, timezone="Europe/Paris")
        self.bad: list[BadRow] = []
        self.engine = engine_on(store)

    async def columns(self, path: Path, *maps: str, kind: Any = None) -> Columns:
        found, book = await self.imports.guess(open_table(path), kind)
        return remap(found, maps, book)

    async def take(self, path: Path, *maps: str, kind: Any = None, **options: Any) -> Outcome:
        columns = await self.columns(path, *maps, kind=kind)
        return await self.imports.run(SYSTEM, open_table(path), columns, bad=self._keep, **options)

    def _keep(self, rows: Sequence[BadRow]) -> int:
        self.bad += rows
        return len(self.bad)

    async def contact(self, namespace: str, value: str) -> Contact:
        await drain(self.store, self.engine)
        contact_id = await self.store.identities.find(namespace, value)
        assert contact_id is not None
        contact = await self.store.contacts.load(contact_id)
        assert contact is not None
        return contact


@pytest.fixture
async def office(store: Store, clock: FakeClock) -> Office:
    await publish(store, RULES)
    return Office(store, clock)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


FRENCH = """Courriel;First Name;City;Birthday;Spent;VIP;Tags;Plan;Remarques
zoe@shop.example;Zoé;Besançon;03/04/1990;1 234,50;oui;vin, thé;pro;appeler
max@shop.example;Max;;25/12/1985;12;non;;free;
"""


async def test_a_spreadsheet_saved_in_french_is_read_as_it_is_meant(office: Office, tmp_path: Path) -> None:
    path = write(tmp_path / "contacts.csv", FRENCH, "cp1252")
    columns = await office.columns(path)
    assert columns.kind == "contacts"
    assert columns.targets == {
        "Courriel": "email", "First Name": "attribute:first_name", "City": "attribute:city",
        "Birthday": "attribute:birthday", "Spent": "attribute:spent", "VIP": "attribute:vip",
        "Tags": "attribute:tags", "Plan": "attribute:plan", "Remarques": "-",
    }  # fmt: skip
    assert columns.dates == "day first"
    assert (await office.take(path)).rows == 2
    zoe = await office.contact("email", "ZOE@shop.example")
    assert zoe.attributes == {
        "first_name": "Zoé", "city": "Besançon", "birthday": "1990-04-03", "spent": 1234.5, "vip": True,
        "tags": ["vin", "thé"], "plan": "pro",
    }  # fmt: skip
    assert (await office.contact("email", "max@shop.example")).attributes["birthday"] == "1985-12-25"


async def test_rows_that_cannot_be_taken_are_told_with_their_reason_and_disturb_no_other(
    office: Office, tmp_path: Path
) -> None:
    text = (
        "user_id,email,spent,plan\n1,a@b.fr,12,pro\n2,nobody,1,pro\n3,,much,pro\n4,,2,gold\n,,3,pro\n"
        '5,,4,pro,extra\n"6\n",,5,pro\n'
    )
    outcome = await office.take(write(tmp_path / "c.csv", text))
    assert (outcome.rows, outcome.bad) == (2, 5)
    assert [(bad.row.number, bad.reason) for bad in office.bad] == [
        (3, "email is no e-mail address"),
        (4, "spent not a number"),
        (5, "plan none of the values it may have"),
        (6, "says not who it is about"),
        (7, "has 5 cells, and there are 4 columns"),
    ]
    assert (await office.contact("user", "6")).attributes == {"spent": 5, "plan": "pro"}


def _order(fields: str) -> str:
    return '{"event": "Order Completed", ' + fields + "}"


async def test_lines_that_are_no_json_that_can_be_taken_are_bad_rows(office: Office, tmp_path: Path) -> None:
    rows = [
        '"user": "1", "amount": 5', '"user"', '"user": "1", "amount": NaN', '"user": "1", "amount": 1e999',
        '"user": {"a": 1}', '"user": true', '"user": "1", "user": "2"', '"user": "1", "time": "0001-01-01T00:00:00Z"',
        '"user": "1", "time": -90000000000', '"user": 7, "time": 1767225600',
    ]  # fmt: skip
    lines = ["\ufeff" + _order(rows[0]), *map(_order, rows[1:]), "[1]"]
    path = write(tmp_path / "c.jsonl", "\n".join(lines))
    outcome = await office.take(path)
    assert (outcome.rows, [bad.row.number for bad in office.bad]) == (2, [2, 3, 4, 5, 6, 7, 8, 9, 11])
    assert (await office.contact("user", "1")).score == (await office.contact("user", "7")).score == 10


async def test_a_file_of_bytes_that_are_no_text_is_told_so(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(b"user,city\n1,\x8f\x81\n")
    with pytest.raises(Invalid, match="neither UTF-8"):
        open_table(path)
    path.write_bytes(b"user,city\n" + b"1,Bern\n" * 20_000 + b"2,\x8f\x81\n")
    with pytest.raises(Invalid, match="neither UTF-8"):
        await office.take(path)


async def test_a_column_is_an_attribute_by_its_own_name_as_well_as_by_its_traits(
    office: Office, tmp_path: Path
) -> None:
    await publish(office.store, RULES + 'attribute country: text, from "address_country"\n')
    path = write(tmp_path / "c.csv", "user,country\n1,FR\n")
    await office.take(path)
    assert (await office.contact("user", "1")).attributes == {"country": "FR"}
    path = write(tmp_path / "d.csv", "user,address_country\n2,BE\n")
    await office.take(path)
    assert (await office.contact("user", "2")).attributes == {"country": "BE"}


async def test_events_of_json_lines_change_scores_and_segments_and_start_nothing(
    office: Office, tmp_path: Path, clock: FakeClock
) -> None:
    rows = [
        {"userId": "ada", "event": "Order Completed", "timestamp": "1998-01-01T10:00:00Z", "amount": 60, "sku": "A1"},
        {"userId": "ada", "event": "Order Completed", "timestamp": "1998-02-01T10:00:00Z", "amount": "12.5"},
    ]
    path = write(tmp_path / "e.jsonl", "\n".join([json.dumps(row) for row in rows] + ["", "{nonsense", "[1]"]))
    outcome = await office.take(path)
    assert (outcome.rows, outcome.bad) == (2, 2)
    ada = await office.contact("user", "ada")
    assert [(event.name, event.properties) for event in ada.tail] == [
        ("Order Completed", {"amount": 60, "sku": "A1"}),
        ("Order Completed", {"amount": 12.5}),
    ]
    assert ada.score == 25
    assert list(ada.segments) == ["loyal"]


async def test_a_workbook_is_read_with_its_dates_and_numbers(office: Office, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["Customer ID", "Date", "Amount"])
    bought = datetime(2026, 1, 31, 9, 30)  # noqa: DTZ001 - a workbook knows no zones
    book.active.append([17, bought, 60.0])
    book.save(tmp_path / "orders.xlsx")
    columns = await office.columns(tmp_path / "orders.xlsx", kind="events")
    await office.imports.run(
        SYSTEM,
        open_table(tmp_path / "orders.xlsx"),
        Columns(kind="events", targets=columns.targets, event="Order Completed", numbers=columns.numbers),
        bad=len,
    )
    [order] = (await office.contact("user", "17")).tail
    assert order.properties == {"amount": 60}
    assert order.time == int(datetime(2026, 1, 31, 8, 30, tzinfo=UTC).timestamp() * 1000)


async def test_a_dry_run_writes_nothing(office: Office, tmp_path: Path, redis: Any) -> None:
    before = await redis.dbsize()
    outcome = await office.take(write(tmp_path / "c.csv", "user_id,spent\n1,2\n2,x\n"), dry_run=True)
    assert (outcome.rows, outcome.bad, outcome.dry_run) == (1, 1, True)
    assert await redis.dbsize() == before
    assert await office.store.log.lag() == 0


async def test_a_file_is_imported_once_unless_asked_for_again_and_then_doubles_nothing(
    office: Office, tmp_path: Path
) -> None:
    path = write(tmp_path / "e.csv", "user_id,event,message_id\nada,Order Completed,m1\n")
    await office.take(path)
    with pytest.raises(Conflict, match="imported before"):
        await office.take(path)
    await office.take(path, restart=True)
    assert (await office.contact("user", "ada")).score == 10


async def test_a_stated_ground_goes_into_the_ledger_and_a_refusal_on_record_stands(
    office: Office, tmp_path: Path
) -> None:
    path = write(tmp_path / "c.csv", "email\nzoe@shop.example\nmax@shop.example\n")
    max_id = await office.store.identities.claim("email", "max@shop.example", office.store.identities.new_id(True))
    refusal = ConsentRequest(purpose="newsletter", action="withdraw", source="phone")
    await office.consents.record(SYSTEM, max_id, refusal)
    ground = Ground(purposes=("newsletter",), statement="paper form, fair of May 2026")
    outcome = await office.take(path, ground=ground)
    assert (outcome.consents, outcome.kept_refusals) == (1, 1)
    zoe = await office.store.identities.find("email", "zoe@shop.example")
    [record] = await office.store.consents.ledger(zoe or "")
    assert (record.status, record.source) == ("granted", "import: paper form, fair of May 2026")
    assert (await office.store.consents.sheet(max_id)).purposes["newsletter"].status == "withdrawn"
    with pytest.raises(Invalid, match="no purpose letters"):
        await office.take(path, ground=Ground(purposes=("letters",), statement="x"), restart=True)


async def test_one_person_by_address_and_by_user_id_is_one_contact(office: Office, tmp_path: Path) -> None:
    text = "user_id,email,first_name,city\n,zoe@shop.example,Zoé,\n7,zoe@shop.example,,Lyon\n"
    await office.take(write(tmp_path / "c.csv", text))
    zoe = await office.contact("user", "7")
    assert zoe.attributes == {"first_name": "Zoé", "city": "Lyon"}
    assert (await office.contact("email", "zoe@shop.example")).id == zoe.id


ROWS = 3500


def orders(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "event", "timestamp", "amount"])
        for row in range(ROWS):
            bad = "never" if row % 700 == 9 else f"1998-0{row % 6 + 1}-01"
            writer.writerow([f"u{row % 40}", "Order Completed", bad, row % 90])
    return path


@pytest.mark.parametrize("stop_after", [0, 1, 2, 3])
async def test_an_import_that_is_stopped_goes_on_and_takes_each_row_once(
    office: Office, tmp_path: Path, stop_after: int
) -> None:
    path = orders(tmp_path / "orders.csv")
    columns = await office.columns(path)
    trying = asyncio.create_task(
        office.imports.run(SYSTEM, open_table(path), columns, bad=office._keep, progress=_stop(stop_after))
    )
    with pytest.raises(Unavailable):
        await trying
    known = await office.imports.begun(open_table(path), columns)
    assert known is not None
    del office.bad[known.place :]  # what the command does with the file of bad rows
    outcome = await office.take(path)
    assert (outcome.rows, outcome.bad, outcome.resumed) == (ROWS - 5, 5, known.taken)
    assert [bad.row.number for bad in office.bad] == [11 + 700 * place for place in range(5)]
    for number in range(40):
        contact = await office.contact("user", f"u{number}")
        taken = [row for row in range(number, ROWS, 40) if row % 700 != 9]
        assert contact.index["Order Completed"].number == len(taken)
        assert contact.score == sum(15 if row % 90 >= 50 else 10 for row in taken)


def _stop(after: int) -> Callable[[Any], None]:
    calls = 0

    def progress(_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise Unavailable("the machine is off")

    return progress


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("a,a\n1,2\n", "two columns named 'a'"),
        ("city\nLyon\n", "no column says who"),
        ("user_id,timestamp,event\n", ""),
    ],
)
async def test_a_file_that_does_not_do_is_told_so(office: Office, tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path / "x.csv", text)
    if not said:
        assert (await office.take(path)).rows == 0
        return
    with pytest.raises(Invalid, match=said):
        await office.take(path)


async def test_a_column_is_mapped_by_hand_and_a_wrong_map_says_what_there_is(office: Office, tmp_path: Path) -> None:
    path = write(tmp_path / "c.csv", "Nr,Ort\n1,Bern\n")
    await office.take(path, "Nr=user", "Ort=city")
    assert (await office.contact("user", "1")).attributes == {"city": "Bern"}
    with pytest.raises(Invalid, match="no such attribute"):
        await office.columns(path, "Ort=town")
    with pytest.raises(Invalid, match="no such column; it has Nr, Ort"):
        await office.columns(path, "Stadt=city")
