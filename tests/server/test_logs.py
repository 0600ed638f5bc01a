"""What is logged, and what never is."""

from __future__ import annotations

import json
import subprocess
import sys

LOGS = """
import logging, structlog
from server.logs import configure_logs
configure_logs({level!r}, "engine")
log = structlog.get_logger("x")
log.info("leases changed", held=12)
log.debug("a detail")
logging.getLogger("httpx").info("GET https://api.telegram.org/bot123:secret/getMe")
logging.getLogger("library").warning("it says something")
try:
    int("ada@example.com")
except ValueError:
    log.exception("event set aside", entry="1-1")
try:
    int("ada@example.com")
except ValueError:
    logging.getLogger("library").exception("it failed")
"""


def lines(level: str) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", LOGS.format(level=level)], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == ""
    assert "ada@example.com" not in done.stderr
    assert "secret" not in done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_is_json_with_its_fields_time_and_process() -> None:
    first = lines("info")[0]
    assert (first["event"], first["held"], first["process"], first["level"]) == ("leases changed", 12, "engine", "info")
    assert str(first["timestamp"]).endswith("Z")


def test_an_exception_is_told_by_class_and_place_without_its_text() -> None:
    told = {line["event"]: line for line in lines("info")}
    for event in ("event set aside", "it failed"):
        assert told[event]["exception"] == "ValueError"
        assert "<module>" in str(told[event]["at"])


def test_the_level_holds_for_our_lines_and_for_libraries() -> None:
    assert {line["event"] for line in lines("error")} == {"event set aside", "it failed"}
    assert "a detail" in {line["event"] for line in lines("debug")}
