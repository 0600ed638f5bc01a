"""Whether a person or a program follows a link: scanners of mail, previews of chats and browsers that fetch ahead."""

from __future__ import annotations

import re
from typing import Final

import msgspec

__all__ = ["Visit", "is_program"]

_AGENT: Final = re.compile(
    r"(?<!cu)bot\b|crawl|spider|scan(ner)?\b|preview|prefetch|fetch|monitor|validator|check(er|ing)\b|headless|phantomjs|"
    r"barracuda|proofpoint|mimecast|forcepoint|ironport|symantec|trendmicro|sophos|fireeye|cloudmark|bitdefender|"
    r"safelinks|slack-imgproxy|facebookexternalhit|whatsapp/|embedly|"
    r"\bcurl/|\bwget|python-requests|go-http|\bjava/|okhttp|apache-http|libwww|node-fetch|axios|\bruby\b|\bperl\b",
    re.IGNORECASE,
)
_OFFICE: Final = re.compile(r"microsoft office|ms-?office|skypeuri", re.IGNORECASE)  # looks at links before a browser
_PROXIES: Final = re.compile(r"googleimageproxy|yahoomailproxy", re.IGNORECASE)  # they fetch when a person looks
_PRIVACY: Final = "Mozilla/5.0"  # Apple Mail fetches every picture of every mail, and says no more than this


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says of who makes it. `ahead`: its purpose is to fetch before somebody asks."""

    method: str = "GET"
    user_agent: str = ""
    ahead: bool = False


def is_program(visit: Visit, *, picture: bool = False) -> bool:
    """Whether nobody looks: a HEAD, a fetch ahead, no agent or one that is known to be a program.

    A `picture` is fetched by Outlook itself, and by the services of mail that hide their readers' addresses; Apple's
    does so whether somebody reads or not.
    """
    agent = visit.user_agent.strip()
    if visit.method != "GET" or visit.ahead or not agent:
        return True
    if picture and _PROXIES.search(agent):
        return False
    if _AGENT.search(agent):
        return True
    return agent == _PRIVACY if picture else bool(_OFFICE.search(agent))
