"""What the command prints: tables and lines for people, on standard output and standard error. Touches nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

# Wide where nobody looks: a pipe gets whole lines.
_PIPE_COLUMNS = 240


def console() -> Console:
    """Standard output as it is now."""
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else _PIPE_COLUMNS, highlight=False)


def line(text: str) -> None:
    """One line, as it is."""
    print(text, file=sys.stdout, flush=True)


def note(text: str) -> None:
    """One line beside the answer, on standard error."""
    print(text, file=sys.stderr, flush=True)


def status(text: str) -> None:
    """What is being done now, in place of the last such line; nothing where nobody looks."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def error(message: str, hint: str = "") -> None:
    """One line that says what was wrong, and what would be right."""
    marked = "\x1b[31merror:\x1b[0m" if sys.stderr.isatty() else "error:"
    print(f"{marked} {message}{f' ({hint})' if hint else ''}", file=sys.stderr, flush=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> Table:
    """A table of texts; None shows as an empty cell."""
    made = Table(*columns, title=title, title_justify="left", header_style="bold")
    for row in rows:
        made.add_row(*("" if value is None else escape(str(value)) for value in row))
    return made


def moment(when: datetime | None) -> str:
    """A time to the minute, in UTC where it says its offset; empty where there is none."""
    if when is None:
        return ""
    return f"{when.astimezone(UTC) if when.tzinfo else when:%Y-%m-%d %H:%M}"
