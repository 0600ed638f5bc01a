"""`relance import` and `relance export` on a running installation, and what a killed import leaves behind."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installation import Installation

RULES = """\
attribute first_name: text
attribute note: text
score order: +10 on "Order Completed"
segment buyers: count("Order Completed") >= 1
list fair: "Met at the fair"
"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    directory = tmp_path_factory.mktemp("imports")
    with Installation(directory) as running:
        book = directory / "rules.rules"
        book.write_text(RULES)
        running.relance("publish", str(book))
        yield running


def relance(installation: Installation, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server", *words],
        env=installation.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1800,
        check=False,
    )  # fmt: skip


def test_contacts_go_in_and_come_out_again(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("email,first_name,note\nzoe@shop.example,Zoé,=1+1\nbad,Max,\n")
    looked = relance(installation, "import", str(path), "--dry-run")
    assert "first_name  attribute first_name" in looked.stderr
    assert "1 rows would be taken, 1 could not be. Nothing was written." in looked.stdout
    unasked = relance(installation, "import", str(path))
    assert (unasked.returncode, "add --yes" in unasked.stderr) == (2, True)
    done = relance(installation, "import", str(path), "--yes", "--json")
    assert json.loads(done.stdout)["rows"] == 1
    with (tmp_path / "people.bad.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"row": "3", "reason": "email is no e-mail address", "email": "bad", "first_name": "Max", "note": ""}
        ]
    assert (tmp_path / "people.bad.csv").stat().st_mode & 0o077 == 0
    again = relance(installation, "import", str(path), "--yes")
    assert (again.returncode, "imported before" in again.stderr) == (1, True)
    installation.wait_quiet()
    rows = csv.DictReader(io.StringIO(installation.relance("export", "contacts")))
    [zoe] = [row for row in rows if row["email"] == "zoe@shop.example"]
    assert (zoe["first_name"], zoe["note"]) == ("Zoé", "'=1+1")
    assert installation.relance("export", "list", "fair", "--jsonl") == ""
    unknown = relance(installation, "export", "segment", "nobody")
    assert (unknown.returncode, "no segment nobody" in unknown.stderr, unknown.stdout) == (1, True, "")


def test_rows_of_one_event_are_events_without_being_said_to_be(installation: Installation, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("user,time,amount\nida,2026-01-31T10:00:00Z,59.9\n")
    looked = relance(installation, "import", str(path), "--dry-run", "--event", "Order Completed")
    assert "orders.csv: events" in looked.stderr
    assert "amount  property amount" in looked.stderr
    assert "1 rows would be taken" in looked.stdout


@pytest.mark.parametrize(
    ("people", "rows"),
    [pytest.param(200, 12_000), pytest.param(25_000, 1_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])],
)
def test_an_import_that_is_killed_three_times_ends_as_an_undisturbed_one(
    installation: Installation, tmp_path: Path, people: int, rows: int
) -> None:
    chance = random.Random(7)
    path, every = tmp_path / "orders.csv", rows // 4
    counts: Counter[str] = Counter()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "event", "timestamp", "amount"])
        for row in range(rows):
            user = f"{rows}-{chance.randrange(people)}"
            bad = row % every == 77
            counts[user] += not bad
            writer.writerow([user, "Order Completed", "soon" if bad else "2026-01-05T10:00:00Z", row % 90])
    command = [sys.executable, "-m", "server", "import", str(path), "--yes"]
    for _ in range(3):
        trying = subprocess.Popen(
            command, env=installation.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(chance.uniform(0.8, 2.0) * max(1, rows / 200_000))
        trying.kill()
        trying.wait()
    done = relance(installation, *command[3:], "--json")
    if done.returncode == 1:  # the machine was faster than the third kill
        assert "imported before" in done.stderr
    else:
        assert json.loads(done.stdout)["rows"] == rows - 4
    installation.wait_quiet(1200)
    exported = [
        json.loads(line) for line in installation.relance("export", "segment", "buyers", "--jsonl").splitlines()
    ]
    found = {row["user"]: row["score"] for row in exported if row["user"].startswith(f"{rows}-")}
    assert found == {user: 10.0 * number for user, number in counts.items() if number}
    with (tmp_path / "orders.bad.csv").open(newline="") as file:
        assert [int(row["row"]) for row in csv.DictReader(file)] == [79 + every * place for place in range(4)]
    assert os.listdir(tmp_path).count("orders.bad.csv") == 1
