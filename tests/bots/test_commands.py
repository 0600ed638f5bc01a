"""Every command, in each language, as each medium shows it."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from bots.commands import COMMANDS, STRANGER, Caller, run
from bots.replies import Reply
from bots.slack.render import render as render_slack
from bots.telegram.render import render as render_telegram
from bots.terminal.render import render as render_terminal
from server.model.actor import Actor
from tests.bots.desk import Desk
from tests.emulators.block_kit import check_blocks, texts
from tests.emulators.telegram import checked, visible

MEDIA = ("slack", "telegram", "terminal")
ADMIN = Actor(id="u-root", name="Root", roles=("admin",))


WELCOME = "{{ contact.first_name }}, {{ contact.email }}"


class Case(NamedTuple):
    """A command as it is typed, and what its answer says, in English and in French."""

    english: str
    french: str
    says: tuple[str, ...]
    dit: tuple[str, ...]


CASES = (
    Case("help", "aide", ("What you can do here", "leads", "claim"), ("Ce que vous pouvez faire ici", "prospects")),
    Case("help why", "aide pourquoi", ("REF [RULE]",), ("RÉF [RÈGLE]",)),
    Case("whoami", "qui-suis-je", ("You are Root", "admin"), ("Vous êtes Root", "admin")),
    Case("link NOSUCHCODE", "lier NOSUCHCODE", ("This code is unknown",), ("Ce code est inconnu",)),
    Case("leads", "prospects", ("Léa", "35", "{alert}", "open"), ("Léa", "35", "{alert}", "libre")),
    Case("leads open", "pistes ouvertes", ("Open leads", "Léa"), ("Prospects libres", "Léa")),
    Case("leads mine", "prospects mes", ("Nobody is waiting",), ("Personne n'attend",)),
    Case("leads hot", "prospects hot", ("hot", "Léa", "cart +30"), ("hot", "Léa", "cart +30")),
    Case("leads nowhere", "prospects nowhere", ("no segment called nowhere",), ("Aucun segment ne s'appelle nowhere",)),
    Case("top hot", "meilleurs hot", ("The hottest of hot", "1. Léa · 35"), ("Les plus chauds de hot", "1. Léa")),
    Case("top hot 3", "top hot 3", ("The hottest of", "Léa"), ("Les plus chauds", "Léa")),
    Case("contact 42", "fiche 42", ("Léa", "35", "french, hot", "0•••8"), ("Léa", "35", "french, hot", "0•••8")),
    Case("contact 42@shop.example", "contact 42@shop.example", ("Léa",), ("Léa",)),
    Case(
        "contact léa", "fiche LEA", ("One contact may be meant", "Léa · 35"), ("Un contact peut convenir", "Léa · 35")
    ),
    Case("contact 06 12 34 56 78", "fiche +33612345678", ("One contact", "Léa"), ("Un contact", "Léa")),
    Case("contact nobody", "fiche personne", ("no such contact",), ("Ce contact n'existe pas",)),
    Case("why 42", "pourquoi 42", ("Léa: 35 points", "cart +30 (once)"), ("Léa : 35 points", "cart +30 (une fois)")),
    Case("why 42 hot", "pourquoi 42 hot", ("Yes, it is true", "contact.score >= 30"), ("Oui", "contact.score >= 30")),
    Case("why 42 second_cart", "pourquoi 42 second_cart", ("No:", "✗"), ("Non", "✗")),
    Case("why alert:{alert}", "pourquoi alerte:{alert}", ("Léa: 35 points",), ("Léa : 35 points",)),
    Case("why alert:ZZZZ hot", "pourquoi alerte:ZZZZ", ("no such alert",), ("Cette alerte n'existe pas",)),
    Case("why 42 nothing", "pourquoi 42 rien", ("no rule called nothing",), ("Aucune règle ne s'appelle rien",)),
    Case("claim {alert}", "prendre {alert}", ("You have it", "claimed by Root"), ("Vous l'avez", "pris par Root")),
    Case("claim ZZZZ", "prendre ZZZZ", ("no such alert",), ("Cette alerte n'existe pas",)),
    Case("release {alert}", "rendre {alert}", ("It is open again",), ("De nouveau libre",)),
    Case(
        "snooze {alert}",
        "reporter {alert}",
        ("Until when?", "Léa"),
        ("Jusqu'à quand ?", "Léa"),
    ),
    Case("snooze {alert} ?", "reporter {alert} ?", ("Until when?", "3h"), ("Jusqu'à quand ?", "3h")),
    Case(
        "snooze {alert} tomorrow 9:00",
        "reporter {alert} demain 9h",
        ("Put off until Tue 3 Mar 09:00", "put off by Root"),
        ("Reporté au mar. 3 mars 09:00", "reporté par Root"),
    ),
    Case("snooze {alert} sometime", "reporter {alert} bientôt", ("ALERT 3h",), ("ALERTE 3h",)),
    Case("dismiss {alert}", "écarter {alert}", ("Why is it dismissed?",), ("Pourquoi l'écarter ?",)),
    Case("done {alert} ?", "terminer {alert} ?", ("What came of it?", "Léa"), ("Qu'en est-il sorti ?", "Léa")),
    Case("done {alert} won", "terminer {alert} gagné", ("Done: won", "finished by Root"), ("Terminé : gagné", "Root")),
    Case("dismiss {alert} spam", "écarter {alert} bidon", ("This alert is over",), ("Cette alerte est close",)),
    Case("note 42", "noter 42", ("What is to be remembered?", "Léa"), ("Que faut-il retenir ?", "Léa")),
    Case("note 42 likes blue shoes", "noter 42 aime le bleu", ("Written down about Léa",), ("Noté au sujet de Léa",)),
    Case("task 42", "tâche 42", ("What is to be done?", "Léa"), ("Que faut-il faire ?", "Léa")),
    Case(
        "task 42 call her by tomorrow 10:00",
        "tâche 42 la rappeler avant demain 10h",
        ("On your list: call her", "Due Tue 3 Mar 10:00"),
        ("Dans votre liste : la rappeler", "mar. 3 mars 10:00"),
    ),
    Case("task nobody call", "tâche personne rappeler", ("no such contact",), ("Ce contact n'existe pas",)),
    Case("tasks", "tâches", ("call her", "Léa", "due Tue 3 Mar"), ("la rappeler", "Léa", "échéance mar. 3 mars")),
    Case(
        "timeline 42",
        "chronologie 42",
        ("Product Added", "price: 10", "likes blue shoes", "Root"),
        ("Product Added", "aime le bleu", "Root"),
    ),
    Case("rules", "règles", ("Rulebook 1", "cart, core_market, hot"), ("Règles, version 1", "cart, core_market, hot")),
    Case("rules score", "règles scores", ('score cart: +30 on "Product Added"',), ("score cart: +30",)),
    Case("rules nonsense", "règles bêtises", ("no such kind",), ("Cette sorte de règle n'existe pas",)),
    Case(
        "rules show hot_lead",
        "règles voir hot_lead",
        ("trigger hot_lead", "alert sales"),
        ("déclencheur hot_lead", "alert sales"),
    ),
    Case("rules show hot", "règles voir hot", ("Several rules", "score hot"), ("Plusieurs règles", "score hot")),
    Case("rules show segment hot", "règles voir segment hot", ("contact.score >= 30",), ("contact.score >= 30",)),
    Case("rules show week", "règles voir week", ("top 10 of hot", "Tue 3 Mar 09:00"), ("top 10", "mar. 3 mars 09:00")),
    Case("rules show nothing", "règles voir rien", ("no rule called nothing",), ("Aucune règle ne s'appelle rien",)),
    Case(
        "rules new segment big: contact.score >= 100",
        "règles ajouter segment big: contact.score >= 100",
        ("Your draft has no mistakes", "+ segment big"),
        ("Votre brouillon est sans faute", "+ segment big"),
    ),
    Case("rules edit segment big", "règles modifier segment big", ("contact.score >= 100",), ("segment big",)),
    Case(
        "rules edit segment big\nsegment big: contact.scor >= 90",
        "règle modifier big\nsegment big: contact.scor >= 90",
        ("One mistake", "line 1, column 22", "did you mean score?", "^^^^"),
        ("Une faute", "ligne 1, colonne 22"),
    ),
    Case(
        "rules edit segment big\nsegment big: contact.score >= 90",
        "règle modifier big\nsegment big: contact.score >= 90",
        ("Your draft has no mistakes",),
        ("sans faute",),
    ),
    Case("rules delete second_cart", "règles supprimer second_cart", ("− trigger second_cart",), ("− déclencheur",)),
    Case(
        "rules edit nothing", "règles modifier rien", ("no rule called nothing",), ("Aucune règle ne s'appelle rien",)
    ),
    Case("rules test big 42", "règles tester big 42", ("Léa", "No:", "In your draft"), ("Léa", "Non", "Dans votre")),
    Case("rules diff", "règles différences", ("+ segment big: contact.score >= 90",), ("+ segment big",)),
    Case("rules diff 1", "règles différences 1", ("From version 1 to your draft",), ("De version 1 à votre",)),
    Case("rules preview", "règles aperçu", ("Preview over", "big"), ("Aperçu", "big")),
    Case("rules update", "règles actualiser", ("up to version 1",), ("suit la version 1",)),
    Case("rules submit for big spenders", "règles soumettre pour les gros paniers", ("Submitted",), ("Soumis",)),
    Case("rules approve", "règles approuver", ("Root asks to publish", "exactly this"), ("Root demande", "exactement")),
    Case("rules reject not now", "règles refuser non", ("Rejected; Root",), ("Refusé ; Root",)),
    Case("rules discard", "règles abandonner", ("The draft is gone",), ("Le brouillon n'est plus",)),
    Case("rules history", "règles historique", ("Version 1",), ("Version 1",)),
    Case("rules pause hot_lead", "règles suspendre hot_lead", ("hot_lead is paused",), ("hot_lead est suspendu",)),
    Case("rules pause hot", "règles suspendre hot", ("Only triggers",), ("Seuls les déclencheurs",)),
    Case("rules resume hot_lead", "règles reprendre hot_lead", ("fires again",), ("se déclenche à nouveau",)),
    Case("rules rollback 1", "règles revenir 1", ("the text of version 1",), ("le texte de la version 1",)),
    Case("segments", "segments", ("hot", "french", "Contacts"), ("hot", "french", "Contacts")),
    Case("segment hot", "segment hot", ("segment hot: contact.score >= 30", "1"), ("contact.score >= 30", "1")),
    Case("messages", "messages", ("welcome", "email", "Ann", "stale"), ("welcome", "Ann", "périmé")),
    Case(
        "message welcome",
        "message welcome",
        ("Hello {{{{ contact.first_name", "Ann", "Sent by", "nothing"),
        ("Bonjour {{{{ contact.first_name", "Responsable", "périmé", "Envoyé par"),
    ),
    Case(
        "message welcome 42",
        "message welcome email 42",
        ("Hello Léa, 4•••", "masked"),
        ("Hello Léa, 4•••", "masqués"),  # in the contact's language
    ),
    Case("message test welcome 42", "message essayer welcome 42", ("nobody of this name",), ("Personne ne porte",)),
    Case("message nothing", "message rien", ("no message called nothing",), ("Aucun message ne s'appelle rien",)),
    Case("teams", "équipes", ("sales", "Median", "100%"), ("sales", "Médiane", "100")),
    Case(
        "rules show trigger hot_lead",
        "règles voir déclencheur hot_lead",
        ("100% of 1 alerts that are over", "1 won"),
        ("de 1 alertes closes", "1 gagnées"),
    ),
    Case(
        "mute hot_lead 2h",
        "taire hot_lead 2h",
        ("No new cards of hot_lead here until Mon 2 Mar 11:00",),
        ("Pas de nouvelle carte de hot_lead ici jusqu'au lun.",),
    ),
    Case("mute hot_lead off", "taire hot_lead fin", ("appear here again",), ("reviennent ici",)),
    Case("mute hot 2h", "taire hot 2h", ("no trigger or scenario called hot",), ("Aucun déclencheur ni scénario",)),
    Case("mute hot_lead 2 years", "taire hot_lead 24 mois", ("RULE 2h",), ("un mois au plus",)),
    Case("scenarios", "scénarios", ("follow_up", "Waiting"), ("follow_up", "En attente")),
    Case(
        "scenario follow_up",
        "scénario follow_up",
        ("1    wait 3 days", "     if contact.score >= 30", "       wait until monday 09:00", "Started"),
        ("1    wait 3 days", "wait until monday", "Commencés"),
    ),
    Case("scenario hot", "scénario hot", ("no scenario called hot",), ("Aucun scénario ne s'appelle hot",)),
    Case(
        "runs 42",
        "parcours 42",
        ("Léa: runs", "wait 3 days", "until Thu 5 Mar 09:00", "by Product Added"),
        ("Léa : parcours", "wait 3 days", "jusqu'au jeu. 5 mars 09:00"),
    ),
    Case("rules pause scenario follow_up", "règles suspendre follow_up", ("is paused",), ("est suspendu",)),
    Case("runs 42", "parcours 42", ("paused",), ("en pause",)),
    Case("rules resume follow_up", "règles reprendre follow_up", ("follow_up goes on",), ("follow_up continue",)),
    Case("deliveries", "envois", ("Deliveries", "There are none."), ("Envois", "Il n'y en a pas.")),
    Case("deliveries failed", "envois échoués", ("Deliveries",), ("Envois",)),
    Case("deliveries 42", "envois 42", ("There are none.",), ("Il n'y en a pas.",)),
    Case("deliveries nobody", "envois personne", ("no such contact",), ("Ce contact n'existe pas",)),
    Case("deliveries retry 0-abc", "envois relancer 0-abc", ("no such delivery",), ("Cet envoi n'existe pas",)),
    Case("deliveries drop 0-abc", "envois abandonner 0-abc", ("no such delivery",), ("Cet envoi n'existe pas",)),
    Case("status", "état", ("Relance runs", "8 of 8", "Stale messages"), ("Relance fonctionne", "Messages périmés")),
    Case("claim", "prendre", ("ALERT",), ("ALERTE",)),
    Case("claims {alert}", "prendr {alert}", ("Did you mean", "claim {alert}"), ("Vouliez-vous dire", "prendre")),
    Case("xyzzy", "xyzzy", ("I do not know this command",), ("Je ne connais pas cette commande",)),
)


def shown(medium: str, reply: Reply) -> str:
    """What a reader sees of the reply, which keeps the medium's limits."""
    match medium:
        case "slack":
            messages = render_slack(reply)
            for message in messages:
                check_blocks(message.blocks)
                assert 0 < len(message.text) <= 3000
            seen = "\n".join(text for message in messages for text in texts(message.blocks))
            return seen.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        case "telegram":
            return "\n".join(visible(checked(message.text, message.keyboard)) for message in render_telegram(reply))
        case _:
            return render_terminal(reply)


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("medium", MEDIA)
async def test_each_command_answers_in_each_language_and_medium(desk: Desk, medium: str, language: str) -> None:
    alert = await desk.hot_lead()
    for locale, hello in (("en", "Hello"), ("fr", "Bonjour")):
        source = f"---\nsubject: {hello}\nowner: Ann\nexpires: 2020-01-01\n---\n{hello} {WELCOME}\n"
        await desk.services.messages.put(ADMIN, "welcome", "email", locale, source)
    chat = {"slack": ("C1", "#hot-leads"), "telegram": ("-1001",)}.get(medium, ())
    caller = Caller(platform=medium, workspace="T0", user="U1", chat=chat)
    for case in CASES:
        said, expected = (case.english, case.says) if language == "en" else (case.french, case.dit)
        reply = await run(desk.services, ADMIN, said.format(alert=alert.id), language, caller=caller, clock=desk.clock)
        seen = shown(medium, reply)
        for words in expected:
            assert words.format(alert=alert.id) in seen, f"{said!r} does not say {words!r}:\n{seen}"
        assert "0612345678" not in seen
        assert "42@shop.example" not in seen


def test_each_command_is_in_the_table() -> None:
    from bots.commands import parse

    tried = {type(parse(case.english)) for case in CASES if not case.english.startswith(("xyz", "claims"))
             and case.english != "claim"}  # fmt: skip
    assert tried == set(COMMANDS)


NEEDS = {
    "viewer": (
        "rules",
        "messages",
        "rules show cart",
        "segments",
        "segment hot",
        "scenarios",
        "scenario follow_up",
        "teams",
        "status",
    ),
    "rep": (
        "leads",
        "leads hot",
        "top hot",
        "contact 42",
        "timeline 42",
        "why 42",
        "why alert:{alert}",
        "claim {alert}",
        "snooze {alert} 1h",
        "release {alert}",
        "note 42 x",
        "task 42 x",
        "tasks",
        "done {alert}",
        "dismiss {alert} x",
        "mute hot_lead 1h",
    ),
    "marketer": (
        "runs 42",
        "rules new",
        "rules edit cart",
        "rules delete cart",
        "rules diff",
        "rules history",
        "rules submit",
    ),
    "approver": ("rules approve", "rules reject no", "rules pause hot_lead", "rules resume hot_lead"),
}


@pytest.mark.parametrize("role", ["viewer", "rep", "marketer", "approver", "admin", "privacy"])
async def test_a_role_may_do_what_it_may_and_help_shows_just_that(desk: Desk, role: str) -> None:
    alert = await desk.hot_lead()
    actor = Actor(id="u-x", name="X", roles=(role,))  # type: ignore[arg-type]
    for needed, commands in NEEDS.items():
        for said in commands:
            reply = await run(desk.services, actor, said.format(alert=alert.id), clock=desk.clock)
            refused = "This needs the role" in reply.title
            assert refused is not actor.has(needed), f"{role} saying {said!r} hears {reply.title!r}"
    seen = render_terminal(await run(desk.services, actor, "help"))
    for command in COMMANDS:
        listed = len(re.findall(rf"^ *`{command.said('en')}(?: [^`a-z]|`)", seen, re.M))
        assert listed == (command.role is None or actor.has(command.role)), command


async def test_a_stranger_hears_how_to_be_linked_whatever_they_ask(desk: Desk) -> None:
    alert = await desk.hot_lead()
    caller = Caller(platform="slack", workspace="T1", user="U9")
    for said in (*NEEDS["viewer"], *NEEDS["rep"], "whoami"):
        reply = await run(desk.services, STRANGER, said.format(alert=alert.id), caller=caller)
        assert "`/relance link CODE`" in shown("terminal", reply)
    assert "leads" not in shown("terminal", await run(desk.services, STRANGER, "help", caller=caller))


async def test_french_words_are_answered_in_french_and_english_ones_in_the_persons_language(desk: Desk) -> None:
    from bots.commands import reply_to

    await desk.person("Ana", slack="U0ANA")
    caller = Caller(platform="slack", workspace="T0RELANCE", user="U0ANA")
    assert "Vous êtes" in (await reply_to(desk.services, caller, "qui-suis-je", language="en")).title
    assert "Vous êtes" in (await reply_to(desk.services, caller, "whoami", language="fr")).title
    assert "Règles" in (await reply_to(desk.services, caller, "RÈGLES", language="en")).title
    assert "Segments" in (await reply_to(desk.services, caller, "segments", language="fr")).title


async def test_leads_come_in_pages_the_hottest_first(desk: Desk) -> None:
    for number in range(12):
        await desk.visits(f"u{number:02}", "Product Added", first_name=f"Lead{number:02}", country="FR")
        for _ in range(number % 4):
            await desk.visits(f"u{number:02}")
    first = await run(desk.services, ADMIN, "leads hot", clock=desk.clock)
    assert first.pages is not None
    assert first.pages.next is not None
    second = await run(desk.services, ADMIN, first.pages.next.command, clock=desk.clock)
    assert second.pages is not None
    assert second.pages.next is None
    assert second.pages.previous is not None
    assert [len(first.items), len(second.items)] == [10, 2]
    scores = [float(item.title.split(" · ")[1]) for item in (*first.items, *second.items)]
    assert scores == sorted(scores, reverse=True)
    assert len({item.title.split(" · ")[0] for item in (*first.items, *second.items)}) == 12
    back = await run(desk.services, ADMIN, second.pages.previous.command, clock=desk.clock)
    assert back == first


async def test_a_lost_claim_says_who_has_it(desk: Desk) -> None:
    alert = await desk.hot_lead()
    ana, ben = (Actor(id=f"u-{name}", name=name, roles=("rep",)) for name in ("Ana", "Ben"))
    assert (await run(desk.services, ana, f"claim {alert.id}")).tone == "good"
    reply = await run(desk.services, ben, f"claim {alert.id.lower()}")
    assert (reply.tone, reply.title) == ("bad", "Ana already has this lead.")
    assert "Ana has this lead" in (await run(desk.services, ben, f"release {alert.id}")).title
    assert "Ana a déjà" in (await run(desk.services, ben, f"prendre {alert.id}", "fr")).title
