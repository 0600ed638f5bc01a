"""The demo: a believable day, played against a running installation, with mails to look at."""

from __future__ import annotations

import email
import re
import subprocess
import sys
from collections import Counter
from email import policy
from pathlib import Path

import httpx
import pytest

from server.channels.mail_files import MailFiles
from server.demo import DAY, day
from server.ports import SystemClock
from tests.installation import Installation


def test_a_day_is_the_same_for_the_same_seed_and_each_visitors_steps_are_in_order() -> None:
    steps = day(200, seed=3)
    assert steps == day(200, seed=3)
    assert steps != day(200, seed=4)
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert 0 <= steps[0].at < DAY
    kinds = Counter(step.kind for step in steps)
    assert {"page", "identify", "consent", "track", "fair"} <= set(kinds)
    known: set[str] = set()
    for step in steps:
        if step.kind == "identify":
            known.add(step.user)
        if step.user:
            assert step.user in known, "nobody is named before they say who they are"
    agreed = {step.user: at for at, step in enumerate(steps) if step.kind == "consent"}
    fair = {step.user: at for at, step in enumerate(steps) if step.kind == "fair"}
    assert all(agreed.get(user, -1) < at for user, at in fair.items()), "the scenario of the fair asks for a consent"
    orders = [step for step in steps if step.body.get("event") == "Order Completed"]
    carts = {step.body["properties"]["cart_id"] for step in steps if step.body.get("event") == "Product Added"}
    bought = {step.body["properties"]["cart_id"] for step in orders}
    assert bought < carts, "some carts are left"


async def test_mails_that_go_to_no_server_are_kept_and_read(tmp_path: Path) -> None:
    files = MailFiles(tmp_path / "mails", SystemClock())
    assert files.newest() == []
    for subject in ("One", "Two"):
        message = f"To: a@b.example\r\nSubject: {subject}\r\n\r\nHello".encode()
        await files.send("a@b.example", "a@b.example", message)
    assert {mail.subject for mail in files.newest()} == {"One", "Two"}
    assert files.read("../mails/" + files.newest()[0].name) is not None, "only the name counts"
    assert files.read("/etc/passwd") is None
    assert (tmp_path / "mails").stat().st_mode & 0o077 == 0


def _thanked(visitors: int) -> int:
    """How many of a day were met at the fair and agreed to offers, for which they are thanked."""
    steps = day(visitors)
    offers = {step.user for step in steps if step.kind == "consent" and step.body["purpose"] == "offers"}
    return len(offers & {step.user for step in steps if step.kind == "fair"})


@pytest.mark.slow
def test_a_day_is_played_and_its_mails_are_shown_in_a_browser(tmp_path: Path) -> None:
    local = {"RELANCE_SMTP_URL": "local:", "RELANCE_MAIL_FROM": "Shop <news@shop.example>"}
    with Installation(tmp_path, **local) as running:
        done = subprocess.run(
            [sys.executable, "-m", "server", "demo", "--visitors", "12", "--speed", "3600"],
            env=running.environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        running.wait_quiet()
        bearer = {"Authorization": f"Bearer {running.key('reader', 'read')}"}
        fair = httpx.get(f"{running.url}/v1/scenarios/demo_fair", headers=bearer).json()["scenario"]
        assert fair["started"] == _thanked(12) == 1
        page = httpx.get(f"{running.url}/mailbox").text
        names = re.findall(r'href="/mailbox/([0-9a-f-]+\.eml)"', page)
        assert names, "the welcome of those who agreed"
        shown = httpx.get(f"{running.url}/mailbox/{names[0]}")
        assert "<iframe" in shown.text
        body = httpx.get(f"{running.url}/mailbox/{names[0]}/html")
        assert "sandbox" in body.headers["content-security-policy"]
        assert "/unsubscribe/" in body.text
        assert httpx.get(f"{running.url}/mailbox/none.eml").status_code == 404
        files = sorted((tmp_path / "data" / "mailbox").glob("*.eml"))
        mail = email.message_from_bytes(files[0].read_bytes(), policy=policy.default)
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
