"""Relance: events in, decisions made, people told."""
