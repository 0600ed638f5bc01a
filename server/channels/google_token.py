"""The token of a Google service account, as FCM's HTTP v1 API wants it.

RFC 7523, https://developers.google.com/identity/protocols/oauth2/service-account.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from server.ports import ChannelDown, Clock

__all__ = ["GoogleToken"]

_SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
_LIFE: Final = 3600  # seconds
_EARLY: Final = 300_000  # milliseconds before its end at which a token is asked for anew


class _Account(msgspec.Struct, frozen=True):
    client_email: str
    private_key: str
    token_uri: str


class _Given(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int = _LIFE


class GoogleToken:
    """Implements `gateway.Tokens`: one token, asked for again before it ends."""

    def __init__(self, account: _Account, key: RSAPrivateKey, clock: Clock) -> None:
        self._account = account
        self._key = key
        self._clock = clock
        self._token = ""
        self._until = 0
        self._asking = asyncio.Lock()

    @classmethod
    def read(cls, path: Path, clock: Clock) -> GoogleToken:
        """From the file that Google gives; raises ValueError, saying what is wrong with it."""
        try:
            account = msgspec.json.decode(path.read_bytes(), type=_Account)
            key = serialization.load_pem_private_key(account.private_key.encode(), None)
        except (OSError, msgspec.MsgspecError, ValueError) as problem:
            raise ValueError(f"{path.name} is no file of a service account ({type(problem).__name__})") from None
        if not isinstance(key, RSAPrivateKey):
            raise ValueError(f"{path.name} holds no RSA key")
        return cls(account, key, clock)

    async def token(self, session: aiohttp.ClientSession) -> str:
        """The token; raises `ChannelDown` where Google gives none."""
        async with self._asking:
            if self._clock.now() >= self._until - _EARLY:
                await self._ask(session)
            return self._token

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self._assertion()}
        try:
            async with session.post(self._account.token_uri, data=form) as answer:
                if answer.status != 200:
                    raise ChannelDown(f"Google gives no token: HTTP {answer.status}")
                given = msgspec.json.decode(await answer.read(), type=_Given)
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError) as error:
            raise ChannelDown(f"Google gives no token: {type(error).__name__}") from None
        self._token = given.access_token
        self._until = self._clock.now() + given.expires_in * 1000

    def _assertion(self) -> str:
        now = self._clock.now() // 1000
        claims = {
            "iss": self._account.client_email, "scope": _SCOPE, "aud": self._account.token_uri, "iat": now,
            "exp": now + _LIFE,
        }  # fmt: skip
        signed = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
        signature = self._key.sign(signed.encode(), PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encoded(signature)}"


def _part(value: dict[str, Any]) -> str:
    return _encoded(msgspec.json.encode(value))


def _encoded(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")
