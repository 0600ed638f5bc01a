"""Slack: signed HTTP in, Block Kit out."""
