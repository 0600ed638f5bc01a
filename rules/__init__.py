"""The rule language: text, facts and `now` in, values out. No I/O, no clock."""
