"""A gateway over HTTP for SMS and mobile push: the form of its request and of its answer are written down as settings.

[sms]
url = "https://api.twilio.com/2010-04-01/Accounts/AC…/Messages.json"
user = "AC…"
password = "…"
form = {To = "{to}", From = "+33…", Body = "{text}"}
reference = "sid"
dead = {"code" = [21211, 21610, 21614]}

`{to}`, `{text}`, `{title}`, `{link}`, `{image}` and `{delivery}` are filled in where they stand in `form`, `json` and
`headers`. `reference` says where the answer holds the gateway's name of the message, `dead` by which answers a dead
address is known: dotted paths into its JSON.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, Protocol

import aiohttp
import msgspec

from server.ports import ChannelBusy, ChannelDown, ChannelRefused, ChannelUnsure

__all__ = ["Gateway", "GatewayForm", "Tokens"]

_HOLE: Final = re.compile(r"\{(to|text|title|link|image|delivery)\}")
_ANSWER: Final = 64 * 1024  # bytes of an answer that are read
_NOT_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_LONGEST_WAIT: Final = 3600.0


class GatewayForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a gateway is asked. One of `form` and `json` is given. `service_account`: a file of Google's, whose token
    is sent along."""

    url: str
    method: str = "POST"
    headers: dict[str, str] = {}
    user: str = ""
    password: str = ""
    form: dict[str, str] = {}
    json: dict[str, Any] = {}
    reference: str = ""
    dead: dict[str, list[Any]] = {}
    service_account: str = ""
    seconds: float = 15.0


class Tokens(Protocol):
    """Gives the token that a request bears."""

    async def token(self, session: aiohttp.ClientSession) -> str: ...


class Gateway:
    """Asks one gateway. Raises what `ports.MessageChannel.send` may raise."""

    def __init__(self, form: GatewayForm, tokens: Tokens | None = None) -> None:
        self._form = form
        self._tokens = tokens
        self._session: aiohttp.ClientSession | None = None

    async def send(self, values: Mapping[str, str]) -> str:
        """Send one message; `values` by the names of the holes. Returns the gateway's name of it."""
        form = self._form
        session = self._open()
        headers = {name: _filled(text, values) for name, text in form.headers.items()}
        if self._tokens is not None:
            headers["Authorization"] = f"Bearer {await self._tokens.token(session)}"
        elif form.user:
            headers["Authorization"] = f"Basic {b64encode(f'{form.user}:{form.password}'.encode()).decode()}"
        body: dict[str, Any] = (
            {"data": _filled(form.form, values)} if form.form else {"json": _filled(form.json, values)}
        )
        try:
            async with session.request(form.method, form.url, headers=headers, allow_redirects=False, **body) as answer:
                said = await answer.content.read(_ANSWER)
                return self._told(answer.status, answer.headers, said)
        except _NOT_SENT as error:
            raise ChannelDown(type(error).__name__) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ChannelUnsure(type(error).__name__) from None

    def _told(self, status: int, headers: Mapping[str, str], said: bytes) -> str:
        try:
            answer = msgspec.json.decode(said) if said else {}
        except (msgspec.DecodeError, RecursionError):
            answer = {}
        dead = any(_at(answer, path) in values for path, values in self._form.dead.items())
        if dead:
            raise ChannelRefused(f"HTTP {status}: the address is dead", suppress=True)
        if 200 <= status < 300:
            reference = _at(answer, self._form.reference) if self._form.reference else ""
            return str(reference or "")[:200]
        if status == 429:
            raise ChannelBusy("HTTP 429", _seconds(headers.get("Retry-After")))
        if status in (401, 403, 408, 503) or 300 <= status < 400:  # it did nothing; ours to mend, or to wait for
            raise ChannelDown(f"HTTP {status}")
        if status >= 500:
            raise ChannelUnsure(f"HTTP {status}")
        raise ChannelRefused(f"HTTP {status}")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._form.seconds))
        return self._session

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """A form with its holes filled in."""
    match value:
        case str():
            return _HOLE.sub(lambda hole: values.get(hole[1], ""), value)
        case dict():
            return {name: _filled(each, values) for name, each in value.items()}
        case list():
            return [_filled(each, values) for each in value]
        case _:
            return value


def _at(answer: Any, path: str) -> Any:
    """What stands in an answer at a dotted path; a part that is a number is a place in a list. None: nothing."""
    for part in path.split("."):
        if isinstance(answer, list) and part.isdigit() and int(part) < len(answer):
            answer = answer[int(part)]
        elif isinstance(answer, dict):
            answer = answer.get(part)
        else:
            return None
    return answer


def _seconds(text: str | None) -> float:
    try:
        return min(max(float(text or 1), 0.1), _LONGEST_WAIT)
    except ValueError:
        return 1.0
