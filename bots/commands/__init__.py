"""The chat commands, each written once: a text becomes a `Command`, a `Command` a service call, that a `Reply`."""

from bots.commands.base import STRANGER, Asking, Caller, Misused, Services
from bots.commands.parse import COMMANDS, Command, Unknown, parse
from bots.commands.run import reply_to, run

__all__ = ["COMMANDS", "STRANGER", "Asking", "Caller", "Command", "Misused", "Services", "Unknown"]
__all__ += ["parse", "reply_to", "run"]
