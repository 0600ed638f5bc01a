"""What the README and the guides tell one to type works: their blocks run on a real installation, in order.

A block marked `sh` runs when it is made of `relance` and `curl` calls; what needs other machines or people is marked
`text`. A block whose mark names a file (`text shop.rules`) is that file. KEY stands for a write key, API_KEY for one of
an API key.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.installation import Installation

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OURS = re.compile(r"(relance|curl|echo|#)( |$)")
SHOWS = {  # what the calls of a guide print, in this order
    "README.md": ("no mistakes", "Preview over", "is published"),
    "docs/first-rule.md": ("score ", "40", "score pricing", "is true", "Grace is hot", "the text of version 1"),
    "docs/connect-a-site.md": ("ada@shop.example", "Relance runs", '{"rejected":[]'),
    "docs/connect-slack.md": ('"socket_mode_enabled": true', "link"),
    "docs/scenarios.md": ("1 waiting, 1 started", "wait 3 hours", "abandoned_cart", "in no scenario", "welcome"),
    "docs/consent.md": ('{"newsletter":"granted"}', '{"newsletter":"withdrawn"}'),
    "docs/import.md": ("2 rows would be taken", "2 consents recorded", "2 rows taken"),
    "docs/messages.md": ("subject: Hello Joan", "email hello"),
    "docs/http.md": ('{"status":"ok"}', '"ready":true', "relance_"),
}
ANCHOR = re.compile(r"[^\w\- ]")
pytestmark = pytest.mark.xdist_group("guides")  # one installation for all
BY_HAND = ("make ", "export RELANCE_", "RELANCE_")  # on the machine of whoever reads it


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").parse(page.read_text())


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """The blocks of code of a page: how each is marked, the file that it is, its text."""
    found = []
    for token in tokens(page):
        if token.type == "fence":
            kind, _, file = token.info.partition(" ")
            found.append((kind, file.strip(), token.content))
    return found


def calls(text: str) -> list[str]:
    """The calls of a block: a line that goes on, or whose quotes are open, is one with the next."""
    found: list[str] = []
    for line in text.splitlines():
        if found and (found[-1].endswith("\\") or found[-1].count("'") % 2):
            found[-1] += "\n" + line
        elif line.strip():
            found.append(line)
    return found


def runs(kind: str, text: str) -> bool:
    return kind == "sh" and all(OURS.match(one) for one in calls(text))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    mails = {"RELANCE_SMTP_URL": "local:", "RELANCE_MAIL_FROM": "Shop <news@shop.example>"}
    with Installation(tmp_path_factory.mktemp("guides"), **mails) as running:
        yield running


@pytest.fixture(scope="module")
def programs(running: Installation) -> Iterator[Path]:
    """A directory with a `relance` for this installation that is quick to start."""
    with tempfile.TemporaryDirectory() as directory:
        words = [sys.executable, "-m", "tests.forking", directory]
        with subprocess.Popen(words, cwd=ROOT, env=running.environment, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            yield Path(directory)
            server.kill()


@pytest.fixture(scope="module")
def keys(running: Installation, programs: Path) -> dict[str, str]:
    def made(*words: str) -> str:
        done = subprocess.run([programs / "relance", *words], capture_output=True, text=True, check=True, timeout=120)
        return done.stdout.strip()

    scopes = "read,write,rules,consent,admin"
    return {"KEY": made("source", "add", "guide"), "API_KEY": made("key", "add", "guide", "--scopes", scopes)}


def test_a_call_that_fails_is_seen(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.rules").write_text("segment hot: contact.scroe > 1\n")
    path = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    with pytest.raises(AssertionError, match="scroe"):
        call(["bash", "-c", "relance check bad.rules"], tmp_path, path)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_a_guide_tells_one_to_type_works(
    page: Path, running: Installation, programs: Path, keys: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    environment = {
        **running.environment,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "CURL_HOME": str(tmp_path),
    }
    printed = ""
    for kind, file, text in blocks(page):
        here = re.sub(r"\b(API_KEY|KEY)\b", lambda found: keys[found[1]], text)
        here = re.sub(r"http://localhost:8080|https://relance\.example\.com", running.url, here)
        if file:
            (tmp_path / file).write_text(text)
        elif runs(kind, text):
            settle(running)
            printed += call(["bash", "-euo", "pipefail", "-c", here], tmp_path, environment)
        elif kind == "python":
            call([sys.executable, "-c", here], tmp_path, environment)
    at = 0
    for shown in SHOWS.get(named(page), ()):
        at = printed.find(shown, at)
        assert at >= 0, f"{shown} is not printed, in this order:\n{printed}"


def settle(running: Installation) -> None:
    """Wait until all is applied, and every engine follows the published rulebook."""
    running.wait_quiet()
    while (running.ready() or {}).get("recompute"):
        time.sleep(0.05)


def call(words: list[str], directory: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        words, cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{words[-1]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_block_of_shell_that_is_not_run_is_one_for_the_readers_own_machine(page: Path) -> None:
    for kind, _, text in blocks(page):
        if kind == "sh" and not runs(kind, text):
            assert all(one.startswith(BY_HAND) for one in calls(text)), text


def test_the_snippet_for_pages_is_the_one_that_is_tried_in_a_browser() -> None:
    tried = (ROOT / "tests" / "clients" / "shop.html").read_text()
    snippet = re.sub(r" *var words = .*\n", "", tried[tried.index("  !(function") : tried.index("})();")])
    snippet = snippet.replace('words.get("key")', '"KEY"').replace('words.get("host")', '"https://relance.example.com"')
    assert snippet in (ROOT / "docs" / "connect-a-site.md").read_text()


def anchors(page: Path) -> set[str]:
    """The names of a page's headings in links."""
    found = tokens(page)
    titles = [found[at + 1].content for at, token in enumerate(found) if token.type == "heading_open"]
    return {ANCHOR.sub("", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "docs" / "reference").glob("*.md"))], ids=named)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
