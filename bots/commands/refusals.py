"""Why something cannot be done, said to a person: each error of the services by its code, in their language."""

from __future__ import annotations

import re
from typing import Final

from bots.commands.base import Asking
from bots.replies import Button, Reply
from server.errors import Ambiguous, Conflict, Forbidden, NotFound, RelanceError, Unauthorized, Unavailable
from server.i18n import mark

__all__ = ["refusal"]

# What each code says; `{names}` are the error's fields.
TEXTS: Final[dict[str, str]] = {
    "account_taken": mark("This account is somebody else's; an admin can remove them."),
    "alert_over": mark("This alert is over."),
    "alert_taken": mark("{owner} already has this lead."),
    "many_rules": mark("Several rules are called {name}. Which one?"),
    "needs_role": mark("This needs the role {role}. Ask an admin for it."),
    "no_alert": mark("There is no such alert. `leads` lists those that are open."),
    "no_contact": mark("There is no such contact. Give an id, an e-mail address or a user id."),
    "no_code": mark("This code is unknown, used or too old. Ask for a new one."),
    "no_kind": mark("There is no such kind of rule. Kinds: {kinds}."),
    "no_rule": mark("There is no rule called {name} in the published rulebook."),
    "no_segment": mark("There is no segment called {name}."),
    "no_version": mark("No rulebook is published yet."),
    "not_owner": mark("{owner} has this lead; they or an approver can release it."),
}

# What an error says whose code has no text of its own, or lacks a field for it.
_GENERAL: Final[tuple[tuple[type[RelanceError], str], ...]] = (
    (Unauthorized, mark("I do not know you here.")),
    (Forbidden, mark("You may not do this. Ask an admin.")),
    (NotFound, mark("There is no such thing.")),
    (Conflict, mark("Somebody else was first.")),
    (Ambiguous, mark("This fits several things. Which one?")),
    (Unavailable, mark("The store does not answer just now. Try again in a moment.")),
    (RelanceError, mark("This cannot be done as it is written.")),
)

_NAMES = re.compile(r"\{(\w+)\}")


def refusal(asking: Asking, error: RelanceError) -> Reply:
    """The answer to a person whose command a service refused."""
    t = asking.t
    text = TEXTS.get(error.code, "")
    if not text or not error.fields.keys() >= set(_NAMES.findall(text)):
        text = next(general for kind, general in _GENERAL if isinstance(error, kind))
    buttons = tuple(Button(choice, choice) for choice in error.choices) if isinstance(error, Ambiguous) else ()
    return Reply(title=t(text, **error.fields), buttons=buttons, tone="bad")
