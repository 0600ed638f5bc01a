"""The texts of the code and their translations: `python -m tests.translations` brings the catalogues in step."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from server.i18n import DOMAIN, LANGUAGES, LOCALES

__all__ = ["catalogue", "main", "template"]

ROOT = Path(__file__).parent.parent
KEYWORDS: dict[str, Any] = {"t": None, "mark": None, "count": (1, 2)}  # as `server.i18n` has them


def template() -> Catalog:
    """All texts of the code, each with the modules that say it."""
    found = Catalog(project="Relance", version="", charset="utf-8")
    found.header_comment = "# Texts of Relance."
    for path in sorted([*ROOT.glob("bots/**/*.py"), *ROOT.glob("server/**/*.py")]):
        ours = path.name == "i18n.py" or path.is_relative_to(ROOT / "bots")
        if not ours and "from server.i18n import" not in path.read_text():
            continue  # what it calls `count` or `t` is something else
        for _, message, comments, _ in extract_from_file("python", str(path), keywords=KEYWORDS):
            found.add(message, locations=[(str(path.relative_to(ROOT)), None)], auto_comments=comments)
    return found


def catalogue(language: str) -> Catalog:
    """The translations of a language as they are kept."""
    with (LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        return read_po(file, locale=language)


def main() -> None:
    """Write the template, and the new texts into every catalogue, to be translated."""
    texts = template()
    _write(LOCALES / f"{DOMAIN}.pot", texts)
    for language in LANGUAGES[1:]:
        path = LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.po"
        known = catalogue(language) if path.exists() else Catalog(locale=language, charset="utf-8")
        known.header_comment = f"# Relance: {language}."
        known.update(texts, no_fuzzy_matching=True, update_header_comment=False)
        known.obsolete.clear()
        _write(path, known)


def _write(path: Path, texts: Catalog) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, texts, width=0, sort_output=True, include_lineno=False, ignore_obsolete=True)
    # dates would make every run a change
    path.write_text(re.sub(r'^"(POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team|Report-Msgid-Bugs-To|'
                           r'Generated-By): .*\n', "", path.read_text(), flags=re.M))  # fmt: skip


if __name__ == "__main__":
    main()
