"""Whether a person or a program follows a link: scanners of mail, previews of chats and browsers that fetch ahead."""

from __future__ import annotations

import re
from typing import Final

import msgspec

__all__ = ["Visit", "is_program"]

_AGENT: Final = re.compile(
    r"bot\b|crawl|spider|scan|preview|prefetch|fetch|monitor|validator|check(er|ing)|headless|phantomjs|"
    r"barracuda|proofpoint|mimecast|forcepoint|ironport|symantec|trendmicro|sophos|fireeye|cloudmark|bitdefender|"
    r"safelinks|microsoft office|ms-office|skypeuri|slack-imgproxy|facebookexternalhit|whatsapp|telegram|embedly|"
    r"curl/|wget|python-|python/|aiohttp|httpx|go-http|java/|okhttp|apache-http|libwww|node-fetch|axios|ruby|perl",
    re.IGNORECASE,
)
_PICTURES: Final = re.compile(r"googleimageproxy|yahoomailproxy", re.IGNORECASE)  # they fetch when a person looks
_PRIVACY: Final = "Mozilla/5.0"  # Apple Mail fetches every picture of every mail, and says no more than this


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says of who makes it. `ahead`: its purpose is to fetch before somebody asks."""

    method: str = "GET"
    user_agent: str = ""
    ahead: bool = False


def is_program(visit: Visit) -> bool:
    """Whether nobody looks: a HEAD, a fetch ahead, no agent or one that is known to be a program."""
    agent = visit.user_agent.strip()
    if visit.method != "GET" or visit.ahead or not agent or agent == _PRIVACY:
        return True
    return bool(_AGENT.search(agent)) and not _PICTURES.search(agent)
