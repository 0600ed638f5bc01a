"""Structured logs to standard error: JSON for programs, coloured lines for a terminal. No personal data.

Events are words of the field with ids and numbers (`log.info("leases changed", held=12)`), never names, addresses,
payloads or exception texts of what a contact sent.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

__all__ = ["configure_logs"]

# httpx and Telegram log URLs, which hold tokens; the others tell at INFO what an operator cannot use.
_QUIET = ("httpx", "httpcore", "telegram", "slack_bolt", "slack_sdk", "aiohttp.access", "arq.worker", "uvicorn.access")


def configure_logs(level: str, process: str) -> None:
    """Send structlog's and the standard library's records to standard error, marked with the process's kind.

    `level` is "debug", "info", "warning" or "error".
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_last(process)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name in ("uvicorn", "uvicorn.error", "arq"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))


def _last(process: str) -> list[Processor]:
    """What turns a record into a line."""

    def mark(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["process"] = process
        return event

    if sys.stderr.isatty():
        return [mark, structlog.dev.ConsoleRenderer()]
    return [mark, _where_it_broke, structlog.processors.JSONRenderer(ensure_ascii=False)]


def _where_it_broke(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Put an exception's class and places into the line, without its text: that can hold what a contact sent."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        places = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            places.append(f"{code.co_filename.rsplit('site-packages/', 1)[-1]}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        event["exception"] = type(error).__name__
        event["at"] = places[-12:]
    return event
