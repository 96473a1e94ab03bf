"""The body of POST /products/{product}/-/query to the names and values of an address: one grammar for both. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway import BadQuery
from ports.http import names
from ports.http.pairs import LOGIC
from ports.http.pinning import snapshot_ids
from ports.rest import prefer, statement
from ports.rest.address import Pairs
from ports.rest.prefer import Count
from ports.rest.question import PARAMETER_LIMIT, RESERVED

TEXTS = ("select", "order", "cursor", "format", "int64")
NUMBERS = ("limit", "offset")
# What an address separates by commas may be a list here.
LISTS = ("select", "order")
MEMBERS = ("table", "where", *TEXTS, *NUMBERS, "snapshot", "count")
_LOGIC = re.compile(r"(?:((?:not\.)?(?:and|or))=?)?(?=\()")
_SHAPE = 'where takes "(a.eq.1,b.gt.2)", {"column": "operator.value"}, or a list of these'


@dataclass(frozen=True)
class Inquiry:
    """A body, understood: the table, what stands in the address otherwise, and what headers say otherwise."""

    table: str
    pairs: Pairs
    snapshots: tuple[str, ...]
    count: Count | None


def understand(body: bytes) -> Inquiry:
    """The inquiry in `body`. Raises BadQuery that names the member that is wrong, and what it takes."""
    document = statement.read(body)
    if not isinstance(document, dict):
        raise BadQuery(f"the body is a JSON object with {', '.join(MEMBERS)}", reason="syntax")
    for name in document:
        if name not in MEMBERS and not name.endswith((".order", ".limit", ".offset")):
            raise BadQuery(f'unknown member "{name[:63]}"', reason="parameter", hint=names.advice(name, MEMBERS))
    pairs = [
        (name, _written(name, value)) for name, value in document.items() if _addressed(name) and value is not None
    ]
    pairs += _conditions(document.get("where"))
    if len(pairs) > PARAMETER_LIMIT:
        raise BadQuery(f"a body takes at most {PARAMETER_LIMIT} conditions: nest them in and(...)", reason="limit")
    count = document.get("count")
    known = prefer.count(count) if isinstance(count, str) else None
    if count is not None and known is None:
        raise BadQuery("count takes exact, planned or estimated", reason="value")
    return Inquiry(_text("table", document.get("table")), tuple(pairs), _snapshots(document.get("snapshot")), known)


def _addressed(name: str) -> bool:
    return name not in {"table", "where", "snapshot", "count"}


def _written(name: str, value: object) -> str:
    """A member as an address has it."""
    if name.rpartition(".")[2] in NUMBERS and _whole(value):
        return str(int(value))  # type: ignore[call-overload]
    if name.rpartition(".")[2] in NUMBERS:
        raise BadQuery(f"{name[:63]} takes a whole number from 0", reason="value")
    if name.rpartition(".")[2] in LISTS and isinstance(value, list) and value:
        return ",".join(_text(name, one) for one in value)
    return _text(name, value)


def _whole(value: object) -> bool:
    """Whether it is a whole number; JSON has one kind of number, so 5.0 is one."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and value == int(value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        listed = " or a list of texts" if name.rpartition(".")[2] in LISTS else ""
        raise BadQuery(f"{name[:63]} takes a text{listed}", reason="value")
    return statement.plain(value, name)


def _snapshots(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    listed = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(one for text in listed for one in snapshot_ids(_text("snapshot", text))))


def _conditions(where: Any) -> Iterator[tuple[str, str]]:
    """The conditions of `where`, joined by AND."""
    if where is None:
        return
    if isinstance(where, str):
        written = _LOGIC.match(statement.plain(where, "where"))
        if written is None:
            raise BadQuery("where is not understood", reason="syntax", hint=_SHAPE, position=0)
        yield (written[1] or "and", where[written.end() :])
    elif isinstance(where, dict):
        for name, value in where.items():
            if name in RESERVED and name not in LOGIC:
                raise BadQuery(
                    f'where names "{name[:63]}", which is no column there',
                    reason="parameter",
                    hint=f'a column of that name: "({name[:63]}.eq.1)"',
                )
            for text in value if isinstance(value, list) else [value]:
                yield (statement.plain(name, "where"), _text(f"where.{name}", text))
    elif isinstance(where, list) and not any(isinstance(one, list) for one in where):
        for one in where:
            yield from _conditions({} if one is None else one)
    else:
        raise BadQuery("where is not understood", reason="syntax", hint=_SHAPE)
