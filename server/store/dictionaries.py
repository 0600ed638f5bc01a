"""Dictionaries: what the contacts of an installation have in common, by which their records are packed.

A dictionary is trained on contacts in which every word that is not common to many of them has been replaced by chance,
so it holds nothing of a person. It is kept for good: what was packed with it needs it.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import zstandard

from server.store import keys
from server.store.codec import SealError, UnknownDictionary

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.store.codec import Sealer

__all__ = ["SAMPLES", "Dictionaries", "trained"]

T = TypeVar("T")

SAMPLES = 1000  # contacts that a dictionary is trained on
_GROWTH = 8  # another dictionary is trained when there are so many times the contacts
_MOST = 6
_SIZE = 16 * 1024  # bytes: larger ones packed no better
_COMMON = 20  # contacts in which a word must occur to be taken as it is
_WORDS = re.compile(r"\w+|\W")
_SMALL = "etaoinsrhldcumfpgwybvkxjqz"
_CAPITALS = _SMALL.upper()
_HEX = frozenset("0123456789abcdef")


class Dictionaries:
    """Reads and makes dictionaries; a process knows those that its sealer has learnt."""

    def __init__(self, redis: Redis, seal: Sealer) -> None:
        self._redis = redis
        self._seal = seal

    async def load(self) -> None:
        """Learn those that there are and that are not known yet."""
        there = sorted(int(number) for number in await self._redis.hkeys(keys.dictionaries()))
        missing = [number for number in there if not self._seal.knows(number)]
        if missing:
            for number, sealed in zip(missing, await self._redis.hmget(keys.dictionaries(), missing), strict=True):
                self._seal.learn(number, self._seal.decode("dictionary", sealed, bytes))

    async def prepare(self, blobs: Iterable[bytes]) -> None:
        """Know all dictionaries that records are packed with."""
        if not all(map(self._seal.known, blobs)):
            await self.load()

    async def decode_all(self, kind: str, blobs: Sequence[bytes | None], type: Any) -> list[Any]:  # noqa: A002
        """The values of sealed records; a `SealError` in the place of one that cannot be opened, None for None."""
        try:
            return [None if blob is None else self._opened(kind, blob, type) for blob in blobs]
        except UnknownDictionary:
            await self.load()
            return [None if blob is None else self._opened(kind, blob, type, True) for blob in blobs]

    def _opened(self, kind: str, blob: bytes, type: Any, again: bool = False) -> Any:  # noqa: A002
        try:
            return self._seal.decode(kind, blob, type)
        except UnknownDictionary as error:
            if again:
                return error
            raise
        except SealError as error:
            return error

    def wanted(self, contacts: int) -> bool:
        """Whether an installation of so many contacts should have a dictionary more than it has."""
        number = self._seal.dictionary
        return number < _MOST and contacts >= SAMPLES * _GROWTH**number

    async def make(self, samples: Sequence[object]) -> None:
        """Train the next dictionary on records, unless somebody has, and learn it. Does not hold up the loop."""
        number = self._seal.dictionary + 1
        made = await asyncio.to_thread(trained, [msgspec.msgpack.encode(record) for record in samples])
        await self._redis.hsetnx(keys.dictionaries(), str(number), self._seal.encode("dictionary", made))
        await self.load()


def trained(samples: Sequence[bytes]) -> bytes:
    """A dictionary of encoded records: of the words that are common to many, in the shape of all."""
    decoded = [msgspec.msgpack.decode(sample) for sample in samples]
    occurring: Counter[str] = Counter()
    for value in decoded:
        occurring.update(_words(value, set()))
    common = frozenset(word for word, number in occurring.items() if number >= _COMMON)
    chance = random.Random(1)  # noqa: S311 - takes the place of what nobody is to learn; no secret
    masked: list[bytes | bytearray | memoryview] = [
        msgspec.msgpack.encode(_masked(value, common, chance, {})) for value in decoded
    ]
    return zstandard.train_dictionary(_SIZE, masked).as_bytes()


def _words(value: Any, found: set[str]) -> set[str]:
    if isinstance(value, str):
        found.update(_WORDS.findall(value))
    elif isinstance(value, list):
        for item in value:
            _words(item, found)
    elif isinstance(value, dict):
        for pair in value.items():
            _words(list(pair), found)
    return found


def _masked(value: Any, common: frozenset[str], chance: random.Random, known: dict[Any, Any]) -> Any:
    """The value with chance in the place of all that is not common; what was equal within it stays equal."""
    if isinstance(value, str):
        return "".join(word if word in common else _mask(word, chance, known) for word in _WORDS.findall(value))
    if isinstance(value, list):
        return [_masked(item, common, chance, known) for item in value]
    if isinstance(value, dict):
        return {
            _masked(key, common, chance, known): _masked(item, common, chance, known) for key, item in value.items()
        }
    if isinstance(value, bytes):
        return chance.randbytes(len(value))
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float):
        return round(chance.random() * value, 2)
    if value not in known:
        spread = min(32, max(1, value.bit_length() - 4))  # the highest bits of a time are those of all times
        known[value] = value if -32 <= value < 128 else (value >> spread << spread) + chance.getrandbits(spread)
    return known[value]


def _mask(word: str, chance: random.Random, known: dict[Any, Any]) -> str:
    if word not in known:
        if len(word) >= 8 and _HEX.issuperset(word):
            known[word] = "".join(chance.choices("0123456789abcdef", k=len(word)))
        else:
            letters = (
                chance.choice("0123456789" if letter.isdigit() else _CAPITALS if letter.isupper() else _SMALL)
                for letter in word
            )
            known[word] = "".join(letters)
    return str(known[word])
