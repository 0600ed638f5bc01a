"""Feeds: a new entry is broadcast once; what was there before is not new; what is not public is not asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from rules.entry import Broadcast, Entry
from server.channels.outside import Outside, OutsideError, is_public
from server.services.broadcasts import Broadcasts
from server.services.rulebooks import Rulebooks
from server.store import keys
from server.store.store import Store
from server.worker.feeds import Feeds
from tests.clock import FakeClock
from tests.engines import publish


@dataclass
class Site:
    """A site with a feed on a free port of this machine."""

    url: str = ""
    titles: list[str] = field(default_factory=list)
    tagged: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append({name.lower(): value for name, value in request.headers.items()})
        tag = f'"{len(self.titles)}"'
        if self.tagged and request.headers.get("if-none-match") == tag:
            return web.Response(status=304)
        headers = {"etag": tag} if self.tagged else {}
        return web.Response(body=self.feed().encode(), content_type="application/rss+xml", headers=headers)

    def feed(self) -> str:
        items = "".join(
            f"<item><guid>{title}</guid><title>{title}</title><link>https://blog.example/{title}</link>"
            f"<description>About {title}</description></item>"
            for title in reversed(self.titles)
        )
        return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Blog</title>{items}</channel></rss>'


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    app = web.Application()
    app.router.add_get("/feed", made.answer)
    app.router.add_get("/moved", _moved)
    app.router.add_get("/large", _large)
    app.router.add_get("/page", _page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def _moved(request: web.Request) -> web.Response:
    raise web.HTTPFound("/feed")


async def _large(request: web.Request) -> web.Response:
    return web.Response(body=b"x" * 3_000_000)


async def _page(request: web.Request) -> web.Response:
    return web.Response(text="<html><body>Nothing here</body></html>", content_type="text/html")


def feeds_of(store: Store, *, private: bool = True) -> Feeds:
    return Feeds(store, store.clock, Rulebooks(store), Broadcasts(store, store.clock), Outside(private=private))


async def watch(store: Store, url: str) -> None:
    await publish(store, f'trigger news: on feed "{url}" to contact.score >= 0\n  add 1 points\n')


async def told(store: Store) -> list[Broadcast]:
    """What lies in the log of the first partition, as in every other."""
    rows = await store.redis.xrange(keys.log(0))
    found = [store.seal.decode("log", fields[b"e"], Entry) for _, fields in rows]
    return [entry for entry in found if isinstance(entry, Broadcast)]


async def test_what_a_feed_holds_at_first_is_not_new_and_a_new_entry_is_told_once(
    store: Store, clock: FakeClock, site: Site
) -> None:
    await watch(store, site.url + "/feed")
    feeds = feeds_of(store)
    site.titles = ["one", "two"]
    assert await feeds.poll() == 0
    site.titles += ["three", "four"]
    assert await feeds.poll() == 0, "it is not asked again within a quarter of an hour"
    assert len(site.asked) == 1
    clock.advance(minutes=15)
    assert await feeds.poll() == 2
    clock.advance(minutes=15)
    assert await feeds_of(store).poll() == 0, "another worker knows what this one has told"
    found = await told(store)
    assert [entry.event.properties["title"] for entry in found] == ["three", "four"]
    assert found[0].event.properties["link"] == "https://blog.example/three"
    assert found[0].event.properties["summary"] == "About three"
    assert {entry.feed for entry in found} == {site.url + "/feed"}
    assert found[0].id != found[1].id


async def test_a_feed_is_asked_only_for_what_has_changed(store: Store, clock: FakeClock, site: Site) -> None:
    await watch(store, site.url + "/moved")
    feeds = feeds_of(store)
    site.titles, site.tagged = ["one"], True
    await feeds.poll()
    clock.advance(minutes=15)
    assert await feeds.poll() == 0
    assert site.asked[-1]["if-none-match"] == '"1"'
    site.titles.append("two")
    clock.advance(minutes=15)
    assert await feeds.poll() == 1


async def test_a_feed_that_cannot_be_read_is_tried_again_later(store: Store, clock: FakeClock, site: Site) -> None:
    await watch(store, site.url + "/feed")
    site.titles = ["one"]
    await feeds_of(store).poll()
    clock.advance(minutes=15)
    site.titles = ["\x00 no XML <<<"] * 3
    await feeds_of(store).poll()
    clock.advance(minutes=15)
    site.titles = ["one", "two"]
    assert await feeds_of(store).poll() == 1


async def test_one_worker_polls_at_a_time(store: Store, site: Site) -> None:
    await watch(store, site.url + "/feed")
    await store.redis.set(keys.feeds_poller(), "another worker")
    await feeds_of(store).poll()
    assert site.asked == []


@pytest.mark.parametrize("path", ["/large", "/page", "/nothing"])
async def test_what_is_no_feed_tells_nothing(store: Store, site: Site, path: str) -> None:
    await watch(store, site.url + path)
    assert await feeds_of(store).poll() == 0
    assert await told(store) == []
    [state] = await Broadcasts(store, store.clock).feeds(await Rulebooks(store).live())
    assert state.reason, "the doctor tells it"


async def test_private_addresses_are_asked_only_where_that_is_allowed(store: Store, site: Site) -> None:
    await watch(store, site.url + "/feed")
    await feeds_of(store, private=False).poll()
    assert site.asked == []
    outside = Outside(seconds=5)
    port = site.url.rpartition(":")[2]
    for host in ("localhost", "127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"):
        with pytest.raises(OutsideError) as refused:
            await outside.get(f"http://{host}:{port}/feed")
        assert "private" in refused.value.reason, host
    with pytest.raises(OutsideError):
        await outside.get("file:///etc/passwd")
    assert site.asked == []


def test_addresses_of_networks_at_home_are_not_public() -> None:
    for address in ("10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "fd00::1", "fe80::1%eth0", "0.0.0.0",
                    "224.0.0.1", "100.64.0.1", "::", "no address"):  # fmt: skip
        assert not is_public(address), address
    assert is_public("93.184.215.14")
    assert is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")
