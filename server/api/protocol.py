"""uvicorn's HTTP protocol, whose own refusals are problem+json too."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.api.problems import MEDIA_TYPE, Refused, problem_of

__all__ = ["Protocol"]


class Protocol(HttpToolsProtocol):
    """For `uvicorn.Config(http=Protocol)`: what is not HTTP at all is answered in the one form of errors."""

    def send_400_response(self, msg: str) -> None:
        body = problem_of(Refused(400, "this is not valid HTTP")).encode()
        head = (
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
