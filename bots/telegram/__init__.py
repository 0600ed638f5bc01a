"""Telegram: webhook in, HTML messages and inline keyboards out."""
