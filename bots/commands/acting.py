"""Commands that act on one alert: claim, release, snooze, done, dismiss."""

from __future__ import annotations

from typing import Final, Self

from msgspec.structs import replace

from bots.cards import OUTCOMES, card_reply, known_as, status_text
from bots.commands.base import Asking, Command, Misused, fold
from bots.commands.moments import moment_of
from bots.replies import Prompt, Reply
from rules.contact import Alert, AlertStatus
from server.i18n import mark
from server.model.draft import Place
from server.services.alerts import Outcome

__all__ = ["Claim", "Dismiss", "Done", "Release", "Snooze", "asked_for"]

TITLE: Final = 24  # characters that the title of a form holds
ASK: Final = "?"  # in the place of what a button does not know: ask for it
HINTS: Final = {
    "slack": mark("Press the button to write it."),
    "telegram": mark("Answer this message with it."),
    "terminal": mark("Write it; a line with a single full stop ends it."),
}
_SAID: Final[dict[str, Outcome]] = {
    "won": "won", "gagne": "won", "lost": "lost", "perdu": "lost", "junk": "junk", "indesirable": "junk", "spam": "junk"
}  # fmt: skip


class _OneAlert(Command, frozen=True, kw_only=True):
    """A command about one alert."""

    usage = mark("ALERT")
    role = "rep"
    alert: str

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) != 1:
            raise Misused(cls)
        return cls(alert=_id(rest[0]))

    async def _answer(self, asking: Asking, alert: Alert, title: str) -> Reply:
        card = await asking.services.alerts.card(alert)
        shown = card_reply(card, asking.t)
        return replace(shown, title=title, lines=(shown.title, *shown.lines), tone="good")

    async def _acted(self, asking: Asking, alert: Alert, status: AlertStatus, title: str) -> Reply:
        """What became of the alert, in few words: its card says the rest. Where it has not taken effect yet, that it
        is noted.
        """
        if alert.status != status:
            return replace(_pending(asking), settles=True)
        card = await asking.services.alerts.card(alert)
        shown = card_reply(card, asking.t)
        lines = (shown.title, status_text(card.status, card.owner, asking.t))
        return replace(shown, title=title, lines=lines, fields=(), tone="good", settles=True)


class Claim(_OneAlert, frozen=True, kw_only=True, tag="claim"):
    en = ("claim",)
    fr = ("prendre",)
    summary = mark("take a lead on; everybody sees that you have it")

    async def answer(self, asking: Asking) -> Reply:
        alert = await asking.services.alerts.claim(asking.actor, self.alert)
        if alert.owner != asking.actor.id:
            return _pending(asking)
        return await self._answer(asking, alert, asking.t("You have it"))


class Release(_OneAlert, frozen=True, kw_only=True, tag="release"):
    en = ("release",)
    fr = ("rendre", "relâcher")
    summary = mark("give a lead back to its team")

    async def answer(self, asking: Asking) -> Reply:
        alert = await asking.services.alerts.release(asking.actor, self.alert)
        if alert.owner:
            return _pending(asking)
        return await self._answer(asking, alert, asking.t("It is open again"))


class Snooze(_OneAlert, frozen=True, kw_only=True, tag="snooze"):
    en = ("snooze",)
    fr = ("reporter",)
    usage = mark("ALERT 3h")
    summary = mark("put a lead off; it is yours and comes back by itself")
    details = (mark("`3h`, `2 days`, `tomorrow 9:00`, `monday 14:00`, `2027-03-02 9:00`; without a time you choose."),)

    when: str = ""

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if not rest:
            raise Misused(cls)
        return cls(alert=_id(rest[0]), when=" ".join(rest[1:]))

    @property
    def asks(self) -> bool:
        return self.when == ASK

    async def answer(self, asking: Asking) -> Reply:
        t, zone = asking.t, asking.zone
        if not self.when:
            return await self._choice(asking)
        if self.when == ASK:
            return asked_for(asking, self.said("en") + f" {self.alert}", t("Until when?"), t("`3h`, `tomorrow 9:00` …"))
        until = moment_of(self.when.split(), asking.clock.now(), zone)
        if until is None:
            raise Misused(type(self))
        alert = await asking.services.alerts.snooze(asking.actor, self.alert, until)
        return await self._acted(asking, alert, "snoozed", t("Put off until {moment}", moment=t.local(until, zone)))

    async def _choice(self, asking: Asking) -> Reply:
        t = asking.t
        card = await asking.services.alerts.card(await asking.services.alerts.get(asking.actor, self.alert))
        offers = (("1h", t("1 hour")), ("4h", t("4 hours")), ("tomorrow 9:00", t("Tomorrow 9:00")), (ASK, t("Other…")))
        return Reply(
            title=t("Until when?"),
            lines=(known_as(card.who, card.company),),
            buttons=tuple(Snooze(alert=self.alert, when=when).button(label) for when, label in offers),
        )


class Done(_OneAlert, frozen=True, kw_only=True, tag="done"):
    en = ("done",)
    fr = ("terminer", "fini")
    usage = mark("ALERT [won|lost|junk]")
    summary = mark("finish a lead or a task, and say what came of it")
    details = (mark("`junk` says that it was no lead: `rules show` tells how many alerts of a rule were worth it."),)

    outcome: str = ""

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if not 1 <= len(rest) <= 2:
            raise Misused(cls)
        said = fold(rest[1]) if len(rest) == 2 else ""
        if said not in ("", ASK, *_SAID):
            raise Misused(cls)
        return cls(alert=_id(rest[0]), outcome=_SAID.get(said, said))

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        if self.outcome == ASK:
            return await self._choice(asking)
        outcome: Outcome = _SAID.get(self.outcome, "")
        alert = await asking.services.alerts.done(asking.actor, self.alert, outcome)
        title = t("Done: {outcome}", outcome=t(OUTCOMES[outcome])) if outcome else t("Done")
        return await self._acted(asking, alert, "done", title)

    async def _choice(self, asking: Asking) -> Reply:
        t = asking.t
        alert = await asking.services.alerts.get(asking.actor, self.alert)
        card = await asking.services.alerts.card(alert)
        buttons = [
            Done(alert=self.alert, outcome=said).button(t(label).capitalize()) for said, label in OUTCOMES.items()
        ]
        buttons.append(Done(alert=self.alert).button(t("Just done")))
        return Reply(title=t("What came of it?"), lines=(known_as(card.who, card.company),), buttons=tuple(buttons))


class Dismiss(_OneAlert, frozen=True, kw_only=True, tag="dismiss"):
    en = ("dismiss",)
    fr = ("écarter",)
    usage = mark("ALERT REASON")
    summary = mark("close an alert that was none, and say why")
    takes_text = True

    why: str = ""

    @classmethod
    def read_text(cls, rest: str) -> Self:
        words = rest.split(maxsplit=1)
        if not words:
            raise Misused(cls)
        return cls(alert=_id(words[0]), why=words[1] if len(words) == 2 else "")

    @property
    def asks(self) -> bool:
        return not self.why

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        if not self.why:
            card = await asking.services.alerts.card(await asking.services.alerts.get(asking.actor, self.alert))
            who = known_as(card.who, card.company)
            return asked_for(asking, f"dismiss {self.alert}", t("Why is it dismissed?"), who)
        alert = await asking.services.alerts.dismiss(asking.actor, self.alert, self.why)
        return await self._acted(asking, alert, "dismissed", t("Dismissed"))


def asked_for(asking: Asking, command: str, title: str, hint: str = "") -> Reply:
    """Ask for the words that a command still needs; the answer is read as what follows it."""
    said = asking.t(HINTS.get(asking.caller.platform, HINTS["terminal"]))
    place = Place(what="command", name=command, person=asking.actor.id)
    prompt = Prompt(place=place, title=title if len(title) <= TITLE else "Relance", hint=said, command=command)
    return Reply(title=title, lines=(hint,) if hint else (), prompt=prompt)


def _pending(asking: Asking) -> Reply:
    t = asking.t
    return Reply(title=t("Noted"), lines=(t("There is a backlog: the card will show it in a moment."),))


def _id(word: str) -> str:
    return word.lstrip("#")
