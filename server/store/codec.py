"""The one place where values become bytes: msgpack, packed by Zstandard, sealed with AES-256-GCM.

An envelope is: one byte format (0 plain, 1 sealed, 2 packed, 3 packed and sealed); where packed, one byte with the id
of the dictionary; where sealed, one byte key id, twelve bytes nonce, ciphertext with its sixteen-byte tag. What kind
of record it is goes in as associated data, so that no record passes for another. Nonces are an eight-byte prefix drawn
at random by each process and a four-byte counter (NIST SP 800-38D, 8.2.1): a prefix is never used for more than 2³²
messages.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["SealError", "Sealer", "UnknownDictionary", "unwrap_key", "wrap_key"]

T = TypeVar("T")

_PLAIN, _SEALED, _PACKED, _PACKED_SEALED = range(4)
_KEPT = frozenset(("contact", "history", "consents", "ledger"))  # what lies long, and so is packed
_LEVEL, _USUAL = 4, 4096  # of Zstandard; bytes of a record, for which it is tuned
_LARGEST = 1 << 26  # bytes that packed ones may become


class SealError(Exception):
    """Bytes cannot be opened: another secret key, another kind of record, or damage."""


class UnknownDictionary(SealError):
    """Bytes were packed with a dictionary that this process has not read yet."""


def _kek(secret: bytes) -> AESGCM:
    return AESGCM(hashlib.blake2b(secret, digest_size=32, person=b"relance kek").digest())


def wrap_key(secret: bytes, key_id: str, key: bytes) -> bytes:
    """Seal a data key under the installation's secret key."""
    nonce = os.urandom(12)
    return nonce + _kek(secret).encrypt(nonce, key, key_id.encode())


def unwrap_key(secret: bytes, key_id: str, wrapped: bytes) -> bytes:
    """Open a wrapped data key; raises `SealError` where the secret key is another one."""
    try:
        return _kek(secret).decrypt(wrapped[:12], wrapped[12:], key_id.encode())
    except InvalidTag:
        raise SealError("the data was created with another RELANCE_SECRET_KEY; give that one") from None


class Sealer:
    """Encodes and decodes values; holds the data keys, newest last.

    `keys` maps key ids (1–255) to 32-byte keys; empty, values are only encoded (benchmarks of the sealing itself).
    `lookup_key` is the key of the digests by which identities are found.
    """

    def __init__(self, keys: Mapping[int, bytes], lookup_key: bytes) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._newest = max(keys, default=0)
        self._lookup_key = lookup_key
        self._encode = msgspec.msgpack.Encoder().encode
        self._decoders: dict[Any, Callable[[bytes], Any]] = {}
        self._prefix = os.urandom(8)
        self._counter = 0
        self._pack: zstandard.ZstdCompressor | None = None
        self._unpack: dict[int, zstandard.ZstdDecompressor] = {}
        self._packed_with = 0
        self._associated: dict[tuple[str, int], bytes] = {}

    @property
    def dictionary(self) -> int:
        """The id of the dictionary that records are packed with; 0: they are not packed."""
        return self._packed_with

    def knows(self, number: int) -> bool:
        """Whether what was packed with a dictionary can be read."""
        return number in self._unpack

    def known(self, blob: bytes) -> bool:
        """Whether the dictionary of a record is known, if it has one."""
        return blob[0] not in (_PACKED, _PACKED_SEALED) or blob[1] in self._unpack

    def learn(self, number: int, dictionary: bytes) -> None:
        """Read what was packed with a dictionary (by its id, 1–255), and pack with the one of the highest id."""
        data = zstandard.ZstdCompressionDict(dictionary)
        self._unpack[number] = zstandard.ZstdDecompressor(dict_data=data, format=zstandard.FORMAT_ZSTD1_MAGICLESS)
        if number > self._packed_with:
            shape = zstandard.ZstdCompressionParameters.from_level(
                _LEVEL,
                source_size=_USUAL,
                dict_size=len(dictionary),
                format=zstandard.FORMAT_ZSTD1_MAGICLESS,
                write_content_size=True,
                write_dict_id=False,
                write_checksum=False,
            )
            self._pack = zstandard.ZstdCompressor(dict_data=data, compression_params=shape)
            self._packed_with = number

    def encode(self, kind: str, value: object) -> bytes:
        """The value as bytes, sealed as this kind of record."""
        return self.seal(kind, self._encode(value))

    def seal(self, kind: str, plain: bytes) -> bytes:
        """Bytes, sealed as this kind of record."""
        number = 0
        if self._pack is not None and kind in _KEPT:
            number, plain = self._packed_with, self._pack.compress(plain)
        if not self._newest:
            return bytes((_PACKED, number)) + plain if number else bytes((_PLAIN,)) + plain
        self._counter += 1
        if self._counter == 1 << 32:
            self._prefix, self._counter = os.urandom(8), 1
        nonce = self._prefix + self._counter.to_bytes(4, "big")
        head = bytes((_PACKED_SEALED, number, self._newest)) if number else bytes((_SEALED, self._newest))
        return head + nonce + self._ciphers[self._newest].encrypt(nonce, plain, self._name(kind, number))

    def _name(self, kind: str, dictionary: int) -> bytes:
        """The associated data of a record."""
        name = self._associated.get((kind, dictionary))
        if name is None:
            name = kind.encode() + bytes((dictionary,)) if dictionary else kind.encode()
            self._associated[kind, dictionary] = name
        return name

    def decode(self, kind: str, blob: bytes, type: type[T] | Any) -> T:  # noqa: A002 - msgspec's own word
        """The value of sealed bytes; raises `SealError` where they cannot be opened or do not fit the type."""
        return self.read(kind, self.open(kind, blob), type)  # type: ignore[no-any-return]

    def read(self, kind: str, plain: bytes, type: type[T] | Any) -> T:  # noqa: A002
        """The value of bytes that were `open`ed; raises `SealError` where they do not fit the type."""
        try:
            return self._decoder(type)(plain)  # type: ignore[no-any-return]
        except msgspec.MsgspecError:
            raise SealError(f"a record of kind {kind} has an unknown shape") from None

    def decode_each(self, kind: str, blobs: Iterable[bytes], type: Any) -> list[Any]:  # noqa: A002
        """The values of many sealed records that are not packed; None in the place of one that cannot be opened."""
        decode = self._decoder(type)
        name = self._name(kind, 0)
        ciphers = {key_id: cipher.decrypt for key_id, cipher in self._ciphers.items()}
        values: list[Any] = []
        for blob in blobs:
            try:
                if blob[0] == _SEALED:
                    values.append(decode(ciphers[blob[1]](blob[2:14], blob[14:], name)))
                else:
                    values.append(decode(self.open(kind, blob)))
            except (SealError, InvalidTag, KeyError, IndexError, msgspec.MsgspecError):
                values.append(None)
        return values

    def _decoder(self, type: Any) -> Callable[[bytes], Any]:  # noqa: A002
        decoder = self._decoders.get(type)
        if decoder is None:
            decoder = self._decoders[type] = msgspec.msgpack.Decoder(type).decode
        return decoder

    def open(self, kind: str, blob: bytes) -> bytes:
        """The bytes within sealed bytes."""
        try:
            form = blob[0]
            if form == _PACKED_SEALED:
                body = self._ciphers[blob[2]].decrypt(blob[3:15], blob[15:], self._name(kind, blob[1]))
                return self._unpacked(blob[1], body)
            if form == _SEALED:
                return self._ciphers[blob[1]].decrypt(blob[2:14], blob[14:], self._name(kind, 0))
            if form == _PACKED and not self._newest:
                return self._unpacked(blob[1], blob[2:])
            if form == _PLAIN and not self._newest:
                return blob[1:]
        except (InvalidTag, KeyError, IndexError, zstandard.ZstdError):
            pass
        raise SealError(f"a record of kind {kind} cannot be opened") from None

    def _unpacked(self, number: int, body: bytes) -> bytes:
        unpack = self._unpack.get(number)
        if unpack is None:
            raise UnknownDictionary(f"dictionary {number} is not read yet")
        return unpack.decompress(body, max_output_size=_LARGEST)

    def digest(self, text: str) -> str:
        """Keyed hash by which a value is found without being stored (HMAC-SHA-256, cut to 96 bits, hex)."""
        return hmac.digest(self._lookup_key, text.encode(), "sha256")[:12].hex()
