"""How the command line tells mistakes of a text: as compilers do, so that editors find the place."""

from __future__ import annotations

from pathlib import Path

from bots.problems import told
from rules.errors import Problem
from server.cli.session import settings
from server.i18n import Translator, translator
from server.services.rulebooks import Checked
from server.settings import SettingsError

__all__ = ["placed", "report"]


def _language() -> Translator:
    """The language of the installation; English where its settings are wrong, as they do not matter here."""
    try:
        return translator(settings().language)
    except SettingsError:
        return translator("en")


def report(file: Path, checked: Checked) -> str:
    """All that `check` found, a line or more each."""
    t = _language()
    lines = [placed(file, "error", problem) for problem in checked.problems]
    lines += [placed(file, "warning", problem) for problem in checked.warnings]
    if checked.ok:
        fine = t("no mistakes")
        lines.append(f"{file}: {fine}")
    return "\n".join(lines)


def placed(file: Path, kind: str, problem: Problem) -> str:
    """`shop.rules:14:21: error: unknown attribute contact.contry — did you mean country?` and the line itself."""
    return f"{file}:{problem.line}:{problem.column}: {kind}: {told(problem, _language())}{problem.pointed()}"
