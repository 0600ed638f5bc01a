"""The mails that were kept instead of being sent, to be looked at in a browser: only with `RELANCE_SMTP_URL=local:`."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from html import escape
from typing import Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from rules.contact import Millis
from server.channels.mail_files import MailFiles
from server.errors import NotFound

__all__ = ["mailbox_routes"]

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1rem; }
ol { list-style: none; padding: 0; }
li { border-bottom: 1px solid #8884; padding: .5rem 0; overflow-wrap: anywhere; }
small { opacity: .7; }
iframe { width: 100%; height: 75vh; border: 1px solid #8886; background: #fff; }
pre { white-space: pre-wrap; }
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:; "
_HEADERS: Final = {
    "content-security-policy": _POLICY + "frame-src 'self'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_BODY: Final = {**_HEADERS, "content-security-policy": _POLICY + "sandbox allow-popups"}


def mailbox_routes(mails: MailFiles) -> list[HTTPRouteHandler]:
    """`GET /mailbox` and what it leads to."""

    @get("/mailbox", include_in_schema=False, sync_to_thread=True)
    def listing() -> Response[str]:
        rows = [
            f'<li><a href="/mailbox/{escape(one.name)}">{escape(one.subject) or "(no subject)"}</a><br>'
            f"<small>{escape(one.to)} · {_when(one.time)}</small></li>"
            for one in mails.newest()
        ]
        return _page("Mails", f"<h1>Mails</h1><ol>{''.join(rows) or '<li>None yet.</li>'}</ol>")

    @get("/mailbox/{name:str}", include_in_schema=False, sync_to_thread=True)
    def one(name: FromPath[str]) -> Response[str]:
        mail = _found(mails, name)
        heads = "".join(f"<li><b>{escape(key)}</b>: {escape(str(value))}</li>" for key, value in mail.items())
        text = mail.get_body(("plain",))
        shown = escape(text.get_content()) if text is not None else ""
        return _page(
            str(mail["Subject"]),
            f'<p><a href="/mailbox">Mails</a></p><h1>{escape(str(mail["Subject"]))}</h1>'
            f'<iframe src="/mailbox/{escape(name)}/html" title="HTML"></iframe>'
            f"<details><summary>Text</summary><pre>{shown}</pre></details>"
            f"<details><summary>Headers</summary><ol>{heads}</ol></details>",
        )

    @get("/mailbox/{name:str}/html", include_in_schema=False, sync_to_thread=True)
    def body(name: FromPath[str]) -> Response[str]:
        part = _found(mails, name).get_body(("html", "plain"))
        content = str(part.get_content()) if part is not None else ""
        if part is not None and part.get_content_subtype() == "plain":
            content = f"<pre>{escape(content)}</pre>"
        return Response(content, media_type="text/html", headers=_BODY)

    return [listing, one, body]


def _when(time: Millis) -> str:
    return f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _found(mails: MailFiles, name: str) -> EmailMessage:
    mail = mails.read(name)
    if mail is None:
        raise NotFound("there is no such mail", code="no_mail")
    return mail


def _page(title: str, content: str) -> Response[str]:
    html = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><body>{content}</body></html>"
    )
    return Response(html, media_type="text/html", headers=_HEADERS)
