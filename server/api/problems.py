"""Errors as RFC 9457 `application/problem+json`, once for every route."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from math import ceil
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.params import ParameterKwarg
from litestar.types import ExceptionHandlersMap

from rules.errors import Problem as TextProblem
from server.errors import (
    Ambiguous,
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    RelanceError,
    Unauthorized,
    Unavailable,
)
from server.services.messages import WrongMessage
from server.services.rates import TooFast
from server.services.rulebooks import WrongRulebook
from server.services.strict import without_value

__all__ = ["EXCEPTION_HANDLERS", "MEDIA_TYPE", "Problem", "ProblemLine", "Refused", "problem_lines", "problem_of"]

MEDIA_TYPE = "application/problem+json"

_MISSING: Final = re.compile(r"Missing required \w+ parameter '([\w-]+)'")

_log = logging.getLogger(__name__)


class Refused(RelanceError):
    """HTTP's own reasons to refuse a request: its size, its type, its pace, its method."""

    def __init__(self, status: int, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, code=HTTPStatus(status).phrase.lower().replace(" ", "-"))
        self.status = status
        self.headers = headers or {}


class ProblemLine(msgspec.Struct, frozen=True):
    """A mistake in a rulebook, with its place."""

    line: int
    column: int
    message: str
    suggestion: str | None
    excerpt: str | None


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of an error (RFC 9457), with what is wrong at which place, and further members of some kinds."""

    type: str
    title: str
    status: int
    detail: str = ""
    errors: list[Any] | msgspec.UnsetType = msgspec.UNSET
    warnings: list[ProblemLine] | msgspec.UnsetType = msgspec.UNSET
    current: str = ""
    choices: list[str] | msgspec.UnsetType = msgspec.UNSET
    code: str = ""
    message: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)

    def for_libraries(self) -> Problem:
        """With the `code` and `message` of Segment's API: without them its libraries send again what is refused."""
        return msgspec.structs.replace(self, code=self.type.rpartition(":")[2], message=self.detail)

    def encode(self) -> bytes:
        """The body: everything but the headers."""
        return msgspec.json.encode(msgspec.structs.replace(self, headers={}))


def problem_of(error: Exception, *, body: bool = False) -> Problem:
    """The problem that an error is. `body`: it was found in a body of events, whose mistakes are 400."""
    match error:
        case Refused():
            return _problem(error.status, error.message, headers=dict(error.headers))
        case WrongRulebook():
            lines, warnings = problem_lines(error.checked.problems), problem_lines(error.checked.warnings)
            return _problem(422, error.message, errors=lines, warnings=warnings)
        case WrongMessage():
            return _problem(422, error.message, errors=problem_lines(error.problems))
        case TooFast():
            return _problem(429, error.message, headers=_retry(error.retry_after))
        case Invalid():
            status = 400 if body or error.code == "malformed" else 422
            return _problem(status, error.message, errors=error.errors)
        case Unauthorized():
            return _problem(401, error.message, headers={"www-authenticate": 'Basic realm="relance", Bearer'})
        case Forbidden():
            return _problem(403, error.message)
        case NotFound():
            return _problem(404, error.message)
        case Conflict():
            return _problem(409, error.message, current=error.current)
        case Ambiguous():
            return _problem(409, error.message, choices=error.choices)
        case Unavailable():
            return _problem(503, error.message, headers=_retry(error.retry_after))
        case HTTPException():
            return _problem(error.status_code, _detail(error), headers=dict(error.headers or {}))
        case _:
            _log.error("a request failed: %s", type(error).__name__, exc_info=_place_only(error))
            return _problem(500, "something went wrong here; it has been logged")


def _problem(status: int, detail: str, **members: Any) -> Problem:
    title = HTTPStatus(status).phrase
    return Problem(
        type=f"urn:relance:problem:{title.lower().replace(' ', '-')}",
        title=title,
        status=status,
        detail=detail,
        **members,
    )


def _retry(seconds: float) -> dict[str, str]:
    return {"retry-after": str(max(1, ceil(seconds)))}


def problem_lines(found: Iterable[TextProblem]) -> list[ProblemLine]:
    """Mistakes of a rulebook as they are shown."""
    return [ProblemLine(each.line, each.column, each.message, each.suggestion, each.excerpt or None) for each in found]


def _detail(error: HTTPException) -> str:
    """What Litestar says of a path or a method."""
    if error.status_code == HTTPStatus.NOT_FOUND:
        return "there is nothing at this path; /docs lists what there is"
    return HTTPStatus(error.status_code).phrase


def _misfit(error: HTTPException, names: Mapping[str, str]) -> Problem:
    """What Litestar says of parameters, whose values are left out. `names`: those of our arguments, as senders know
    them."""
    found = [each for each in error.extra or [] if isinstance(each, dict) and "key" in each]
    wrong = [
        FieldError(names.get(each["key"], str(each["key"])), without_value(str(each.get("message", "does not fit"))))
        for each in found
    ]
    if missing := _MISSING.match(error.detail):
        wrong = [FieldError(missing[1], "is missing")]
    if not wrong:
        return _problem(400, "the request does not fit")
    return _problem(400, f"a parameter does not fit: {', '.join(each.path for each in wrong)}", errors=wrong)


def _names(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The parameters of a route by the names of our arguments, where those differ."""
    handler = request.scope.get("route_handler")
    if not isinstance(handler, HTTPRouteHandler):
        return {}
    kinds = {name: field.kwarg_definition for name, field in handler.parsed_fn_signature.parameters.items()}
    return {name: kind.name for name, kind in kinds.items() if isinstance(kind, ParameterKwarg) and kind.name}


def _place_only(error: Exception) -> Exception:
    """Where an error happened, without its words: they may hold personal values."""
    return RuntimeError(type(error).__name__).with_traceback(error.__traceback__)


def _respond(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.BAD_REQUEST:
        problem = _misfit(error, _names(request))
    else:
        problem = problem_of(error)
    return Response(problem.encode(), status_code=problem.status, media_type=MEDIA_TYPE, headers=problem.headers)


EXCEPTION_HANDLERS: ExceptionHandlersMap = {Exception: _respond, HTTPException: _respond, 500: _respond}
