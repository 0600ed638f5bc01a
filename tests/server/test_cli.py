"""The command line, while an installation runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import bots
import rules
import server
from server.embedded import find_redis_server
from tests.emulators.http import Fault
from tests.emulators.telegram import TOKEN, TelegramEmulator
from tests.installation import Installation

RULES = """\
attribute first_name: text, personal, shown in alerts
attribute country: text
score visit: +2 on "Page Viewed" at most 10 per day
score home: +5 while contact.country == "FR"
segment hot: contact.score >= 7
"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("cli")) as running:
        yield running


def relance(environment: dict[str, str], *words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server", *words],
        env=environment, input=text, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine on which nothing runs."""
    kept = Installation(tmp_path).environment
    return {**kept, "RELANCE_DATA_DIR": str(tmp_path / "nothing")}


def test_a_source_added_while_the_server_runs_can_send_at_once(installation: Installation) -> None:
    made = json.loads(installation.relance("source", "add", "shop", "--json"))
    assert made["source"] == "shop"
    event = {"userId": "42", "event": "Page Viewed"}
    answer = httpx.post(f"{installation.url}/v1/track", json=event, auth=(made["write_key"], ""))
    assert answer.status_code == 200
    installation.relance("source", "remove", "shop")


def test_a_name_that_is_taken_is_one_line_and_status_1(installation: Installation) -> None:
    installation.relance("source", "add", "twice")
    again = relance(installation.environment, "source", "add", "twice")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith("relance: there is a source twice already")
    assert len(again.stderr.splitlines()) == 1


def test_a_browser_source_is_listed_as_one(installation: Installation) -> None:
    installation.relance("source", "add", "site", "--browser", "--rate", "10")
    listed = json.loads(installation.relance("source", "list", "--json"))
    assert {"source": "site", "kind": "browser", "rate": 10} in listed


def test_an_api_key_opens_the_api_within_its_scopes(installation: Installation) -> None:
    made = json.loads(installation.relance("key", "add", "crm", "--scopes", "read, write", "--json"))
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert httpx.get(f"{installation.url}/v1/segments", headers=headers).status_code == 200
    refused = httpx.put(
        f"{installation.url}/v1/rulebook", headers={**headers, "If-Match": '"1"', "Content-Type": "text/plain"}
    )
    assert refused.status_code == 403


def test_a_person_without_an_account_gets_a_code(installation: Installation) -> None:
    made = json.loads(installation.relance("user", "add", "Ann", "--role", "rep", "--json"))
    assert len(made["code"]) == 8
    linked = json.loads(
        installation.relance("user", "add", "Bob", "--role", "admin", "--slack", "T0123/U0456", "--json")
    )
    assert list(linked) == ["user"]
    listed = {row["name"]: row for row in json.loads(installation.relance("user", "list", "--json"))}
    assert listed["Bob"]["accounts"] == ["slack:T0123/U0456"]
    assert listed["Ann"]["roles"] == ["rep"]


def test_a_code_is_a_link_where_telegram_tells_the_name_of_the_bot(installation: Installation) -> None:
    installation.relance("user", "add", "Cleo", "--role", "rep")
    with TelegramEmulator() as telegram:
        known = {"RELANCE_TELEGRAM_TOKEN": TOKEN, "RELANCE_TELEGRAM_API_URL": telegram.url}
        said = relance(installation.environment | known, "user", "code", "Cleo").stdout
        code = re.search(r"/link (\w{8}), or open https://t\.me/relance_bot\?start=link_(\w{8})\n", said)
        assert code is not None, said
        assert code[1] == code[2]
        made = json.loads(relance(installation.environment | known, "user", "code", "Cleo", "--json").stdout)
        assert made["link"] == f"https://t.me/relance_bot?start=link_{made['code']}"
        telegram.fails("getMe", Fault("broken"))
        assert list(json.loads(relance(installation.environment | known, "user", "code", "Cleo", "--json").stdout)) == [
            "code"
        ]
    out_of_reach = relance(installation.environment | known, "user", "code", "Cleo")
    assert (out_of_reach.returncode, "t.me" in out_of_reach.stdout, "/link " in out_of_reach.stdout) == (0, False, True)


def test_a_rulebook_is_published_listed_rolled_back_and_exported(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "mine.rules"
    file.write_text(RULES)
    sample = installation.relance("export", "rulebook")
    published = json.loads(installation.relance("publish", str(file), "--comment", "smaller", "--json"))
    assert installation.relance("export", "rulebook") == RULES
    history = json.loads(installation.relance("history", "--json"))
    assert (history[0]["version"], history[0]["comment"]) == (published["version"], "smaller")
    assert installation.relance("export", "rulebook", "--version", "1") == sample
    back = json.loads(installation.relance("rollback", "1", "--json"))
    assert back["version"] == published["version"] + 1
    assert installation.relance("export", "rulebook") == sample
    stale = relance(installation.environment, "publish", str(file), "--base", "1")
    assert stale.returncode == 1
    assert "published meanwhile" in stale.stderr


def test_a_rulebook_from_standard_input_is_checked(nowhere: dict[str, str]) -> None:
    assert relance(nowhere, "check", "-", text=RULES).returncode == 0


def test_a_moment_that_is_past_for_everybody_is_warned_of(nowhere: dict[str, str]) -> None:
    text = 'list fair: "Met at the fair"\ntrigger t: at "2026-01-31 09:00" to true\n  add to list fair\n'
    checked = relance(nowhere, "check", "-", "--json", text=text)
    assert checked.returncode == 0
    assert [(one["code"], one["line"]) for one in json.loads(checked.stdout)["warnings"]] == [("past moment", 2)]


def test_mistakes_are_told_with_their_places_and_nothing_is_published(
    installation: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.rules"
    file.write_text('segment hot: contact.scor >= 7\nscore visit: +2 onn "Page Viewed"\n')
    before = installation.relance("history")
    checked = relance(installation.environment, "check", str(file))
    assert checked.returncode == 1
    assert f"{file}:1:" in checked.stdout
    assert f"{file}:2:" in checked.stdout
    assert "did you mean" in checked.stdout
    told = json.loads(relance(installation.environment, "check", str(file), "--json").stdout)
    assert told["ok"] is False
    assert [error["line"] for error in told["errors"]] == [1, 2]
    assert relance(installation.environment, "publish", str(file)).returncode == 1
    assert installation.relance("history") == before


def test_fmt_writes_the_usual_form_and_changes_nothing_twice(nowhere: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "mine.rules"
    file.write_text("segment   hot:contact.score>=7 # really\n")
    assert relance(nowhere, "fmt", str(file)).returncode == 0
    once = file.read_text()
    assert once.startswith("segment hot: contact.score")
    assert "# really" in once
    assert relance(nowhere, "fmt", str(file)).returncode == 0
    assert file.read_text() == once


def test_a_contact_is_shown_and_explained(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "mine.rules"
    file.write_text(RULES)
    installation.relance("publish", str(file))
    key = installation.source("contacts")
    batch = [
        {"type": "identify", "userId": "77", "traits": {"firstName": "Ada", "country": "FR"}},
        {"type": "track", "userId": "77", "event": "Page Viewed"},
    ]
    httpx.post(f"{installation.url}/v1/batch", json={"batch": batch}, auth=(key, "")).raise_for_status()
    installation.wait_quiet()
    view = json.loads(installation.relance("contact", "show", "user:77", "--json"))
    assert view["attributes"]["first_name"] == "Ada"
    assert (view["score"], view["segments"]) == (7.0, ["hot"])
    assert "first_name" in installation.relance("contact", "show", "77")
    explained = json.loads(installation.relance("contact", "why", "user:77", "--json"))
    assert {line["rule"]: line["points"] for line in explained["lines"]} == {"visit": 2.0, "home": 5.0}
    assert "contact.score >= 7" in installation.relance("contact", "why", "user:77", "hot")
    unknown = relance(installation.environment, "contact", "show", "user:nobody")
    assert unknown.returncode == 1
    assert len(unknown.stderr.splitlines()) == 1


def test_scenarios_are_drawn_with_who_waits_where(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "mine.rules"
    steps = 'scenario follow_up: on "Trial Began"\n  wait 3 days\n  if contact.score >= 7\n    add 5 points\n'
    file.write_text(RULES + steps)
    installation.relance("publish", str(file))
    key = installation.source("trials")
    event = {"userId": "88", "event": "Trial Began"}
    httpx.post(f"{installation.url}/v1/track", json=event, auth=(key, "")).raise_for_status()
    installation.wait_quiet()
    assert "follow_up: 1 waiting, 1 started" in installation.relance("scenarios")
    drawn = installation.relance("scenarios", "follow_up")
    assert "1  wait 3 days" in drawn
    assert "     add 5 points" in drawn
    assert json.loads(installation.relance("scenarios", "follow_up", "--json"))["steps"][0]["waiting"] == 1
    assert "follow_up: wait 3 days since" in installation.relance("runs", "88")
    assert json.loads(installation.relance("runs", "88", "--json"))[0]["entry"] == "Trial Began"
    assert relance(installation.environment, "scenarios", "nothing").returncode == 1


def test_a_preview_tells_what_publishing_would_change_and_changes_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "mine.rules"
    file.write_text(RULES)
    installation.relance("publish", str(file))
    key = installation.source("previewed")
    for number in range(5):
        event = {"userId": f"p{number}", "event": "Page Viewed"}
        httpx.post(f"{installation.url}/v1/track", json=event, auth=(key, "")).raise_for_status()
    installation.wait_quiet()
    published = installation.relance("history")
    file.write_text(RULES.replace("contact.score >= 7", "contact.score >= 1") + "segment nobody: contact.score > 999\n")
    found = json.loads(installation.relance("preview", str(file), "--json", "--full"))
    hot, nobody = found["segments"]
    assert hot["enter"]["count"] == hot["after"] - hot["before"] >= 5
    assert (nobody["after"], found["exact"]) == (0, True)
    headers = {"Authorization": f"Bearer {installation.key('previews', 'read')}", "Content-Type": "text/plain"}
    answer = httpx.post(
        f"{installation.url}/v1/rulebook/preview?full=true", content=file.read_text(), headers=headers, timeout=60
    )
    assert {**answer.json(), "time": found["time"], "days": found["days"]} == found
    told = relance(installation.environment, "preview", str(file))
    assert (told.returncode, told.stderr) == (0, "")  # no bar where nobody looks
    assert "Preview over" in told.stdout
    assert re.search("Never matches: .*segment nobody", told.stdout)
    french = relance({**installation.environment, "RELANCE_LANGUAGE": "fr"}, "preview", str(file))
    assert "Aperçu sur" in french.stdout
    file.write_text("segment wrong: contact.nothing > 1\n")
    wrong = relance(installation.environment, "preview", str(file))
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert f"{file}:1:24: error:" in wrong.stderr
    assert installation.relance("history") == published


def test_a_team_of_one_does_without_the_second_person(installation: Installation) -> None:
    assert installation.relance("approval").startswith("on")
    assert json.loads(installation.relance("approval", "off", "--json")) == {"approval": "off"}
    said = "rules new\nsegment cli: contact.score > 1\n.\nstatus\nrules discard\n"
    chatted = relance(installation.environment, "chat", text=said)
    assert "+ segment cli" in chatted.stdout
    assert "off: an approver publishes alone" in chatted.stdout
    assert installation.relance("approval", "on").startswith("on")


def test_check_tells_what_sites_send_in_vain_and_publish_tells_each_mistake_once(
    installation: Installation, tmp_path: Path
) -> None:
    key = json.loads(installation.relance("source", "add", "vain", "--json"))["write_key"]
    call = {"userId": "7", "traits": {"firstName": "Ada", "shoeSize": 39, "country": "FR"}}
    assert httpx.post(f"{installation.url}/v1/identify", json=call, auth=(key, "")).status_code == 200
    file = tmp_path / "r.rules"
    file.write_text(RULES + "attribute shoe_size: number\n")
    installation.relance("publish", str(file))
    file.write_text(RULES)
    installation.wait_quiet()
    httpx.post(f"{installation.url}/v1/identify", json={**call, "traits": {"hatSize": 5}}, auth=(key, ""))
    deadline = time.monotonic() + 30
    while "hat_size (1)" not in (told := installation.relance("check", str(file))):
        assert time.monotonic() < deadline, told
        time.sleep(0.3)
    assert "no mistakes" in told
    file.write_text(RULES + 'purpose p: "Yes."\ntrigger t for p: on "X"\n  send email nothing_yet\n')
    refused = relance(installation.environment, "publish", str(file))
    assert refused.returncode == 1
    assert refused.stderr.count("there is no email message nothing_yet") == 1


def test_doctor_finds_nothing_wrong_with_a_running_installation(installation: Installation) -> None:
    findings = json.loads(installation.relance("doctor", "--json"))
    assert {finding["verdict"] for finding in findings} <= {"good", "note"}
    assert "appendfsync always" in installation.relance("doctor")


def test_doctor_says_what_is_wrong_and_ends_with_1(installation: Installation) -> None:
    wrong = {**installation.environment, "RELANCE_PROT": "1", "RELANCE_SLACK_BOT_TOKEN": "xoxb-1"}
    done = relance(wrong, "doctor", "--json")
    assert done.returncode == 1
    told = {finding["subject"]: finding["text"] for finding in json.loads(done.stdout) if finding["verdict"] == "wrong"}
    assert "RELANCE_PORT" in told["environment"]
    assert "RELANCE_SLACK_SIGNING_SECRET" in told["Slack"]


def test_doctor_says_where_no_card_can_come_in_telegram(installation: Installation, tmp_path: Path) -> None:
    before, file = installation.relance("export", "rulebook"), tmp_path / "teams.rules"
    addresses = ", ".join(f'telegram "{address}"' for address in ("-1001", "-1001/42", "-1002", "-1002/7", "-1003"))
    file.write_text(f"team sales: {addresses}\n")
    installation.relance("publish", str(file), "--comment", "teams")
    try:
        with TelegramEmulator() as telegram:
            telegram.add_chat(-1001).add_topic(42)
            telegram.add_chat(-1002)
            known = {"RELANCE_TELEGRAM_TOKEN": TOKEN, "RELANCE_TELEGRAM_API_URL": telegram.url}
            done = relance(installation.environment | known, "doctor", "--json")
            told = [one["text"] for one in json.loads(done.stdout) if one["verdict"] == "wrong"]
            assert done.returncode == 1
            assert [text.partition(":")[0] for text in told] == ["-1002/7", "-1003"]
            assert "has no topics" in told[0]
            assert "the bot is not in this chat" in told[1]
            assert "the token works; updates are asked for" in done.stdout
            refused = relance(installation.environment | known | {"RELANCE_TELEGRAM_TOKEN": "1:wrong"}, "doctor")
            assert "refuses the token" in refused.stdout
            assert "not in this chat" not in refused.stdout
        assert "Telegram: cannot be reached" in relance(installation.environment | known, "doctor").stdout
    finally:
        file.write_text(before)
        installation.relance("publish", str(file), "--comment", "as it was")


def test_doctor_on_a_redis_that_loses_data(nowhere: dict[str, str], tmp_path: Path) -> None:
    socket = tmp_path / "s"
    careless = subprocess.Popen(
        [
            find_redis_server(),
            "--port",
            "0",
            "--unixsocket",
            socket,
            "--maxmemory-policy",
            "allkeys-lru",
            "--dir",
            tmp_path,
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        done = relance({**nowhere, "RELANCE_REDIS_URL": f"unix://{socket}"}, "doctor")
        assert done.returncode == 1
        assert "appendonly is off" in done.stdout
        assert "evicts data" in done.stdout
    finally:
        careless.kill()
        careless.wait()


def test_without_anything_running_a_command_says_what_to_do(nowhere: dict[str, str]) -> None:
    done = relance(nowhere, "source", "list")
    assert done.returncode == 1
    assert "relance run" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["source"],
        ["nonsense"],
        ["source", "add"],
        ["key", "add", "x", "--scopes", "all"],
        ["user", "add", "x", "--role", "boss"],
        ["publish", "/does/not/exist"],
    ],
)
def test_wrong_usage_ends_with_2(nowhere: dict[str, str], words: list[str]) -> None:
    done = relance(nowhere, *words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_arguments_that_do_not_fit_end_with_2_and_say_what_to_write(installation: Installation) -> None:
    for words, said in (
        (["user", "add", "x", "--role", "rep", "--slack", "U1"], "T0123/U0456"),
        (["user", "add", "x", "--role", "rep", "--telegram", "ana"], "number"),
        (["source", "add", "a source"], "name"),
    ):
        done = relance(installation.environment, *words)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert said in done.stderr


def test_a_redis_that_does_not_answer_is_named_with_its_setting(nowhere: dict[str, str]) -> None:
    done = relance({**nowhere, "RELANCE_REDIS_URL": "redis://127.0.0.1:9"}, "source", "list")
    assert done.returncode == 1
    assert "RELANCE_REDIS_URL" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_wrong_setting_ends_every_command_with_2_and_one_line(nowhere: dict[str, str]) -> None:
    for words in (["source", "list"], ["run"], ["engine"], ["doctor"]):
        done = relance({**nowhere, "RELANCE_PORT": "eighty"}, *words)
        assert done.returncode == 2
        assert done.stderr == "relance: RELANCE_PORT must be a whole number from 1 to 65535\n"


def test_the_package_that_runs_is_ours() -> None:
    root = Path(__file__).parents[2]
    for package in (bots, rules, server):
        assert Path(package.__file__ or "").is_relative_to(root)


def test_deliveries_are_listed_and_one_that_there_is_not_is_one_line(installation: Installation) -> None:
    assert installation.relance("deliveries", "--state", "failed") == "no deliveries\n"
    assert json.loads(installation.relance("deliveries", "--json")) == {"deliveries": [], "next": None}
    failed = relance(installation.environment, "deliveries", "retry", "0-nothing")
    assert failed.returncode == 1
    assert failed.stderr.startswith("relance: there is no such delivery")
    assert relance(installation.environment, "deliveries", "--state", "lost").returncode == 2
