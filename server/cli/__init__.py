"""The commands of `relance`, a file for each noun; a command's file is imported when it is called."""

from __future__ import annotations

from importlib import import_module
from keyword import iskeyword
from typing import Final

import click

__all__ = ["COMMANDS", "relance"]

COMMANDS: Final = {
    "run": ("run", "Run everything on this machine."),
    "server": ("processes", "Serve HTTP."),
    "engine": ("processes", "Apply events: scores, segments, alerts."),
    "worker": ("processes", "Deliver what is due."),
    "bots": ("processes", "Talk to Slack and Telegram without a public address."),
    "chat": ("chat", "Chat in this terminal."),
    "check": ("rulebook", "Tell all mistakes of a rulebook."),
    "fmt": ("rulebook", "Write a rulebook in the usual form."),
    "preview": ("preview", "Tell what publishing a rulebook would change."),
    "publish": ("rulebook", "Publish a rulebook."),
    "history": ("rulebook", "List the published versions."),
    "rollback": ("rulebook", "Publish an earlier version again."),
    "library": ("library", "Ready-made rulebooks."),
    "import": ("imports", "Take in contacts or events from a file."),
    "export": ("export", "Print what the service holds."),
    "scenarios": ("scenarios", "Scenarios, their steps, how many runs wait at each."),
    "runs": ("scenarios", "Where a contact is in the scenarios."),
    "deliveries": ("deliveries", "What became of messages; retry or drop one."),
    "contact": ("contact", "What is known of a contact, and why."),
    "message": ("message", "The words of messages."),
    "suppression": ("suppression", "Addresses to which no message goes."),
    "bounce": ("bounce", "Take a mail that came back from standard input."),
    "slack": ("slack", "What Slack must be told of this installation."),
    "telegram": ("telegram", "What Telegram must be told of this installation."),
    "webhook": ("webhook", "Where messages to other systems go."),
    "source": ("source", "Sources of events and their write keys."),
    "key": ("key", "API keys of programs."),
    "user": ("user", "People, their roles and their chat accounts."),
    "approval": ("approval", "Whether a second person approves rules."),
    "demo": ("demo", "Play a day at a shop against this installation."),
    "doctor": ("doctor", "Check this installation and say what to do."),
}


class _Commands(click.Group):
    """Finds a command in its file: `relance check` need not import a web server, `relance --help` nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name + "_" * iskeyword(cmd_name)
        command = getattr(import_module(f"server.cli.{COMMANDS[cmd_name][0]}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="relance", message="%(version)s")
def relance() -> None:
    """Marketing automation that is run from chat.

    Settings come from the environment: RELANCE_DATA_DIR, RELANCE_PORT, … (see docs/reference/settings.md).
    """
