"""What every e-mail is put into: the built-in layout, and the words of its footer."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from typing import Final

__all__ = ["footer_text", "footer_words", "layout_source"]

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "why": "You get this e-mail because you agreed to this:",
        "unsubscribe": "Unsubscribe",
        "preferences": "Preferences",
        "view": "View in the browser",
    },
    "fr": {
        "why": "Vous recevez cet e-mail parce que vous avez donné cet accord :",
        "unsubscribe": "Se désabonner",
        "preferences": "Préférences",
        "view": "Voir dans le navigateur",
    },
    "de": {
        "why": "Sie erhalten diese E-Mail, weil Sie hierin eingewilligt haben:",
        "unsubscribe": "Abmelden",
        "preferences": "Einstellungen",
        "view": "Im Browser ansehen",
    },
    "es": {
        "why": "Recibe este correo porque dio este consentimiento:",
        "unsubscribe": "Darse de baja",
        "preferences": "Preferencias",
        "view": "Ver en el navegador",
    },
    "it": {
        "why": "Riceve questa e-mail perché ha dato questo consenso:",
        "unsubscribe": "Annulla l'iscrizione",
        "preferences": "Preferenze",
        "view": "Vedi nel browser",
    },
    "nl": {
        "why": "U krijgt deze e-mail omdat u hiermee hebt ingestemd:",
        "unsubscribe": "Uitschrijven",
        "preferences": "Voorkeuren",
        "view": "Bekijk in de browser",
    },
}


@functools.cache
def layout_source() -> str:
    """The built-in layout: what an installation's own may begin from."""
    return (resources.files("rules.message") / "layout.html").read_text("utf-8")


def footer_words(locale: str) -> Mapping[str, str]:
    """The words of a footer in the language of a locale; in English where we do not have it."""
    return _WORDS.get(locale.partition("-")[0].lower(), _WORDS["en"])


def footer_text(locale: str, wording: str, links: Mapping[str, str], sender: str, body: str) -> str:
    """The footer of a text part; an address that the body holds already is not given again."""
    words = footer_words(locale)
    lines = [f"{words['why']} {wording}"] if wording else []
    for name in ("unsubscribe", "preferences", "view"):
        if links.get(name) and links[name] not in body:
            lines.append(f"{words[name]}{':' if words is not _WORDS['fr'] else ' :'} {links[name]}")
    lines += [sender] if sender else []
    return "\n".join(["-- ", *lines]) if lines else ""
