"""What all views share: moments as they are shown, and the refusal of a cursor."""

from __future__ import annotations

from datetime import UTC, datetime

from rules.contact import Millis
from server.errors import FieldError, Invalid

__all__ = ["bad_cursor", "moment"]


def moment(millis: Millis) -> datetime:
    """Milliseconds since 1970 as aware UTC."""
    return datetime.fromtimestamp(millis / 1000, UTC)


def bad_cursor() -> Invalid:
    """The error for a cursor that is not one of ours."""
    wrong = FieldError("cursor", "take it from `next` of the page before")
    return Invalid("the cursor is not one of ours", [wrong], code="bad_cursor")
