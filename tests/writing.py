"""Writes random expressions, mostly well typed: what a person might write, and a little of what nobody would."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

__all__ = ["KINDS", "Writer"]

KINDS = ("number", "text", "flag", "moment", "span", "list", "mapping", "set", "bytes")

LITERALS: dict[str, Sequence[str]] = {
    "number": ["0", "1", "2", "3", "10", "0.1", "0.3", "1.50", "19.99", "200", "1e3", "0x1f", "0b101", "1e16", "-1",
               "-2.5", "9007199254740993", "99999999999999999999999999999", "1e-7", ".5", "inf", "nan", "80"],
    "text": ['""', '"a"', '"A"', '"abc"', '"FR"', '"é"', '"İ"', "'it'", '"12"', '"1.50"', '" 3 "', '"inf"', '"0x1F"',
             's"x"', '"a b"', '"\\n"', '"٣"', '"Monday"', '"utf-8"', '"base64"', '"hex"'],
    "flag": ["true", "false"],
    "moment": ['d"2026-01-31"', 'd"2026-01-31T10:20:30"', 'd"2026-01-31T10:20:30+02:00"', 'd"1970-01-01T00:00:00Z"'],
    "span": ['t"P1D"', 't"PT90M"', 't"P1W"', 't"P0DT0.5S"', 't"PT0S"'],
    "list": ["[]", "[1, 2, 3]", '["FR", "BE"]', '["a", "abc", null]', "[0.1, 1e3]", "[[1], [2]]", '[1, "a"]', "[null]",
             'd"2026-01-31".weekday.to_ary', "[1,]"],
    "mapping": ["{}", '{"a": 1}', '{"a": {"b": 2}}', '{"a": 1, "a": 2}', '{1: "x", "b": null}', '{"length": 9}'],
    "set": ["{1, 2}", '{"a", "b"}', "{1, 1.0}", '{"a"}', "{1, 2, 3,}"],
    "bytes": ['b"ab"', 'b""', 'b"\\x00z"'],
}  # fmt: skip
PATTERNS = [
    '"a"',
    '"a.*"',
    '"^[A-Z]+$"',
    '"(a|b)+c?"',
    'r"\\w+"',
    'r"\\d{2}"',
    'r"[^\\s]"',
    '"(?i)fr"',
    '"(.)(.)?"',
    '"b$"',
    '""',
]

FROM: dict[str, dict[str, Sequence[str]]] = {
    "number": {
        "text": ["length", "to_flt", "to_int"], "list": ["length"], "set": ["length"], "mapping": ["length"],
        "moment": ["day", "hour", "month", "year", "minute", "second", "microsecond", "millisecond", "to_epoch"],
        "span": ["days", "seconds", "microseconds", "total_seconds"],
        "number": ["ceiling", "floor", "to_flt", "to_int"], "bytes": ["length"],
    },
    "text": {"text": ["as_lower", "as_upper", "to_str"], "number": ["to_str"], "moment": ["weekday", "zone_name"]},
    "flag": {
        "text": ["is_empty"], "list": ["is_empty"], "number": ["is_nan"], "mapping": ["is_empty"], "set": ["is_empty"],
    },
    "moment": {"moment": ["date"]},
    "span": {},
    "list": {
        "text": ["to_ary"], "list": ["to_ary"], "set": ["to_ary"], "mapping": ["keys", "values"], "bytes": ["to_ary"],
    },
    "set": {"text": ["to_set"], "list": ["to_set"], "set": ["to_set"]},
    "mapping": {},
    "bytes": {},
}  # fmt: skip
"""The attributes that give a kind: kind wanted → kind had → names."""


class Writer:
    """Writes one expression. `names` has, per kind, the names that may hold it; a name may stand under several."""

    def __init__(self, random: Random, names: Mapping[str, Sequence[str]], wrong: float = 0.03) -> None:
        self.random = random
        self.names = names
        self.wrong = wrong
        self.inside = False  # of a comprehension
        self.variables: dict[str, str] = {}

    def expression(self, depth: int = 4) -> str:
        return self.write(self.random.choice(["flag"] * 6 + list(KINDS)), depth)

    def write(self, kind: str, depth: int) -> str:
        """An expression that probably gives this kind."""
        random = self.random
        if random.random() < self.wrong:
            kind = random.choice(KINDS)
        if depth <= 0 or random.random() < 0.15:
            return self.leaf(kind)
        written = random.choice(self.forms(kind, depth - 1))()
        return f"({written})" if random.random() < 0.9 else written

    def leaf(self, kind: str) -> str:
        names = list(self.names.get(kind, ()))
        if self.variables.get(kind):
            names += [self.variables[kind]] * 3
        if names and self.random.random() < 0.75:
            return self.random.choice(names)
        if self.random.random() < 0.03:
            return "null"
        return self.random.choice(LITERALS[kind])

    def any(self, depth: int) -> str:
        return self.write(self.random.choice(KINDS[:6]), depth)

    def forms(self, kind: str, depth: int) -> list[Callable[[], str]]:
        """Ways to write a kind."""
        random, write = self.random, self.write
        common: list[Callable[[], str]] = [
            lambda: f"{write('flag', depth)} ? {write(kind, depth)} : {write(kind, depth)}",
            lambda: f"{write(kind, depth)} ?? {write(kind, depth)}",
            lambda: f"({write('list', depth)})[{write('number', 0)}]",
            lambda: f"({write('mapping', depth)}){random.choice(['[', '&['])}{write('text', 0)}]",
            lambda: f"({write('mapping', depth)}){random.choice(['.', '&.'])}{random.choice('abx')}",
        ]
        had = list(FROM[kind])
        if had:
            common += [lambda: self.attribute(kind, random.choice(had), depth)] * 4
        own: list[Callable[[], str]] = getattr(self, "_" + kind, lambda _: [])(depth)
        return common + own * 3

    def attribute(self, kind: str, had: str, depth: int) -> str:
        dot = self.random.choice([".", ".", "&."])
        return f"({self.write(had, depth)}){dot}{self.random.choice(FROM[kind][had])}"

    def _flag(self, depth: int) -> list[Callable[[], str]]:
        random, write = self.random, self.write

        def compare() -> str:
            kind = random.choice(["number"] * 4 + ["text"] * 3 + list(KINDS))
            return f"{write(kind, depth)} {random.choice(['==', '!=', '<', '<=', '>', '>='])} {write(kind, depth)}"

        def member() -> str:
            kind = random.choice(["text", "number", "moment"])
            holder = random.choice(["list", "list", "set", "mapping"] + ["text"] * (kind == "text"))
            return f"{write(kind, depth)} {random.choice(['in', 'not in'])} {write(holder, depth)}"

        return [
            compare,
            compare,
            compare,
            member,
            lambda: f"{self.any(depth)} {random.choice(['==', '!='])} {random.choice(['null', 'true', 'false'])}",
            lambda: f"{self.any(depth)} {random.choice(['==', '!='])} {self.any(depth)}",
            lambda: f"{write('flag', depth)} and {write('flag', depth)}",
            lambda: f"{write('flag', depth)} or {write('flag', depth)} or {self.any(depth)}",
            lambda: f"not {self.any(depth)}",
            lambda: f"{write('text', depth)} {random.choice(['=~', '=~~', '!~', '!~~'])} {random.choice(PATTERNS)}",
            lambda: f"({write('text', depth)}).{random.choice(['starts_with', 'ends_with'])}({write('text', 0)})",
            lambda: f"({write('list', depth)}).{random.choice(['starts_with', 'ends_with'])}({write('list', 0)})",
            lambda: f"${random.choice(['any', 'all'])}({write('list', depth)})",
        ]

    def _number(self, depth: int) -> list[Callable[[], str]]:
        random, write = self.random, self.write
        return [
            lambda: f"{write('number', depth)} {random.choice('+-*/%')} {write('number', depth)}",
            lambda: f"{write('number', depth)} {random.choice(['//', '&', '|', '^'])} {write('number', depth)}",
            lambda: f"-{write('number', depth)}",
            lambda: f"${random.choice(['sum', 'min', 'max'])}({write('list', depth)})",
            lambda: f"$abs({write('number', depth)})",
            lambda: random.choice(["$pi", "$e"]),
            lambda: f"$parse_float({write('text', depth)})",
        ]

    def _text(self, depth: int) -> list[Callable[[], str]]:
        write = self.write
        return [
            lambda: f"{write('text', depth)} + {write('text', depth)}",
            lambda: f"({write('text', depth)})[{write('number', 0)}:{write('number', 0)}]",
            lambda: f"({write('text', depth)})[:{write('number', 0)}]",
            lambda: f"({write('bytes', depth)}).decode({write('text', 0)})",
        ]

    def _moment(self, depth: int) -> list[Callable[[], str]]:
        write = self.write
        return [
            lambda: f"{write('moment', depth)} {self.random.choice('+-')} {write('span', depth)}",
            lambda: f"$parse_datetime({write('text', 0)})",
        ]

    def _span(self, depth: int) -> list[Callable[[], str]]:
        write = self.write
        return [
            lambda: f"{write('moment', depth)} - {write('moment', depth)}",
            lambda: f"{write('span', depth)} {self.random.choice('+-')} {write('span', depth)}",
            lambda: f"-{write('span', depth)}",
        ]

    def _list(self, depth: int) -> list[Callable[[], str]]:
        write = self.write
        return [
            lambda: f"[{write('number', depth)}, {self.any(depth)}]",
            lambda: self.comprehension(depth),
            lambda: self.comprehension(depth),
            lambda: f"({write('list', depth)})[{write('number', 0)}:]",
            lambda: f"$split({write('text', depth)})",
            lambda: f"$split({write('text', depth)}, {write('text', 0)}, {write('number', 0)})",
            lambda: f"$map($abs, {write('list', depth)})",
        ]

    def comprehension(self, depth: int) -> str:
        if self.inside:
            return self.leaf("list")
        over = self.write(self.random.choice(["list", "list", "set", "mapping"]), min(depth, 1))
        self.inside, self.variables = True, dict.fromkeys(KINDS, "v")
        result = self.any(min(depth, 2))
        condition = f" if {self.write('flag', min(depth, 2))}" if self.random.random() < 0.5 else ""
        self.inside, self.variables = False, {}
        return f"[{result} for v in {over}{condition}]"

    def _set(self, depth: int) -> list[Callable[[], str]]:
        write = self.write
        return [
            lambda: f"{write('set', depth)} {self.random.choice('&|^')} {write('set', depth)}",
            lambda: f"{{{write('number', depth)}, {write('text', depth)}}}",
        ]

    def _mapping(self, depth: int) -> list[Callable[[], str]]:
        return [lambda: f'{{"a": {self.any(depth)}, {self.write("text", 0)}: {self.any(depth)}}}']

    def _bytes(self, depth: int) -> list[Callable[[], str]]:
        write = self.write
        return [
            lambda: f"({write('text', depth)}).encode({write('text', 0)})",
            lambda: f"{write('bytes', depth)} + {write('bytes', depth)}",
        ]
