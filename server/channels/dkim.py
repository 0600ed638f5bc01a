"""DKIM signatures (RFC 6376): they say that a mail is from its domain."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

__all__ = ["Signer"]

_SIGNED: Final = (
    b"from", b"to", b"subject", b"date", b"message-id", b"reply-to", b"mime-version", b"content-type",
    b"list-unsubscribe", b"list-unsubscribe-post", b"feedback-id", b"auto-submitted",
)  # fmt: skip


class Signer:
    """Signs mails of a domain under a selector."""

    def __init__(self, key: bytes, selector: str, domain: str) -> None:
        self._key = key
        self._selector = selector.encode()
        self._domain = domain.encode()

    @classmethod
    def read(cls, path: Path, selector: str, domain: str) -> Signer:
        """With the RSA key of a PEM file. Raises `ValueError`, saying what is wrong with it."""
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError("must be the path of a private RSA key in PEM, without a password") from None
        if not isinstance(key, RSAPrivateKey) or key.key_size < 1024:
            raise ValueError("must be an RSA key of at least 1024 bits; `openssl genrsa 2048` makes one")
        return cls(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()), selector, domain)

    def sign(self, message: bytes) -> bytes:
        """The signature's header line, to stand before the message."""
        import dkim  # only where mails are signed

        present = {line.split(b":", 1)[0].lower() for line in message.partition(b"\r\n\r\n")[0].split(b"\r\n")}
        headers = [name for name in _SIGNED if name in present]
        line: bytes = dkim.sign(
            message, self._selector, self._domain, self._key, canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[*headers, b"from"],  # twice: nobody may add another
        )  # fmt: skip
        return line
