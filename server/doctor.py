"""`relance doctor`: looks at an installation from outside and says what to do."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from server.bootstrap import NotRunning, Relance, open_redis, open_relance, redis_url
from server.data_dir import DataDirError, private_directory
from server.embedded import OLDEST, EmbeddedError, find_redis_server
from server.errors import RelanceError
from server.finding import Finding
from server.mail_doctor import examine_mail
from server.model.actor import SYSTEM
from server.settings import Settings, unknown_settings
from server.slack_doctor import elsewhere, examine_slack
from server.store.codec import SealError
from server.telegram_doctor import examine_teams, examine_telegram

__all__ = ["Finding", "examine"]

_PATCHED = (7, 2, 11)  # CVE-2025-49844 in Lua is mended from here on, and in every Valkey from 7.2.11
_LITTLE_SPACE = 1 << 30  # bytes


async def examine(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Look at everything, one finding after the other."""
    for finding in _environment(settings, environ):
        yield finding
    for finding in _data_dir(settings):
        yield finding
    slack, workspaces = await examine_slack(settings)
    for finding in slack:
        yield finding
    yield await examine_telegram(settings)
    async for finding in examine_mail(settings):
        yield finding
    try:
        url = redis_url(settings)
    except NotRunning as problem:
        yield _embedded_binary()
        yield Finding("Redis", "note", problem.message)
        return
    seen = await _redis("Redis", url, embedded=not settings.redis_url, fsync=settings.fsync)
    if settings.queue_redis_url:
        seen += await _redis("queue's Redis", settings.queue_redis_url, embedded=False, fsync="")
    for finding in seen:
        yield finding
    if any(finding.verdict == "wrong" for finding in seen):
        return  # nothing is written to a Redis that is not fit for it
    async for finding in _service(settings, workspaces):
        yield finding


def _environment(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    findings = [
        Finding("environment", "wrong", f"{name} is not a setting" + (f"; did you mean {meant}?" if meant else ""))
        for name, meant in unknown_settings(environ)
    ]
    if not findings:
        findings.append(Finding("environment", "good", "every RELANCE_ variable is a setting"))
    if settings.host not in ("127.0.0.1", "localhost", "::1") and not settings.public_url:
        findings.append(Finding("environment", "note", "set RELANCE_PUBLIC_URL to the address that others use"))
    if settings.public_url.startswith("http://") and "localhost" not in settings.public_url:
        findings.append(
            Finding("environment", "note", "RELANCE_PUBLIC_URL is not https: put a proxy with TLS in front")
        )
    return findings


def _data_dir(settings: Settings) -> list[Finding]:
    if settings.redis_url and settings.secret_key:
        return []
    path = settings.data_dir
    if not path.exists():
        return [Finding("data directory", "note", f"{path} is made at the first start")]
    try:
        private_directory(path)
    except (DataDirError, OSError) as problem:
        return [Finding("data directory", "wrong", str(problem))]
    free = shutil.disk_usage(path).free
    if free < _LITTLE_SPACE:
        return [Finding("data directory", "wrong", f"{path} has {free >> 20} MB of free space: make some")]
    return [Finding("data directory", "good", f"{path} is private and has {free >> 30} GB of free space")]


def _embedded_binary() -> Finding:
    try:
        return Finding("embedded Redis", "good", f"{find_redis_server()} will be used")
    except EmbeddedError as problem:
        return Finding("embedded Redis", "wrong", str(problem))


async def _redis(name: str, url: str, *, embedded: bool, fsync: str) -> list[Finding]:
    """Version, persistence and eviction of one Redis. `fsync` "" where it holds nothing that must last."""
    client = open_redis(url)
    try:
        facts: dict[str, Any] = await client.info()
        findings = [_version(name, facts, embedded=embedded)]
        if fsync:
            findings.append(await _persistence(name, client, facts, fsync))
        findings.append(_eviction(name, facts))
    except (RedisError, OSError) as problem:
        text = f"does not answer ({type(problem).__name__}): is it running, is its URL right?"
        findings = [Finding(name, "wrong", text)]
    finally:
        await client.aclose()
    return findings


def _version(name: str, facts: Mapping[str, Any], *, embedded: bool) -> Finding:
    text = str(facts.get("valkey_version") or facts.get("redis_version", "0"))
    version = tuple(int(part) for part in text.split(".") if part.isdigit())
    if version < OLDEST:
        return Finding(name, "wrong", f"version {text} is too old: use Redis 7.2.11 or newer, or Valkey")
    if version < _PATCHED and not embedded:
        return Finding(
            name, "note", f"version {text} has a known hole (CVE-2025-49844): use Redis 7.2.11 or newer, or Valkey"
        )
    return Finding(name, "good", f"version {text}")


async def _persistence(name: str, client: Redis, facts: Mapping[str, Any], fsync: str) -> Finding:
    if not facts.get("aof_enabled"):
        return Finding(name, "wrong", "appendonly is off: a restart would lose events; `CONFIG SET appendonly yes`")
    if facts.get("aof_last_write_status") != "ok":
        return Finding(name, "wrong", "the last write to its append-only file failed: is the disk full?")
    try:
        policy = (await client.config_get("appendfsync")).get("appendfsync", "?")
    except RedisError:  # a hosted Redis keeps its configuration to itself
        return Finding(name, "note", "appendonly is on; appendfsync cannot be read: ask for `always`")
    if policy == "always" or policy == fsync:
        return Finding(name, "good", f"appendonly is on, appendfsync {policy}")
    return Finding(
        name,
        "note",
        f"appendfsync is {policy}: a crash can lose what was acknowledged; `CONFIG SET appendfsync always`",
    )


def _eviction(name: str, facts: Mapping[str, Any]) -> Finding:
    policy = facts.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        return Finding(name, "wrong", f"evicts data ({policy}): `CONFIG SET maxmemory-policy noeviction`")
    limit, used = int(facts.get("maxmemory", 0)), int(facts.get("used_memory", 0))
    if limit and used > 0.8 * limit:
        return Finding(name, "wrong", f"uses {100 * used // limit} % of its memory: raise maxmemory")
    return Finding(name, "good", f"never evicts, uses {used >> 20} MB")


async def _service(settings: Settings, workspaces: frozenset[str]) -> AsyncIterator[Finding]:
    """The secret key, the rulebook, the engines and the chats."""
    try:
        async with open_relance(settings) as relance:
            yield Finding("secret key", "good", "opens the data")
            versions = await relance.services.rulebooks.versions(1)
            if versions:
                yield Finding("rulebook", "good", f"version {versions[0].version} is published")
            else:
                yield Finding("rulebook", "note", "none is published: `relance publish FILE`")
            in_vain = await relance.services.rulebooks.sent_in_vain()
            if versions and in_vain:
                yield Finding("rulebook", "note", _in_vain(in_vain))
            for finding in await _messages(relance):
                yield finding
            live = await relance.services.rulebooks.live()
            for finding in elsewhere(live, workspaces) if workspaces else ():
                yield finding
            async for finding in examine_teams(settings, live):
                yield finding
            for feed in await relance.services.broadcasts.feeds(live):
                if feed.reason:
                    yield Finding("feed", "wrong", f"{feed.url} cannot be read: {feed.reason}")
            figures = (await relance.services.status.snapshot()).figures
            if figures is not None and (now := figures.recompute) is not None:
                yield Finding("recompute", "note", f"version {now.version} has reached {now.done} of {now.of} contacts")
            if figures is not None and figures.held < figures.partitions:
                text = f"{figures.partitions - figures.held} partitions have none: start `relance engine`"
                yield Finding("engines", "wrong", text)
            elif figures is not None:
                yield Finding("engines", "good", f"{figures.engines} on {figures.partitions} partitions")
    except SealError as problem:
        yield Finding("secret key", "wrong", str(problem))
    except (DataDirError, RelanceError) as problem:
        yield Finding("service", "wrong", str(problem))


async def _messages(relance: Relance) -> list[Finding]:
    """The messages that are past their time, or wrong under the published rulebook."""
    listed = await relance.services.messages.listing(SYSTEM)
    findings = []
    if stale := [f"{one.template.name} ({one.template.owner})" for one in listed if one.stale]:
        text = f"past their `expires`: {', '.join(dict.fromkeys(stale))}; give them new words or another day"
        findings.append(Finding("messages", "note", text))
    for one in listed:
        if one.problems:
            template = one.template
            name = ".".join(part for part in (template.name, template.channel, template.locale) if part)
            findings.append(Finding("messages", "wrong", f"{name}: {str(one.problems[0]).partition(chr(10))[0]}"))
    return findings


def _in_vain(traits: Mapping[str, int]) -> str:
    names = ", ".join(f"{name} ({count})" for name, count in list(traits.items())[:10])
    more = f" and {len(traits) - 10} more" if len(traits) > 10 else ""
    return f"sites send traits that no attribute takes, so they are not stored: {names}{more}"
