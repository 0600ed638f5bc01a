"""The chat commands in a terminal."""
