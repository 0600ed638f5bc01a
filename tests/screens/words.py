"""What the people of the story type, and what the chats themselves say around it, in each language."""

from __future__ import annotations

__all__ = ["WORDS"]

_ENGLISH = {
    "help": "help",
    "top": "top ready_to_buy",
    "why": "why C-1042",
    "timeline": "timeline C-1042",
    "contact": "contact C-1042",
    "claim": "claim",
    "dismiss": "Dismiss",
    "note": "note C-1042 Opens a second shop in May, wants the machine before Easter",
    "task": "task C-0977 Send the quote for two machines by tomorrow 9:00",
    "mine": "leads mine",
    "tasks": "tasks",
    "why?": "Why is it dismissed?",
    "reason": "Sells coffee machines herself",
    "edit": "rules edit segment ready_to_buy",
    "rule": 'segment ready_to_buy: contact.score >= 80 and contact.contry == "FR"',
    "alone": "Only visible to you",
    "tabs": "Home, Messages, About",
    "group": "Sales",
    "members": "6 members",
}
_FRENCH = {
    "help": "aide",
    "top": "top prets_a_acheter",
    "why": "pourquoi C-1042",
    "timeline": "chronologie C-1042",
    "contact": "fiche C-1042",
    "claim": "prendre",
    "dismiss": "Écarter",
    "note": "note C-1042 Ouvre une deuxième boutique en mai, veut la machine avant Pâques",
    "task": "tâche C-0977 Envoyer le devis de deux machines avant demain 9:00",
    "mine": "prospects miens",
    "tasks": "tâches",
    "why?": "Pourquoi l'écarter ?",
    "reason": "Vend elle-même des machines à café",
    "edit": "règles modifier segment prets_a_acheter",
    "rule": 'segment prets_a_acheter: contact.score >= 80 and contact.contry == "FR"',
    "alone": "Visible par vous uniquement",
    "tabs": "Accueil, Messages, À propos",
    "group": "Ventes",
    "members": "6 membres",
}
WORDS = {"en": _ENGLISH, "fr": _FRENCH}
