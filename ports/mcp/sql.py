"""query_sql: one SELECT over what the principal may see, and how its rows are told. Touches the front door only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from gateway import BadQuery, Pin, Provenance, Query, Value
from ports.mcp import rows
from ports.mcp.arguments import Scalar, Sql
from ports.mcp.budget import Answered, Json
from ports.mcp.call import Call, provenance, source

INTEGER_BITS = 64


def query(call: Call, asked: Sql) -> Answered:
    """The rows of a statement. Raises as the gateway does."""
    given = asked.parameters
    values: Any
    if isinstance(given, Mapping):
        values = {_plain(name): _value(value) for name, value in given.items()}
    else:
        values = tuple(_value(value) for value in given)
    return told(call, Query(_plain(asked.sql), values), asked.max_tokens, call.pin())


def told(call: Call, asked: Query, max_tokens: int | None, pin: Pin, *, offset: int | None = None) -> Answered:
    """The first rows of an answer, as many as fit; `offset` is where they begin, where that can be said anew."""
    limit = call.tokens(max_tokens)
    # Asked first: a statement that is refused is on record.
    result = call.gateway.answer(call.session, asked, form="json", batch_rows=1024, pin=pin)
    with call.lifeline.hold(result):
        described = call.gateway.describe(call.session, asked, pin)
        names = described.schema.names
        if len(set(names)) < len(names):
            raise BadQuery("two columns of the answer have one name", reason="ambiguous", hint="name them: x AS y")
        columns = [{"name": name, "type": kind} for name, kind in zip(names, described.types, strict=True)]
        filtered = _filtered(call, pin, result.provenance)
        origin, heading = source(result.provenance), rows.header(names)
        origin += "; of the rows that you may see, which are not all" if filtered else ""
        spent = len(f"{origin}\n{heading}\n{columns}".encode())
        found = rows.fitted(result.batches(), len(columns), limit, call.rows, spent)
        content: Json = {
            "columns": columns,
            "rows": list(found.values),
            "row_count": len(found.values),
            "truncated": bool(found.more),
            "filtered": filtered,
            "provenance": provenance(result.provenance),
        }
    note = _note(found, limit, call, offset)
    lines = [heading, *found.lines, *([note] if note else []), origin]
    return Answered("\n".join(lines), {**content, **({"note": note} if note else {})})


def _filtered(call: Call, pin: Pin, read: Provenance) -> bool:
    """Whether the principal sees some rows only of a table in what was read."""
    states = {one.snapshot for one in read.products}
    schemas = [one for one in call.gateway.schemas(call.session, pin) if one.snapshot.id in states]
    return any(table.decision.rows is not None for one in schemas for table in one.tables)


def _note(found: rows.Fitted, limit: int, call: Call, offset: int | None) -> str:
    if not found.more:
        return ""
    sent = len(found.values)
    cap = f"{call.rows} rows" if found.more == "rows" else f"{limit} tokens"
    settings = call.gateway.settings
    more = (
        "" if found.more == "rows" or limit >= settings.mcp_tokens else f", or max_tokens up to {settings.mcp_tokens}"
    )
    following = f"offset {offset + sent} goes on" if offset is not None else "ORDER BY with LIMIT and OFFSET goes on"
    return f"truncated: the first {sent} rows, at {cap}; there are more. Group or filter them, or {following}{more}."


def _value(given: Scalar | list[Scalar]) -> Value:
    if isinstance(given, list):
        return [cast(Any, _value(one)) for one in given]
    if isinstance(given, str):
        return _plain(given)
    if isinstance(given, int) and not isinstance(given, bool) and given.bit_length() > INTEGER_BITS:
        raise BadQuery(f"a parameter is an integer of more than {INTEGER_BITS} bits", reason="value")
    return given


def _plain(text: str) -> str:
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadQuery("a text holds a NUL or half a character", reason="value")
    return text
