"""The reference in docs/reference, made from the product: `python -m tests.reference` writes it.

What settings do is kept as it stands in docs/reference/settings.md; their names, order and defaults come from the code.
"""

from __future__ import annotations

import inspect
import json
import re
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import httpx

from bots.commands import COMMANDS
from bots.commands.base import Command
from rules.expression.intrinsics import FORMS
from rules.reference import forms, reference
from rules.words import WORDS, Language
from server.cli import relance
from server.i18n import translator
from server.settings import SETTINGS, Settings
from tests.installation import Installation

__all__ = ["PAGES", "REFERENCE", "commands", "commands_page", "http_page", "language_page", "settings_page"]

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
_METHODS = ("get", "post", "put", "patch", "delete")
_SECTIONS = {"statements": "Statements", "entries": "Entries", "steps": "Scenarios", "actions": "Actions"}
_NAMES = "Names and defaults are made by `python -m tests.reference` from the code; what they do is written here."
_REGULAR = (
    "Written as Python's, and run by RE2. `=~` matches from the beginning of a text, `=~~` anywhere; `\\w`, `\\d`,",
    "`\\s` and `(?i)` know all of Unicode. What matches is what matches in Python; what `$re_groups` has differs where",
    "",
    "- a group is repeated and may be empty: of `(a?)+` in `aa` Python has the last turn, which is empty, RE2 an `a`",
    "- a group ends in `$`, before a final line break: RE2 has the line break too",
    "",
    "and characters that came with a Unicode newer than Python's may be letters to RE2 alone.",
)
_MADE = "Made by `python -m tests.reference` from {source}; change it there."


def language_page() -> str:
    """The rule language: every form in both languages, the functions of expressions, the table of words."""
    out = ["# Reference: the rule language", "", _MADE.format(source="the grammar, its words and its functions"), ""]
    out += [
        "Conditions are [rule-engine](https://zerosteiner.github.io/rule-engine/) expressions; what they may and may"
    ]
    out += ["not hold is in [Expressions](../expressions.md). `relance check FILE` tells every mistake.", ""]
    for language, title in (("en", "English"), ("fr", "French")):
        spoken: Language = "fr" if language == "fr" else "en"
        out += [f"## {title}", ""]
        for section, found in groupby(forms(spoken), lambda one: one.section):
            out += [f"### {_SECTIONS[section]}, in {title}", ""]
            for meaning, same in groupby(found, lambda one: one.meaning):
                out += [
                    "```text",
                    *(one.written for one in same),
                    "```",
                    *([f"\n{meaning[0].upper()}{meaning[1:]}."] if meaning else []),
                    "",
                ]
        notes = reference(spoken).split("\n\n")[-1].split("\n")
        out += [f"### What the {title} forms abbreviate", "", *(f"- {_escaped(note)}" for note in notes), ""]
    out += ["## Functions of expressions", "", *(f"- `{form}`" for form in FORMS.values()), ""]
    out += ["## Regular expressions", "", *_REGULAR, ""]
    out += ["## Words", "", "| English | French |", "| --- | --- |"]
    out += [f"| `{'` `'.join(word.forms('en'))}` | `{'` `'.join(word.forms('fr'))}` |" for word in WORDS]
    return _page(out)


def commands(group: click.Group, path: str = "relance") -> Iterator[tuple[str, click.Command]]:
    """Every command of `relance` that does something, by its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield f"{path} {name}", command
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def commands_page() -> str:
    """The commands of the command line and those of the chats, these in both languages."""
    out = ["# Reference: commands", "", _MADE.format(source="the commands themselves"), ""]
    out += ["- [On the command line](#on-the-command-line)", "- [In chat, in English](#in-chat-in-english)"]
    out += ["- [In chat, in French](#in-chat-in-french)", "", "## On the command line", ""]
    out += [
        "Every command works while the service runs, on the same machine or with the same environment. Exit status:"
    ]
    out += ["0 done, 1 the work failed, 2 wrong usage. `--json` where a program would read the result.", ""]
    for path, command in commands(relance):
        out += _command(path, command)
    for language, title in (("en", "English"), ("fr", "French")):
        out += [f"## In chat, in {title}", ""]
        out += ["Slack: `/relance …` or a mention of the bot. Telegram: `/…`. Terminal: no slash.", ""]
        out += ["| command | role | does |", "| --- | --- | --- |", *(_spoken(one, language) for one in COMMANDS), ""]
    return _page(out)


def _command(path: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    yield f"### `{path}`"
    yield from ("", "```text", f"{path} {' '.join(command.collect_usage_pieces(context))}", "```", "")
    yield from (inspect.cleandoc(command.help or ""), "")
    records = [found for one in command.params if (found := one.get_help_record(context))]
    if records:
        yield from ("| option | |", "| --- | --- |")
        yield from (f"| `{_escaped(option)}` | {_escaped(text)} |" for option, text in records)
        yield ""


def _spoken(command: type[Command], language: str) -> str:
    t = translator(language)
    first, *others = command.words(language)
    usage = t(command.usage) if command.usage else ""
    said = f"`{_escaped(f'{first} {usage}'.strip())}`" + "".join(f" · `{word}`" for word in others)
    summary = t(command.summary)
    does = [summary[:1].upper() + summary[1:] + ".", *(t(one) for one in command.details)]
    return f"| {said} | {command.role or 'all'} | {_escaped(' '.join(does))} |"


def http_page(schema: dict[str, Any]) -> str:
    """Every route of the OpenAPI document: what it does, its parameters, an example of its body, its answers."""
    out = ["# Reference: HTTP", "", _MADE.format(source="the OpenAPI document"), ""]
    out += [
        "A running installation shows it at `/docs`, and gives it to programs at `/docs/openapi.json`. Keys, scopes and"
    ]
    out += [
        "limits are in [Over HTTP](../http.md). Wrong requests are answered as RFC 9457 `application/problem+json`.",
        "",
    ]
    routes = [(path, way, item[way]) for path, item in schema["paths"].items() for way in _METHODS if way in item]
    tag = {one[0]: (one[2].get("tags") or ["Other"])[0] for one in routes}
    routes.sort(key=lambda one: (tag[one[0]] != "Events", tag[one[0]], one[0], _METHODS.index(one[1])))
    for title, found in groupby(routes, lambda one: tag[one[0]]):
        out += [f"## {title}", ""]
        for path, way, operation in found:
            out += _route(path, way, operation)
    return _page(out)


def _route(path: str, way: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"### {way.upper()} `{path}`"
    yield from ("", operation.get("summary", "") + ".")
    if text := operation.get("description"):
        yield from ("", text)
    yield ""
    for one in operation.get("parameters") or []:
        must = ", required" if one.get("required") and one["in"] != "path" else ""
        yield f"- `{one['name']}` ({one['in']}{must}): {one.get('description') or _type(one.get('schema', {}))}"
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        examples = [one["value"] for one in body.get("examples", {}).values() if "value" in one]
        shown = json.dumps(examples[0], ensure_ascii=False) if examples and not isinstance(examples[0], str) else ""
        yield f"- body: `{kind}`" + (f", such as `{shown}`" if shown else "")
    yield "- answers: " + ", ".join(sorted(operation.get("responses", {})))
    yield ""


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(f"`{one}`" for one in schema["enum"] if one is not None)
    found = schema.get("type") or [one.get("type") for one in schema.get("oneOf", [])]
    names = found if isinstance(found, list) else [found]
    return " or ".join(name for name in names if name and name != "null") or "text"


def settings_page() -> str:
    """The variables of the environment: names and defaults from the code, what they do as the page has it."""
    path = REFERENCE / "settings.md"
    rows = re.findall(r"^\| `RELANCE_([A-Z_]+)` \|(.*?)\|(.*)\|$", path.read_text() if path.exists() else "", re.M)
    kept = {name.lower(): (default.strip(), does.strip()) for name, default, does in rows}
    out = ["# Reference: settings", "", _NAMES, ""]
    out += ["All come from the environment. A wrong value is one line and exit status 2.", ""]
    out += ["| variable | default | |", "| --- | --- | --- |"]
    for name in SETTINGS:
        default, does = kept.get(name, ("", ""))
        out.append(f"| `RELANCE_{name.upper()}` | {_default(name) or default} | {does} |")
    return _page(out)


def _default(name: str) -> str:
    value = getattr(Settings(), name)
    match value:
        case bool():
            return "`yes`" if value else "`no`"
        case Path():
            return f"`./{value}`"
        case 0 | "" | ():
            return ""
    return f"`{value}`"


def _escaped(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _page(lines: list[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


PAGES = {"language": language_page, "commands": commands_page, "settings": settings_page}


def main() -> None:
    """Write all pages; for the routes an installation is started."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (REFERENCE / f"{name}.md").write_text(make())
    with tempfile.TemporaryDirectory() as directory, Installation(Path(directory)) as running:
        schema = httpx.get(running.url + "/docs/openapi.json").json()
    (REFERENCE / "http.md").write_text(http_page(schema))


if __name__ == "__main__":
    main()
