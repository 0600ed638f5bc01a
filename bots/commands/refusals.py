"""Why something cannot be done, said to a person: each error of the services by its code, in their language."""

from __future__ import annotations

import re
from typing import Final

from bots.commands.base import Asking
from bots.drafts import problem_items
from bots.replies import Button, Reply
from server.errors import Ambiguous, Conflict, Forbidden, NotFound, RelanceError, Unauthorized, Unavailable
from server.i18n import mark
from server.services.rulebooks import WrongRulebook

__all__ = ["refusal"]

# What each code says; `{names}` are the error's fields.
TEXTS: Final[dict[str, str]] = {
    "account_taken": mark("This account is somebody else's; an admin can remove them."),
    "alert_over": mark("This alert is over."),
    "alert_taken": mark("{owner} already has this lead."),
    "base_moved": mark("Version {version} was published meanwhile. Look at it and try again."),
    "draft_base_moved": mark("Version {version} was published meanwhile: the author has to update and submit again."),
    "draft_busy": mark("Your draft is being changed elsewhere. Try again."),
    "empty_text": mark("There is no text. `rules delete NAME` takes a rule out."),
    "many_rules": mark("Several rules are called {name}. Which one?"),
    "needs_role": mark("This needs the role {role}. Ask an admin for it."),
    "no_alert": mark("There is no such alert. `leads` lists those that are open."),
    "no_draft": mark("You have no draft. `rules edit NAME` or `rules new` begins one."),
    "no_text": mark("Write what it is about, in at most a thousand characters."),
    "no_why": mark("Say in a few words why it is dismissed."),
    "wrong_moment": mark("This moment is past, or more than a year away."),
    "no_scenario": mark("There is no scenario called {name} in the published rulebook."),
    "message_fault": mark("The message cannot be filled in for this contact: {reason}."),
    "no_cards_here": mark("No team's cards come here: say it in the channel, group or topic where they appear."),
    "long_mute": mark("A rule is muted for at most a month."),
    "no_line": mark("No rule of your draft begins at or above line {line}."),
    "no_message": mark("There is no message called {name}. `messages` lists them."),
    "no_own_address": mark("I have no e-mail address of yours. An admin gives it with `relance user add --email`."),
    "no_person": mark("There is nobody of this name."),
    "no_reason": mark("Say why, so that the author can mend it."),
    "no_rule_here": mark("There is no rule called {name} in your draft."),
    "no_rule_to_test": mark("There is no score, segment or trigger of this name."),
    "no_submission": mark("Nothing of this name was submitted."),
    "no_trigger": mark("There is no trigger or scenario called {name} in the published rulebook."),
    "nothing_waits": mark("Nothing waits for approval."),
    "not_a_trigger": mark(
        "Only triggers and scenarios can be paused, and {name} is none: scores and segments say what is true."
    ),
    "not_paused": mark("{name} is not paused."),
    "not_your_draft": mark("This is somebody else's draft. `rules edit NAME` begins one of your own."),
    "own_submission": mark("A second person has to approve what you wrote."),
    "paused_already": mark("{name} is paused already."),
    "same_submission": mark("{name} has submitted this very text."),
    "submission_approved": mark("{name} has approved this already: it is version {version}."),
    "submission_over": mark("This is over already."),
    "submission_rejected": mark("{name} has rejected this already."),
    "submission_withdrawn": mark("Its author has withdrawn this, or submitted something newer."),
    "text_too_long": mark("This text is too long for a rulebook."),
    "wrong_message": mark("The message has mistakes under the published rulebook; `message NAME` tells them."),
    "no_contact": mark("There is no such contact. Give an id, an e-mail address or a user id."),
    "no_delivery": mark("There is no such delivery, or none any more. `deliveries` lists them."),
    "cannot_retry": mark("This message waits, is being sent or was sent: it is not tried again."),
    "cannot_drop": mark("This message is being sent, or is over: there is nothing to drop."),
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
    if isinstance(error, WrongRulebook):
        problems = error.checked.problems
        title = t.count("The text has one mistake", "The text has {number} mistakes", len(problems))
        return Reply(title=title, items=problem_items(problems, t, buttons=True), tone="bad")
    text = TEXTS.get(error.code, "")
    if not text or not error.fields.keys() >= set(_NAMES.findall(text)):
        text = next(general for kind, general in _GENERAL if isinstance(error, kind))
    buttons = tuple(Button(choice, choice) for choice in error.choices) if isinstance(error, Ambiguous) else ()
    over = error.code.startswith("submission_")
    return Reply(title=t(text, **error.fields), buttons=buttons, tone="bad", settles=over)
