"""Texts of rules at a terminal: written in the person's editor, or read from the pipe that the commands come from."""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final, Protocol

from bots.replies import Prompt

__all__ = ["FromPipe", "InEditor", "Write", "editor_of"]

END: Final = "."  # alone in a line, it ends a text from a pipe
MARK: Final = "#! "  # before what an editor is told, and does not come back


class Write(Protocol):
    """Has a text written. `shows`: the writer sees what is there, and the mistakes."""

    @property
    def shows(self) -> bool: ...

    async def __call__(self, prompt: Prompt, wrong: tuple[str, ...]) -> str | None:
        """The text, or None where nothing was written; `wrong` are the mistakes of the last attempt."""


class InEditor:
    """The text in an editor, as `git commit` does it."""

    shows = True

    def __init__(self, command: list[str]) -> None:
        self._command = command

    async def __call__(self, prompt: Prompt, wrong: tuple[str, ...]) -> str | None:
        above = "".join(f"{MARK}{line}\n" for mistake in wrong for line in mistake.splitlines())
        with tempfile.TemporaryDirectory(prefix="relance-") as directory:
            path = Path(directory) / (prompt.file or "rule.rules")
            before = above + prompt.text.rstrip("\n") + "\n"
            path.write_text(before, encoding="utf-8")
            try:
                process = await asyncio.create_subprocess_exec(*self._command, str(path))
            except OSError:
                return None
            status = await process.wait()
            after = path.read_text(encoding="utf-8", errors="replace")
        text = "".join(line for line in after.splitlines(keepends=True) if not line.startswith(MARK))
        return None if status or after == before or not text.strip() else text


class FromPipe:
    """The lines that follow the command, until one that is a single full stop, or the end."""

    shows = False

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def __call__(self, prompt: Prompt, wrong: tuple[str, ...]) -> str | None:
        text = []
        async for line in self._lines:
            if line.rstrip("\r\n") == END:
                break
            text.append(line)
        return "".join(text) or None


def editor_of(environ: Mapping[str, str]) -> list[str]:
    """The command of a person's editor."""
    return shlex.split(environ.get("VISUAL") or environ.get("EDITOR") or "vi")
