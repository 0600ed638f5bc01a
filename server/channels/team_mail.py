"""Mails to a team: plain text, about what concerns the team, not a contact."""

from __future__ import annotations

from server.channels.email import Envelope, Post, mail_date
from server.channels.mail_address import usual_address
from server.ports import ChannelRefused, Clock

__all__ = ["TeamMail"]


class TeamMail:
    """Writes to people who work with Relance."""

    def __init__(self, post: Post, clock: Clock, envelope: Envelope) -> None:
        self._post = post
        self._clock = clock
        self._envelope = envelope

    async def write(self, to: str, subject: str, text: str, name: str) -> str:
        """Send a mail; `name` makes its Message-ID, which is returned: mail programs show a second copy once.

        Raises as `ports.MessageChannel.send` does.
        """
        address = usual_address(to)
        if not address:
            raise ChannelRefused("no valid address")
        message_id = f"{name}@{self._envelope.sender.domain}"
        headers = {
            "Message-ID": f"<{message_id}>", "Date": mail_date(self._clock), "Auto-Submitted": "auto-generated"
        }  # fmt: skip
        mail = self._envelope.sealed(self._envelope.message(address, subject, text, ""), headers)
        await self._post.send(self._envelope.bounces, address, mail)
        return message_id
