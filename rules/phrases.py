"""Records → the lines they print as, in a language."""

from __future__ import annotations

from collections.abc import Iterator

from rules.rulebook import (
    Action,
    AddPoints,
    AddToList,
    AlertTeam,
    At,
    AtMost,
    Attribute,
    Branch,
    Condition,
    Convert,
    Digest,
    Duration,
    Every,
    EveryYear,
    Goal,
    If,
    Limit,
    Occasion,
    OnBroadcast,
    OnConsent,
    OnEnter,
    OnEvent,
    OnFeed,
    OnLeave,
    OnList,
    Purpose,
    QuietHours,
    RemoveFromList,
    Scenario,
    Score,
    Segment,
    Send,
    SetAttribute,
    Split,
    StartScenario,
    Statement,
    StaticList,
    Step,
    Stop,
    StopScenario,
    Task,
    Team,
    Trigger,
    Wait,
    WaitFor,
    WaitUntil,
)
from rules.syntax import quote
from rules.words import Language, form

__all__ = ["Phrases", "kind_of", "name_of"]

INDENT = "  "
_KINDS: dict[type, str] = {
    Attribute: "attribute", Purpose: "purpose", Team: "team", StaticList: "list", Score: "score", Segment: "segment",
    Trigger: "trigger", Scenario: "scenario", Digest: "digest", Limit: "limit", QuietHours: "quiet hours", Goal: "goal",
}  # fmt: skip


def kind_of(record: Statement) -> str:
    """The keyword of a statement, in English."""
    return _KINDS[type(record)]


def name_of(record: Statement) -> str:
    """The name of a statement; of a limit its channel; quiet hours have none."""
    if isinstance(record, QuietHours):
        return ""
    return record.channel if isinstance(record, Limit) else record.name


class Phrases:
    """Statements, clauses and steps in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def word(self, name: str, number: int = 1) -> str:
        return form(name, self.language, number)

    def statement(self, record: Statement) -> Iterator[tuple[int, str]]:
        """The lines of a statement, each with the line of the source it comes from."""
        head = self.word(kind_of(record))
        if isinstance(record, QuietHours):
            yield record.line, f"{head}: {record.start} {self.word('to')} {record.end}"
            return
        name = self.word(record.channel) if isinstance(record, Limit) else record.name
        purpose = getattr(record, "purpose", None)
        clause = f" {self.word('for')} {purpose}" if purpose else ""
        yield record.line, f"{head} {name}{clause}: {self._rest(record)}"
        if isinstance(record, Trigger):
            for action in record.actions:
                yield action.line, INDENT + self._action(action)
        elif isinstance(record, Digest):
            yield record.alert.line, INDENT + self._action(record.alert)
        elif isinstance(record, Scenario):
            yield from self._scenario(record)

    def _rest(self, record: Statement) -> str:
        """What stands after the colon."""
        match record:
            case Attribute():
                return self._attribute(record)
            case Purpose():
                return self._purpose(record)
            case Team(targets=targets):
                return ", ".join(f"{self.word(target.platform)} {quote(target.address)}" for target in targets)
            case StaticList(label=label):
                return quote(label)
            case Score():
                return self._score(record)
            case Segment(condition=condition):
                return condition.text
            case Trigger(occasion=occasion, at_most=at_most, when=when):
                return self._occasion(occasion, self._at_most(at_most)) + self._when(when)
            case Scenario(occasion=occasion, when=when):
                return self._occasion(occasion) + self._when(when)
            case Digest(occasion=occasion, top=top, of=of, by=by):
                ranked = f"{self.word('top')} {top} {self.word('of')} {of} {self.word('by')} {by.text}"
                return f"{self._occasion(occasion)} {ranked}"
            case Limit(at_most=at_most):
                return self._at_most(at_most).lstrip()
            case Goal(number=number, segment=segment, event=event, per=per):
                what = quote(event) if event is not None else f"{self.word('enter')} {segment}"
                return f"{number} {what} {self.word('per')} {self.word(per)}"
            case QuietHours():
                return ""

    def _attribute(self, record: Attribute) -> str:
        parts = [self.word(record.type)]
        if record.type == "one of":
            parts = [f"{parts[0]} {' | '.join(map(quote, record.options))}"]
        parts += [self.word("personal")] if record.personal else []
        parts += [self.word("shown in alerts")] if record.shown_in_alerts else []
        parts += [f"{self.word('keep')} {self._duration(record.keep)}"] if record.keep else []
        parts += [f"{self.word('from')} {quote(record.trait)}"] if record.trait else []
        parts += [quote(record.label)] if record.label else []
        return ", ".join(parts)

    def _purpose(self, record: Purpose) -> str:
        parts = [quote(record.wording)]
        if record.channels:
            joined = f" {self.word('and')} ".join(self.word(channel) for channel in record.channels)
            parts.append(f"{self.word('via')} {joined}")
        parts += [self.word("double opt-in")] if record.double_opt_in else []
        parts += [self.word("profiling")] if record.profiling else []
        parts += [self.word("open tracking")] if record.open_tracking else []
        parts += [f"{self.word('renew after')} {self._duration(record.renew_after)}"] if record.renew_after else []
        parts += [self.word("ask again")] if record.ask_again else []
        return ", ".join(parts)

    def _score(self, record: Score) -> str:
        points = ("+" if record.tenths >= 0 else "-") + _tenths(abs(record.tenths))
        if record.event is None:
            assert record.when is not None
            return f"{points} {self.word('while')} {record.when.text}"
        text = f"{points} {self.word('on')} {quote(record.event)}{self._at_most(record.at_most)}"
        text += f" {self.word('halves every')} {self._duration(record.halves)}" if record.halves else ""
        text += f" {self.word('lasts')} {self._duration(record.lasts)}" if record.lasts else ""
        return text + self._when(record.when)

    # --- clauses ---

    def _duration(self, duration: Duration) -> str:
        return f"{duration.number} {self.word(duration.unit, duration.number)}"

    def _at_most(self, at_most: AtMost | None) -> str:
        if at_most is None:
            return ""
        text = f" {self.word('at most')} {at_most.number} "
        if at_most.per == "ever":
            return text + self.word("ever")
        per = self._duration(at_most.per) if isinstance(at_most.per, Duration) else self.word(at_most.per)
        return f"{text}{self.word('per')} {per}"

    def _when(self, condition: Condition | None) -> str:
        return f" {self.word('when')} {condition.text}" if condition is not None else ""

    def _occasion(self, occasion: Occasion, at_most: str = "") -> str:
        """The entry, its `at most` before its `to`."""
        on, to = self.word("on"), getattr(occasion, "to", None)
        audience = f" {self.word('to')} {to.text}" if to is not None else ""
        match occasion:
            case OnEvent(event):
                text = f"{on} {quote(event)}"
            case OnEnter(name):
                text = f"{on} {self.word('enter')} {name}"
            case OnLeave(name):
                text = f"{on} {self.word('leave')} {name}"
            case OnList(name):
                text = f"{on} {self.word('list')} {name}"
            case OnConsent(name):
                text = f"{on} {self.word('consent')} {name}"
            case EveryYear(attribute, time):
                text = f"{self.word('every')} {self.word('year')} {on} contact.{attribute} {self.word('at')} {time}"
            case At(moment):
                text = f"{self.word('at')} {quote(moment)}"
            case Every(day, time):
                text = f"{self.word('every')} {self.word(day)} {self.word('at')} {time}"
            case OnBroadcast(event):
                text = f"{on} {self.word('broadcast')} {quote(event)}"
            case OnFeed(url):
                text = f"{on} {self.word('feed')} {quote(url)}"
        return text + at_most + audience

    # --- actions and steps ---

    def _action(self, action: Action) -> str:
        return self._unlabelled(action) + (f" @{action.label}" if action.label else "")

    def _unlabelled(self, action: Action) -> str:
        match action:
            case AlertTeam():
                claim = ""
                if action.claim_within is not None:
                    within = f"{self.word('claim within')} {self._duration(action.claim_within)}"
                    claim = f", {within} {self.word('else alert')} {action.otherwise}"
                return f"{self.word('alert')} {action.team} {quote(action.text)}{claim}"
            case Task():
                return f"{self.word('task')} {action.team} {quote(action.text)}"
            case AddToList():
                return f"{self.word('add to list')} {action.list}"
            case RemoveFromList():
                return f"{self.word('remove from list')} {action.list}"
            case Send():
                purpose = f" {self.word('for')} {action.purpose}" if action.purpose else ""
                valid = f" {self.word('valid')} {self._duration(action.valid)}" if action.valid else ""
                return f"{self.word('send')} {self.word(action.channel)} {action.message}{purpose}{valid}"
            case AddPoints():
                return f"{self.word('add')} {_tenths(action.tenths)} {self.word('point', 2)}"
            case SetAttribute():
                return f"{self.word('set')} contact.{action.attribute} = {action.value.text}"
            case Convert():
                amount = f" {self.word('amount')} {action.amount.text}" if action.amount else ""
                return f"{self.word('convert')} {quote(action.name)}{amount}"
            case StartScenario():
                return f"{self.word('start scenario')} {action.scenario}"
            case StopScenario():
                return f"{self.word('stop scenario')} {action.scenario}"

    def _scenario(self, record: Scenario) -> Iterator[tuple[int, str]]:
        if record.key is not None:
            yield record.key.line, f"{INDENT}{self.word('key')} {record.key.text}"
        if record.again_after is not None:
            yield record.line, f"{INDENT}{self.word('again after')} {self._duration(record.again_after)}"
        for name, rules in (("stop", record.stops), ("restart", record.restarts)):
            for rule in rules:
                event = f" {self.word('on')} {quote(rule.event)}" if rule.event is not None else ""
                yield rule.line, f"{INDENT}{self.word(name)}{event}{self._when(rule.when)}"
        yield from self._block(record.steps, INDENT)

    def _block(self, steps: tuple[Step, ...], indent: str) -> Iterator[tuple[int, str]]:
        for step in steps:
            match step:
                case If():
                    for at, branch in enumerate(step.branches):
                        yield branch.line, indent + self._branch(branch, at == 0)
                        yield from self._block(branch.steps, indent + INDENT)
                case Split():
                    label = f" @{step.label}" if step.label else ""
                    yield step.line, f"{indent}{self.word('split')}{label}"
                    for share in step.shares:
                        yield share.line, f"{indent}{INDENT}{share.percent}% {share.name}"
                        yield from self._block(share.steps, indent + INDENT * 2)
                case _:
                    yield step.line, indent + self.step(step)

    def _branch(self, branch: Branch, first: bool) -> str:
        label = f" @{branch.label}" if branch.label else ""
        if branch.condition is None:
            return self.word("else") + label
        return f"{self.word('if' if first else 'else if')} {branch.condition.text}{label}"

    def step(self, step: Step) -> str:
        """The line of a step that is no block."""
        match step:
            case Wait(duration=duration):
                text = f"{self.word('wait')} {self._duration(duration)}"
            case WaitUntil(time=time, day=day, moment=moment):
                until = moment.text if moment is not None else " ".join(filter(None, [day and self.word(day), time]))
                text = f"{self.word('wait until')} {until}"
            case WaitFor(event=event, up_to=up_to, when=when):
                text = f"{self.word('wait for')} {quote(event)} {self.word('up to')} {self._duration(up_to)}"
                text += self._when(when)
            case Stop():
                text = self.word("stop")
            case If() | Split():
                raise AssertionError("a block is no line")
            case _:
                return self._action(step)
        return text + (f" @{step.label}" if step.label else "")


def _tenths(tenths: int) -> str:
    """Points as they are written: 5, 2.5, -10."""
    whole, rest = divmod(abs(tenths), 10)
    return f"{'-' if tenths < 0 else ''}{whole}" + (f".{rest}" if rest else "")
