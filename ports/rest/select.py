"""The grammar of `select`: PostgREST's text to items. Pure; knows no column and no type.

Source: PostgREST documentation, "Tables and Views", "Aggregate Functions" and "Resource Embedding".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

from gateway import BadQuery

AGGREGATES = ("sum", "avg", "min", "max", "count")
TEXT = ("text", "varchar")
ITEM_LIMIT = 1_000
_ALIAS = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_PLAIN = re.compile(r"[^\s:,().!*]+")
_QUALIFIED = re.compile(r"[^\s:,().!]+\.[^\s:,().!]+(?=!|\( *[^ )])")
_SHAPE = "write [alias:]column[::text][.sum()][::text], count(), table(...), ...table(...) or *"


@dataclass(frozen=True)
class Field:
    """One column, `*`, or count() (name ""): as written, with an aggregate and the casts to text around it."""

    name: str
    alias: str
    aggregate: str
    text_inside: bool
    text_outside: bool


@dataclass(frozen=True)
class Nested:
    """One embedded table: `hints` stand behind its name, `items` between its parentheses."""

    name: str
    alias: str
    hints: tuple[str, ...]
    inner: bool
    spread: bool
    items: tuple[Field, ...]


Item = Field | Nested
T = TypeVar("T", Field, Nested)


EVERYTHING = Field("*", "", "", False, False)


def read(text: str) -> tuple[Item, ...]:
    """The items of `select=text`. Raises BadQuery (syntax, unsupported, limit) with the place in the text."""
    scanner = _Scanner(text)
    items = scanner.items(inside=False)
    scanner.end()
    return items


class _Scanner:
    """A reader over the text of one `select`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._count = 0

    def items(self, inside: bool) -> tuple[Item, ...]:
        """`item,item,...`, up to the end or the closing parenthesis."""
        found = [self._item(inside)]
        while self._skip(","):
            found.append(self._item(inside))
        return tuple(found)

    def end(self) -> None:
        """Nothing may follow."""
        if self._place < len(self._text):
            raise self._refusal(f'expected "," or the end: {_SHAPE}')

    def _item(self, inside: bool) -> Item:
        self._count += 1
        if self._count > ITEM_LIMIT:
            raise BadQuery(f"select takes at most {ITEM_LIMIT} items", reason="limit")
        self._spaces()
        start = self._place
        spread = self._skip("...")
        alias = "" if spread else self._alias()
        name = "*" if not spread and not alias and self._skip("*") else self._name()
        if name == "count" and self._text.startswith("()", self._place):
            self._place += 2
            return self._ended(Field("", alias, "count", False, self._cast("count()")))
        hints = self._hints()
        if self._text.startswith("(", self._place):
            return self._nested(name, alias, hints, spread, inside, start)
        if spread or hints:
            raise self._refusal("expected (...) behind the name of an embedded table")
        if name == "*":
            return self._ended(EVERYTHING)
        inner_text = self._cast(name)
        aggregate = self._aggregate()
        return self._ended(Field(name, alias, aggregate, inner_text, bool(aggregate) and self._cast(name)))

    def _nested(self, name: str, alias: str, hints: list[str], spread: bool, inside: bool, start: int) -> Nested:
        if inside:
            raise BadQuery(
                f'select embeds one level only: "{name[:63]}" stands inside another embedded table',
                reason="unsupported",
                hint="ask for it by an address of its own, or join in POST /sql",
                position=start,
            )
        self._place += 1
        self._spaces()
        items: tuple[Item, ...] = () if self._text.startswith(")", self._place) else self.items(inside=True)
        if not self._skip(")"):
            raise self._refusal('expected "," or ")"')
        inner = "inner" in hints
        named = tuple(hint for hint in hints if hint not in {"inner", "left"})
        fields = tuple(item for item in items if isinstance(item, Field))
        return self._ended(Nested(name, alias, named, inner, spread, fields))

    def _alias(self) -> str:
        written = re.compile(r"([^:,().!]*):(?!:)").match(self._text, self._place)
        if written is None:
            return ""
        alias = written[1].strip(" ")
        if not _ALIAS.fullmatch(alias):
            raise BadQuery(
                f'"{alias[:63]}" is not a name for a column: letters, digits and _, at most 63',
                reason="parameter",
                position=self._place,
            )
        self._place = written.end()
        self._spaces()
        return alias

    def _name(self) -> str:
        """A column's or a table's name, `product.table` included where `!` or `(` and something in it follow."""
        found = _QUALIFIED.match(self._text, self._place) or _PLAIN.match(self._text, self._place)
        if found is None:
            raise self._refusal(_SHAPE)
        self._place = found.end()
        return found.group()

    def _hints(self) -> list[str]:
        found = []
        while self._skip("!"):
            found.append(self._name())
        return found

    def _cast(self, name: str) -> bool:
        if not self._skip("::"):
            return False
        start = self._place
        kind = re.compile(r"[^,().:]*").match(self._text, self._place)
        written = kind.group().strip(" ") if kind else ""
        if written.lower() not in TEXT:
            raise BadQuery(
                f'select casts to text only: "{name[:63]}::{written[:63]}"',
                reason="unsupported",
                hint=f"write {name[:63]}::text; other casts go to POST /sql",
                position=start,
            )
        self._place = start + len(kind.group() if kind else "")
        return True

    def _aggregate(self) -> str:
        start = self._place
        if not self._skip("."):
            return ""
        written = re.compile(r"([A-Za-z_]*)(\(\))?").match(self._text, self._place)
        assert written is not None
        if written[1] not in AGGREGATES or not written[2]:
            raise BadQuery(
                f'"{written.group()[:63]}" is not an aggregate of select',
                reason="syntax",
                hint=f"allowed: {', '.join(f'{name}()' for name in AGGREGATES)}",
                position=start,
            )
        self._place = written.end()
        return written[1]

    def _ended(self, item: T) -> T:
        self._spaces()
        return item

    def _skip(self, text: str) -> bool:
        if self._text.startswith(text, self._place):
            self._place += len(text)
            return True
        return False

    def _spaces(self) -> None:
        while self._skip(" "):
            pass

    def _refusal(self, expected: str) -> BadQuery:
        return BadQuery(
            f"select is not understood at character {self._place}: {expected}",
            reason="syntax",
            position=self._place,
        )
