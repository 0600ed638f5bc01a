"""The `relance` command."""

from __future__ import annotations

import sys

import click

from server.cli import relance
from server.data_dir import DataDirError
from server.embedded import EmbeddedError
from server.errors import Invalid, RelanceError, Unavailable
from server.settings import SettingsError
from server.store.codec import SealError

__all__ = ["main"]


def main() -> None:
    """Run the command line: exit status 0 done, 1 the work failed, 2 wrong usage; a failure is one line."""
    try:
        relance(prog_name="relance")
    except (SettingsError, SealError) as error:
        _end(str(error), 2)
    except Invalid as error:
        _end(error.message, 2)
    except Unavailable as error:
        reason = error.fields.get("reason", "")
        asked = f" Redis does not answer ({reason}): is it running, and is RELANCE_REDIS_URL right?" if reason else ""
        _end(f"{error.message}.{asked}" if asked else error.message, 1)
    except RelanceError as error:
        _end(error.message, 1)
    except DataDirError as error:
        _end(str(error), 2 if error.wrong else 1)
    except EmbeddedError as error:
        _end(str(error), 1)


def _end(message: str, status: int) -> None:
    click.echo(f"relance: {message}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
