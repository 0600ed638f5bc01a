"""Messages: the words of one message, checked against the rulebook, rendered for a contact."""

from rules.message.compiled import CompiledMessage, Formats, MessageFault, Words, compile_message, render_message
from rules.message.layout import layout_source
from rules.message.source import ABOUT, CHANNELS, LAYOUT, Format, read_source

__all__ = [
    "ABOUT",
    "CHANNELS",
    "LAYOUT",
    "CompiledMessage",
    "Format",
    "Formats",
    "MessageFault",
    "Words",
    "compile_message",
    "layout_source",
    "read_source",
    "render_message",
]
