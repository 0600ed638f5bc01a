"""Chat: a payload becomes a command, a command a reply, a reply a message."""
