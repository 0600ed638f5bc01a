"""What every chat command is: a record that knows its words, who may use it, and how it is answered."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import msgspec

from bots.replies import Button, Reply
from rules.moment import known_zone
from server.i18n import Translator, translator
from server.model.actor import Actor, Role
from server.ports import Clock, SystemClock

if TYPE_CHECKING:
    from server.services.alerts import Alerts
    from server.services.contacts import Contacts
    from server.services.deliveries import Deliveries
    from server.services.drafts import Drafts
    from server.services.finding import Finding
    from server.services.holding import Holding
    from server.services.messages import Messages
    from server.services.outgoing import Outgoing
    from server.services.pauses import Pauses
    from server.services.people import People
    from server.services.previews import Previews
    from server.services.responses import Responses
    from server.services.rulebooks import Rulebooks
    from server.services.runs import Runs
    from server.services.segments import Segments
    from server.services.status import Status
    from server.services.submissions import Submissions
    from server.services.tasks import Tasks

__all__ = ["STRANGER", "Asking", "Caller", "Command", "Misused", "Services", "fold"]

# Somebody whom we do not know: no role, so that every service refuses.
STRANGER = Actor(id="", name="", roles=(), via="chat")


class Services(Protocol):
    """The services that the commands call."""

    @property
    def alerts(self) -> Alerts: ...
    @property
    def contacts(self) -> Contacts: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def drafts(self) -> Drafts: ...
    @property
    def outgoing(self) -> Outgoing: ...
    @property
    def messages(self) -> Messages: ...
    @property
    def finding(self) -> Finding: ...
    @property
    def holding(self) -> Holding: ...
    @property
    def pauses(self) -> Pauses: ...
    @property
    def people(self) -> People: ...
    @property
    def previews(self) -> Previews: ...
    @property
    def responses(self) -> Responses: ...
    @property
    def rulebooks(self) -> Rulebooks: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def segments(self) -> Segments: ...
    @property
    def status(self) -> Status: ...
    @property
    def submissions(self) -> Submissions: ...
    @property
    def tasks(self) -> Tasks: ...
    @property
    def timezone(self) -> str: ...


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A person as a platform names them: what `link` makes known. Never a user name, which can change hands.

    `chat` are the addresses of the chat that they write in: its id, and its name where that is known. `timezone` is
    theirs, where the platform tells it.
    """

    platform: str
    workspace: str = ""
    user: str = ""
    chat: tuple[str, ...] = ()
    timezone: str = ""

    @property
    def places(self) -> tuple[str, ...]:
        """The addresses under which this chat may be a team's; the terminal has but one."""
        return self.chat if self.platform in ("slack", "telegram") else ("",)


class Misused(Exception):
    """The words name a command but lack, or do not fit, what must follow."""

    def __init__(self, command: type[Command]) -> None:
        super().__init__(command.__name__)
        self.command = command


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, through what, in which language, and the services that can answer.

    `working` shows how far something is that takes long.
    """

    services: Services
    actor: Actor = STRANGER
    caller: Caller = Caller(platform="terminal")
    language: str = "en"
    clock: Clock = SystemClock()
    working: Callable[[Reply], None] | None = None

    @property
    def t(self) -> Translator:
        return translator(self.language)

    @property
    def zone(self) -> str:
        """The time zone in which this person reads and writes clock times: theirs, else the installation's."""
        return self.caller.timezone if known_zone(self.caller.timezone) else self.services.timezone

    @property
    def known(self) -> bool:
        """Whether the person is linked."""
        return bool(self.actor.id)

    def typed(self, command: type[Command], rest: str = "") -> str:
        """How this person types a command here: `/relance leads`, `/prospects`, `leads`."""
        return f"{self.prefixed(command.said(self.language))} {rest}".rstrip()

    def prefixed(self, words: str) -> str:
        """A command's words as they are typed on this platform."""
        match self.caller.platform:
            case "slack":
                return f"/relance {words}"
            case "telegram":
                return f"/{fold(words)}"
            case _:
                return words


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A command. A subclass gives its words in each language (the first are those that help shows), the role that may
    use it (None: everybody, known or not), what follows the words, and what it does; `read` takes what follows apart.
    """

    en: ClassVar[tuple[str, ...]]
    fr: ClassVar[tuple[str, ...]]
    role: ClassVar[Role | None]
    usage: ClassVar[str] = ""
    summary: ClassVar[str]
    details: ClassVar[tuple[str, ...]] = ()
    takes_text: ClassVar[bool] = False  # what follows is a text, read as it is written

    @property
    def asks(self) -> bool:
        """Whether the answer will ask for a text."""
        return False

    @classmethod
    def read_text(cls, rest: str) -> Self:
        """The command from the text that follows its name, where it `takes_text`; raises `Misused`."""
        return cls.read(rest.split())

    @classmethod
    def read(cls, rest: list[str]) -> Self:
        """The command from the words that follow its name; raises `Misused`."""
        if rest:
            raise Misused(cls)
        return cls()

    @classmethod
    def said(cls, language: str) -> str:
        """The words that name this command in a language, as help shows them."""
        return cls.words(language)[0]

    @classmethod
    def words(cls, language: str) -> tuple[str, ...]:
        """All words that name this command in a language."""
        return cls.fr if language == "fr" else cls.en

    def typed(self) -> str:
        """The words that make this command, in English: what a button carries. `parse` reads them back."""
        values = [str(value) for value in msgspec.structs.astuple(self) if value not in ("", None)]
        return " ".join([self.said("en"), *values])

    def button(self, label: str, style: Any = "plain") -> Button:
        """A button that runs this command."""
        return Button(label, self.typed(), style)

    async def answer(self, asking: Asking) -> Reply:
        """Do what is asked and say what came of it; raises what the services raise."""
        raise NotImplementedError


def fold(text: str) -> str:
    """Words without case, accents and typographic apostrophes, to be compared: `Règles` → `regles`."""
    plain = unicodedata.normalize("NFKD", text.replace("’", "'")).casefold()
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
