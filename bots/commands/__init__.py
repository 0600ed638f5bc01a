"""The chat commands, each written once: a text becomes a `Command`, a `Command` a service call, that a `Reply`."""

from bots.commands.base import STRANGER, Asking, Caller, Misused, Services
from bots.commands.contacts import WhyCard
from bots.commands.editing import Answer
from bots.commands.parse import COMMANDS, Command, Unknown, parse
from bots.commands.run import asks, reply_to, run, run_text, text_to

__all__ = ["COMMANDS", "STRANGER", "Asking", "Caller", "Command", "Misused", "Services", "Unknown"]
__all__ += ["Answer", "WhyCard", "asks", "parse", "reply_to", "run", "run_text", "text_to"]
