"""How much of an answer an agent is given: whole items as far as its tokens go, and what was left out. Pure.

Tokens are estimated, one for every 3 bytes of UTF-8: words take fewer, the digits and names of data more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

BYTES_PER_TOKEN = 3
# What is told behind the items: how many were left out, and how to get them.
NOTE_TOKENS = 60
Json = dict[str, Any]


def tokens(content: bytes | str) -> int:
    """The estimate for `content`."""
    size = len(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    return -(-size // BYTES_PER_TOKEN)


@dataclass(frozen=True)
class Answered:
    """What a tool answers: a text for models, and the same as a document."""

    text: str
    content: Json


@dataclass
class Page:
    """An answer that is being filled, its text and its document alike, with at most `limit` tokens of each."""

    limit: int
    content: Json
    lines: list[str] = field(default_factory=list)
    left: int = 0
    _text: int = 0
    _document: int = 0

    def __post_init__(self) -> None:
        self._text = len("\n".join(self.lines).encode())
        self._document = len(orjson.dumps(self.content))

    def add(self, line: str, into: list[Any] | None = None, value: object = None) -> bool:
        """Add a line, and `value` to a list of the document: whole, or left out with all that follow."""
        text = self._text + len(line.encode()) + 1
        document = self._document + (len(orjson.dumps(value)) + 1 if into is not None else 0)
        if self.left or max(text, document) > (self.limit - NOTE_TOKENS) * BYTES_PER_TOKEN:
            self.left += 1
            return False
        self._text, self._document = text, document
        self.lines.append(line)
        if into is not None:
            into.append(value)
        return True

    def answered(self, rest: str) -> Answered:
        """The answer; `rest` says how to get what was left out, where something was."""
        if not self.left:
            return Answered("\n".join(self.lines), {**self.content, "truncated": False})
        note = f"truncated: {self.left} more items did not fit. {rest}"
        return Answered("\n".join([*self.lines, note]), {**self.content, "truncated": True, "note": note})
