"""Feeds: the addresses of live rules `on feed` are read every quarter of an hour; each new entry is broadcast once."""

from __future__ import annotations

import asyncio
import calendar
import hashlib
from collections.abc import Iterable
from typing import Any, Final

import feedparser
import structlog
from msgspec.structs import replace

from rules.contact import Event, Millis
from rules.entry import Broadcast
from server.channels.outside import Answer, Outside, OutsideError
from server.ports import Clock
from server.services.broadcasts import Broadcasts, feed_urls
from server.services.rulebooks import Rulebooks
from server.store.feeds import Feeds as Kept
from server.store.feeds import FeedState
from server.store.store import Store

__all__ = ["EVERY", "Feeds"]

EVERY: Final[Millis] = 15 * 60_000
EVENT: Final = "Feed Entry"

_POLLER: Final = 150_000  # milliseconds for which a poller that says nothing is waited for; longer than a feed takes
_SEEN: Final = 2000  # entries of a feed that are remembered
_AT_ONCE: Final = 20  # new entries of a feed that are told; a feed that renames all it has tells no more
_LENGTHS: Final = {"title": 500, "link": 2000, "summary": 5000, "author": 200}

log = structlog.get_logger(__name__)


class Feeds:
    """Reads feeds. What is there when a feed is first read is not new; nor is what was seen before."""

    def __init__(
        self, store: Store, clock: Clock, rulebooks: Rulebooks, broadcasts: Broadcasts, outside: Outside
    ) -> None:
        self._kept = Kept(store.redis, store.seal)
        self._clock = clock
        self._rulebooks = rulebooks
        self._broadcasts = broadcasts
        self._outside = outside

    async def poll(self) -> int:
        """Read the feeds whose time has come, unless another worker does; return how many entries were new.

        Raises `Unavailable`.
        """
        urls = feed_urls(await self._rulebooks.live())
        if not urls or not await self._kept.begin(_POLLER):
            return 0
        told = 0
        try:
            await self._kept.keep_only(urls)
            for state in (await self._kept.states(urls)).values():
                if state.checked and self._clock.now() - state.checked < EVERY:
                    continue
                if not await self._kept.go_on(_POLLER):
                    break
                told += await self._read(state)
        finally:
            await self._kept.end()
        return told

    async def _read(self, state: FeedState) -> int:
        now = self._clock.now()
        headers = {"accept": "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"}
        if state.etag:
            headers["if-none-match"] = state.etag
        if state.modified:
            headers["if-modified-since"] = state.modified
        try:
            answer = await self._outside.get(state.url, headers)
            if answer.status == 304:
                await self._kept.save(replace(state, checked=now, reason=""))
                return 0
            entries = await asyncio.to_thread(_read_entries, answer, now)
        except OutsideError as error:
            return await self._failed(state, now, error.reason)
        new = [(digest, event) for digest, event in entries if digest not in state.seen]
        told = new[:_AT_ONCE] if state.known else []
        for digest, event in reversed(told):  # feeds begin with the newest
            name = hashlib.sha256(f"{state.url}\0{digest}".encode()).hexdigest()[:32]
            await self._broadcasts.tell(Broadcast(time=now, id=f"feed-{name}", event=event, feed=state.url))
        seen = dict.fromkeys((*(digest for digest, _ in entries), *state.seen))
        await self._kept.save(
            FeedState(
                url=state.url,
                checked=now,
                etag=answer.headers.get("etag", "")[:500],
                modified=answer.headers.get("last-modified", "")[:100],
                seen=tuple(seen)[:_SEEN],
                known=True,
            )
        )
        return len(told)

    async def _failed(self, state: FeedState, now: Millis, reason: str) -> int:
        log.warning("a feed could not be read", reason=reason)
        await self._kept.save(replace(state, checked=now, reason=reason))
        return 0


def _read_entries(answer: Answer, now: Millis) -> list[tuple[str, Event]]:
    """As `_entries`; whatever makes the parser stumble is the mistake of that feed, and no other waits for it."""
    try:
        return _entries(answer, now)
    except OutsideError:
        raise
    except Exception as error:
        raise OutsideError(f"it cannot be taken apart ({type(error).__name__})") from None


def _entries(answer: Answer, now: Millis) -> list[tuple[str, Event]]:
    """The entries of a feed with a digest of the id of each; raises `OutsideError` for what is no feed."""
    if answer.status != 200:
        raise OutsideError(f"its server answered {answer.status}")
    parsed = feedparser.parse(answer.body, response_headers={"content-type": answer.headers.get("content-type", "")})
    if not parsed.entries and not parsed.version:
        raise OutsideError("it is no RSS or Atom feed")
    found: list[tuple[str, Event]] = []
    for entry in parsed.entries[:_SEEN]:
        name = _first(entry.get(field) for field in ("id", "link", "title", "summary"))
        if name:
            properties = {field: str(entry.get(field) or "")[:most] for field, most in _LENGTHS.items()}
            event = Event(EVENT, _moment(entry, now), properties, "feed")
            found.append((hashlib.sha256(name.encode()).hexdigest()[:16], event))
    return found


def _first(values: Iterable[Any]) -> str:
    return next((str(value) for value in values if value), "")


def _moment(entry: Any, now: Millis) -> Millis:
    """When an entry says that it was published, at the latest now."""
    published = entry.get("published_parsed") or entry.get("updated_parsed")
    try:
        return min(now, calendar.timegm(published) * 1000) if published else now
    except (OverflowError, ValueError, TypeError):
        return now
