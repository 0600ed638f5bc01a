"""The errors of the services; each transport translates them once.

RelanceError
├── Invalid         the input is wrong; `errors` says where and how to mend it          422 (400 for a body)
├── Unauthorized    nobody is known by this key or link                                 401
├── Forbidden       known, but may not do this                                          403
├── NotFound        there is no such thing                                              404
├── Conflict        somebody else was first; `current` says what is there now           409
├── Ambiguous       the words fit several things; `choices` lists them                  409
└── Unavailable     Redis cannot take it now; try again after `retry_after` seconds     503
"""

from __future__ import annotations

import msgspec

__all__ = [
    "Ambiguous",
    "Conflict",
    "FieldError",
    "Forbidden",
    "Invalid",
    "NotFound",
    "RelanceError",
    "Unauthorized",
    "Unavailable",
]


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong at a place of the input; never the value itself."""

    path: str
    message: str


class RelanceError(Exception):
    """A service cannot do what was asked. `message` is English, free of personal data, and says what to do next.

    `code` and `fields` name it for translation: the message is `code`'s catalogue text filled with `fields`.
    """

    def __init__(self, message: str, *, code: str = "", **fields: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).__name__.lower()
        self.fields = fields


class Invalid(RelanceError):
    """The input is wrong."""

    def __init__(self, message: str, errors: list[FieldError] | None = None, *, code: str = "", **fields: str) -> None:
        super().__init__(message, code=code, **fields)
        self.errors = errors or []


class Unauthorized(RelanceError):
    """Nobody is known by this key or link."""


class Forbidden(RelanceError):
    """The actor is known, but may not do this."""


class NotFound(RelanceError):
    """There is no such thing."""


class Conflict(RelanceError):
    """Somebody else was first."""

    def __init__(self, message: str, *, current: str = "", code: str = "", **fields: str) -> None:
        super().__init__(message, code=code, **fields)
        self.current = current


class Ambiguous(RelanceError):
    """The words fit several things."""

    def __init__(self, message: str, choices: list[str], *, code: str = "", **fields: str) -> None:
        super().__init__(message, code=code, **fields)
        self.choices = choices


class Unavailable(RelanceError):
    """The store cannot take it now."""

    def __init__(self, message: str, *, retry_after: float = 1.0, code: str = "", **fields: str) -> None:
        super().__init__(message, code=code, **fields)
        self.retry_after = retry_after
