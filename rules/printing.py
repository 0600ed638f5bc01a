"""One canonical layout, each statement in its own language; comments stay with the lines they are about.

Statements print in the order of the text, clauses and options in the order of the tables of the reference.
"""

from __future__ import annotations

from rules.check import parse_rulebook
from rules.phrases import Phrases, kind_of, name_of
from rules.rulebook import Digest, Rulebook, Scenario, Statement, Trigger
from rules.syntax import Cut, cut
from rules.words import Language

__all__ = ["format_text", "print_rulebook", "print_statement"]

_WITH_BODY = (Trigger, Scenario, Digest)


def print_statement(record: Statement, language: Language) -> str:
    """One statement, without a line break at its end."""
    return "\n".join(text for _, text in Phrases(language).statement(record))


def print_rulebook(book: Rulebook) -> str:
    """The whole rulebook without its comments."""
    return _Layout().lay_out(book)


def format_text(text: str) -> str:
    """A text in the canonical layout, comments kept. Raises RuleErrors where it is no rulebook."""
    return _Layout(cut(text)).lay_out(parse_rulebook(text))


class _Layout:
    """Lines as they are laid out; a blank line stands between groups of kinds, around bodies and above comments."""

    def __init__(self, parts: Cut | None = None) -> None:
        self.lines = parts.lines if parts else []
        self.alone = [comment for comment in parts.comments if comment.alone] if parts else []
        self.beside = [comment for comment in parts.comments if not comment.alone] if parts else []
        self.blank = parts.blank if parts else set()
        self.out: list[str] = []

    def lay_out(self, book: Rulebook) -> str:
        before: Statement | None = None
        for record in book.statements():
            language: Language = "fr" if book.languages.get((kind_of(record), name_of(record))) == "fr" else "en"
            self._comments_beside(record.line)
            if isinstance(before, _WITH_BODY):
                self._comments_above(record.line, "  ")
            if before is not None and (_group(before) != _group(record) or isinstance(record, _WITH_BODY)):
                self._blank_line()
            self._comments_above(record.line, "")
            if record.line - 1 in self.blank:
                self._blank_line()
            for at, (line, text) in enumerate(Phrases(language).statement(record)):
                if at:
                    self._comments_beside(line)
                    self._comments_above(line, text[: len(text) - len(text.lstrip())])
                self.out.append(text)
            before = record
        self._comments_beside(None)
        self._comments_above(None, "")
        return "\n".join(self.out).rstrip("\n") + "\n" if self.out else ""

    def _comments_above(self, line: int | None, indent: str) -> None:
        """The comments that stand alone before a line of the source (None: all that are left), as far as indented."""
        while self.alone and (line is None or self.alone[0].line < line):
            if indent and not self.lines[self.alone[0].line - 1].startswith((" ", "\t")):
                return
            comment = self.alone.pop(0)
            if not indent and not (self.out and self.out[-1].startswith("#")):
                self._blank_line()
            self.out.append(indent + comment.text)
            if not indent and comment.line + 1 in self.blank:
                self._blank_line()

    def _comments_beside(self, line: int | None) -> None:
        """Put the comments beside what comes before a line of the source to the line that was laid out last."""
        while self.beside and self.out and (line is None or self.beside[0].line < line):
            self.out[-1] += f"  {self.beside.pop(0).text}"

    def _blank_line(self) -> None:
        if self.out and self.out[-1]:
            self.out.append("")


def _group(record: Statement) -> str:
    """Kinds that stand together without a blank line between them."""
    kind = kind_of(record)
    return {"list": "team", "quiet hours": "limit", "goal": "limit"}.get(kind, kind)
