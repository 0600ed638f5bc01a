"""Asking addresses that people wrote down: bounded in size and time, and never this machine or its network by mistake.

A name is resolved once, by the connection itself, and every address it has must be public; so a name that changes
between a look and the connection gains nothing. Redirects are followed one by one under the same rule.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

__all__ = ["Answer", "Outside", "OutsideError", "PublicResolver", "is_public"]

_REDIRECTS: Final = 5
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


class OutsideError(Exception):
    """An address could not be asked; `reason` is free of personal data."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an address answered; `headers` by their names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    found = mapped or found
    return found.is_global and not found.is_multicast


class PublicResolver(AbstractResolver):
    """Resolves names; refuses one that has a private address."""

    def __init__(self) -> None:
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not all(is_public(one["host"]) for one in found):
            raise OutsideError("its name leads to a private address; RELANCE_ALLOW_PRIVATE_URLS=yes allows that")
        return found

    async def close(self) -> None:
        await self._resolver.close()


class Outside:
    """Asks addresses. `private`: those of this machine and its network too. `seconds` and `limit`: of one answer."""

    def __init__(self, *, private: bool = False, seconds: float = 20, limit: int = 2 * 1024 * 1024) -> None:
        self._private = private
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._limit = limit

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Read an address, following redirects. Raises `OutsideError`."""
        for _ in range(_REDIRECTS):
            answer = await self.ask("GET", url, headers=headers)
            if answer.status not in _MOVED or "location" not in answer.headers:
                return answer
            url = urljoin(url, answer.headers["location"])
        raise OutsideError("it redirects again and again")

    async def ask(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Send one request; redirects are not followed. Raises `OutsideError`."""
        self._check(url)
        resolver = None if self._private else PublicResolver()
        connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, limit=1)
        known = {"user-agent": "Relance", **(headers or {})}
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
                ) as session,
                session.request(method, url, headers=known, data=body, allow_redirects=False) as response,
            ):
                read = await self._read(response)
                found = {name.lower(): value for name, value in response.headers.items()}
                return Answer(status=response.status, headers=found, body=read)
        except OutsideError:
            raise
        except TimeoutError:
            raise OutsideError("it did not answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise OutsideError(f"it could not be reached ({type(error).__name__})") from None

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host:
            raise OutsideError("the address does not begin with https:// or http://")
        literal = _literal(host)
        if literal is not None and not self._private and not is_public(literal):
            raise OutsideError("it is a private address; RELANCE_ALLOW_PRIVATE_URLS=yes allows that")

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_chunked(65536):
            size += len(part)
            if size > self._limit:
                raise OutsideError(f"its answer has more than {self._limit // 1024} KB")
            parts.append(part)
        return b"".join(parts)


def _literal(host: str) -> str | None:
    """The IP address that a host is written as, in any of the forms that connecting takes; None for a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None
