"""Ways to reach people and systems."""
