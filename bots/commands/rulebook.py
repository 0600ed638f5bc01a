"""Commands about the rulebook: rules, rules show, segments, segment."""

from __future__ import annotations

from typing import Final, Self

from bots.commands.base import Asking, Command, Misused, fold
from bots.drafts import rule_name
from bots.replies import Button, Field, Reply, Table
from rules.digest import next_occurrence
from rules.moment import zone
from rules.rulebook import Rulebook
from rules.words import WORDS
from server.errors import Ambiguous, NotFound
from server.i18n import Translator, mark
from server.services.responses import DAYS

__all__ = ["Rules", "RulesShow", "SegmentCard", "Segments", "kind_of"]

KINDS: Final[dict[str, str]] = {
    "attribute": mark("attributes"),
    "purpose": mark("purposes"),
    "team": mark("teams"),
    "list": mark("lists"),
    "score": mark("scores"),
    "segment": mark("segments"),
    "trigger": mark("triggers"),
    "scenario": mark("scenarios"),
    "digest": mark("digests"),
    "limit": mark("limits"),
    "quiet hours": mark("quiet hours"),
    "goal": mark("goals"),
}


class Rules(Command, frozen=True, kw_only=True, tag="rules"):
    en = ("rules", "rule")
    fr = ("règles", "règle")
    role = "viewer"
    usage = mark("[KIND]")
    summary = mark("the published rules, all or of one kind")
    details = (mark("KIND: attribute, purpose, team, list, score, segment, trigger."),)

    kind: str = ""

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) > 1:
            raise Misused(cls)
        return cls(kind=rest[0] if rest else "")

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        kind = kind_of(self.kind) if self.kind else ""
        if self.kind and not kind:
            raise NotFound("there is no such kind of rule", code="no_kind", kinds=", ".join(KINDS))
        book = await asking.services.rulebooks.live()
        title = t("Rulebook {version}", version=book.version)
        if kind:
            texts = [text for (own, _), text in book.sources.items() if own == kind]
            title = f"{title} · {t(KINDS[kind])}"
            if not texts:
                return Reply(title=title, lines=(_none(asking),))
            return Reply(
                title=title, code="\n".join(texts), fields=_paused(book, t) if kind in ("trigger", "scenario") else ()
            )
        names = {own: [name for kind, name in book.sources if kind == own] for own in KINDS}
        fields = tuple(Field(t(KINDS[own]), ", ".join(found)) for own, found in names.items() if found)
        if not fields:
            return Reply(title=t("Rules"), lines=(_none(asking),))
        show = asking.typed(RulesShow, t("NAME"))
        footer = t("`{show}` shows one.", show=show)
        return Reply(title=title, fields=(*fields, *_paused(book, t)), footer=footer)


class RulesShow(Command, frozen=True, kw_only=True, tag="rules_show"):
    en = ("rules show", "rule show")
    fr = ("règles voir", "règle voir", "règles montrer")
    role = "viewer"
    usage = mark("[KIND] NAME")
    summary = mark("a rule's text, its version and author")

    name: str
    kind: str = ""

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        match rest:
            case [name]:
                return cls(name=name)
            case [kind, name]:
                return cls(name=name, kind=kind)
        raise Misused(cls)

    def typed(self) -> str:
        return " ".join(part for part in (self.said("en"), self.kind, self.name) if part)

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        book = await asking.services.rulebooks.live()
        kind = self._find(book)
        current = await asking.services.rulebooks.current()
        fields = [
            Field(t("Version"), str(book.version)),
            Field(t("Published"), t.moment(current.time, asking.zone)),
            Field(t("Author"), current.author),
        ]
        if kind in ("score", "segment", "trigger", "scenario"):
            counts = await asking.services.rulebooks.counts(self.name)
            if kind != "segment":
                fields.append(Field(t("Matched"), t.number(counts.matched)))
            fields.append(Field(t("Missing values"), t.number(counts.missing)))
            fields.append(Field(t("Errors"), t.number(counts.errors)))
            if counts.loops:
                fields.append(Field(t("Loops stopped"), t.number(counts.loops)))
        if kind in ("trigger", "scenario"):
            worth = await asking.services.responses.worth(asking.actor, self.name)
            if worth.finished:
                text = t(
                    "{share} of {number} alerts that are over, of {days} days",
                    share=t.share(worth.worth, worth.finished),
                    number=t.number(worth.finished),
                    days=DAYS,
                )
                if worth.won or worth.lost:
                    text += t(" ({won} won, {lost} lost)", won=t.number(worth.won), lost=t.number(worth.lost))
                fields.append(Field(t("Worth it"), text))
        if kind == "digest":
            zone_name = asking.services.timezone
            moment = next_occurrence(book.digests[self.name], asking.clock.now(), zone(zone_name))
            fields.append(Field(t("Next"), t.local(moment, zone_name) if moment else t("never: its moment is past")))
        pause = next((one for one in await asking.services.pauses.all() if one.name == self.name), None)
        if pause is not None and kind in ("trigger", "scenario"):
            fields.append(Field(t("Paused"), t("by {name}, {ago}", name=pause.by,
                                               ago=t.ago(pause.since, asking.clock.now()))))  # fmt: skip
        may_edit = asking.actor.has("marketer")
        return Reply(
            title=rule_name(kind, self.name, t),
            code=book.sources[kind, self.name],
            fields=tuple(fields),
            buttons=(Button(t("Edit"), f"rules edit {kind} {self.name}"),) if may_edit else (),
        )

    def _find(self, book: Rulebook) -> str:
        asked = kind_of(self.kind) if self.kind else ""
        kinds = [kind for kind, name in book.sources if name == self.name and asked in ("", kind)]
        if not kinds:
            raise NotFound("there is no such rule", code="no_rule", name=self.name)
        if len(kinds) > 1:
            raise Ambiguous("several rules have this name", [f"rules show {kind} {self.name}" for kind in kinds],
                            code="many_rules", name=self.name)  # fmt: skip
        return kinds[0]


class Segments(Command, frozen=True, kw_only=True, tag="segments"):
    en = ("segments",)
    fr = ("segments",)
    role = "viewer"
    summary = mark("the segments, and how many contacts each has now")

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        listed = await asking.services.segments.list(asking.actor)
        if not listed:
            return Reply(title=t("Segments"), lines=(_none(asking),))
        rows = tuple((segment.name, t.number(segment.count)) for segment in listed)
        table = Table(columns=(t("Segment"), t("Contacts")), rows=rows, numbers=frozenset({1}))
        return Reply(title=t("Segments"), table=table)


class SegmentCard(Command, frozen=True, kw_only=True, tag="segment"):
    en = ("segment",)
    fr = ("segment",)
    role = "viewer"
    usage = mark("NAME")
    summary = mark("a segment's text, and how many contacts it has now")

    name: str

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        if len(rest) != 1:
            raise Misused(cls)
        return cls(name=rest[0])

    async def answer(self, asking: Asking) -> Reply:
        t = asking.t
        segment = await asking.services.segments.get(asking.actor, self.name)
        return Reply(
            title=segment.name,
            code=segment.text,
            fields=(Field(t("Contacts"), t.number(segment.count)), Field(t("Version"), str(segment.version))),
        )


def _paused(book: Rulebook, t: Translator) -> tuple[Field, ...]:
    names = ", ".join(sorted(name for name in book.paused if name in book.triggers or name in book.scenarios))
    return (Field(t("Paused"), names),) if names else ()


def kind_of(word: str) -> str:
    """The kind that a word names, in English or French, singular or plural; "" where it names none."""
    asked = fold(word)
    for entry in WORDS[:12]:
        if asked in {fold(form) + end for form in (entry.en, entry.fr) for end in ("", "s")}:
            return entry.en
    return ""


def _none(asking: Asking) -> str:
    return asking.t("There are none yet.")
