"""COPY TO STDOUT: batches to text, CSV and binary CopyData, without a loop over rows; and literals of EXECUTE. Pure.

Source: PostgreSQL 15, COPY, "File Formats".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway import Value
from ports.postgres import rows, split, values
from ports.postgres.backend import Field, framed
from ports.postgres.commands import Copy
from ports.postgres.errors import WireError

# What the text format writes as a backslash and a letter; the backslash itself goes first.
_FRAME = 5  # bytes of a message's type and length
_ESCAPES = (("\\", "\\\\"), ("\b", "\\b"), ("\f", "\\f"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("\v", "\\v"))


def data(command: Copy, fields: Sequence[Field], batches: Iterable[pa.RecordBatch]) -> Iterator[bytes | memoryview]:
    """The CopyData messages of a whole COPY."""
    if command.format == "binary":
        yield from _binary(fields, batches)
        return
    if command.header:
        header = [pa.array([field.name]) for field in fields]
        yield rows.copy_lines(_lines(command, header, [False] * len(fields)))
    forced = [command.forced == ("*",) or field.name in command.forced for field in fields]
    for batch in batches:
        yield rows.copy_lines(_lines(command, batch.columns, forced))


def _binary(fields: Sequence[Field], batches: Iterable[pa.RecordBatch]) -> Iterator[bytes | memoryview]:
    """The header stands in one message with what follows it, as PostgreSQL sends it and clients expect it."""
    ahead = rows.COPY_HEADER
    for batch in batches:
        if ahead:
            first = bytes(rows.copy_binary(batch.slice(0, 1), fields))[_FRAME:]
            yield framed(b"d", ahead + first)
            ahead, batch = b"", batch.slice(1)
        if batch.num_rows:
            yield rows.copy_binary(batch, fields)
    yield framed(b"d", ahead + rows.COPY_TRAILER)


def _lines(command: Copy, columns: Sequence[pa.Array], forced: Sequence[bool]) -> pa.Array:
    cells = []
    for column, always in zip(columns, forced, strict=True):
        texts = column.cast(pa.large_string())
        written = _quoted(texts, command, always) if command.format == "csv" else _escaped(texts, command)
        cells.append(_filled(written, command.null))
    joined = pc.binary_join_element_wise(*cells, pa.scalar(command.delimiter, pa.large_string()))
    end = pa.scalar("\n", pa.large_string())
    return pc.binary_join_element_wise(joined, end, pa.scalar("", pa.large_string()))


def _filled(cells: pa.Array, null: str) -> pa.Array:
    return pc.fill_null(cells, null) if cells.null_count else cells


def _holds(cells: pa.Array, marks: str) -> bool:
    """Whether one of the marks stands anywhere in the texts: few do, and looking is far cheaper than replacing."""
    wanted = np.zeros(256, bool)
    wanted[list(marks.encode())] = True
    _, offsets, data = cells.buffers()
    ends = np.frombuffer(offsets, np.int64)
    if data is None:
        return False
    held = np.frombuffer(data, np.uint8)[ends[cells.offset] : ends[cells.offset + len(cells)]]
    return bool(wanted[held].any())


def _escaped(cells: pa.Array, command: Copy) -> pa.Array:
    if not _holds(cells, "\\\b\f\n\r\t\v" + command.delimiter):
        return cells
    found = cells
    for letter, written in _ESCAPES:
        found = pc.replace_substring(found, letter, written)
    if command.delimiter not in "\\\b\f\n\r\t\v":
        found = pc.replace_substring(found, command.delimiter, "\\" + command.delimiter)
    return found


def _quoted(cells: pa.Array, command: Copy, always: bool) -> pa.Array:
    quote, escape = command.quote, command.escape
    special = pc.equal(cells, command.null)
    if not always and not _holds(cells, quote + "\n\r" + command.delimiter) and not pc.any(special).as_py():
        return cells
    for mark in (quote, "\n", "\r", command.delimiter):
        special = pc.or_(special, pc.match_substring(cells, mark))
    if always:
        special = pc.is_valid(cells)
    doubled = cells if escape == quote else pc.replace_substring(cells, escape, escape + escape)
    doubled = pc.replace_substring(doubled, quote, escape + quote)
    mark = pa.scalar(quote, pa.large_string())
    whole = pc.binary_join_element_wise(mark, doubled, mark, pa.scalar("", pa.large_string()))
    return pc.if_else(special, whole, cells)


def literals(arguments: Sequence[str], oids: Sequence[int], zone: str) -> tuple[Value, ...]:
    """The literals of EXECUTE as values of the parameters' types. Raises WireError, BadQuery."""
    if len(arguments) != len(oids):
        raise WireError(
            "42601", f"wrong number of parameters: expected {len(oids)} parameters but got {len(arguments)}"
        )
    return tuple(
        None if word == "null" else values.read(split.literal(word).encode(), 0, oid, place, zone)
        for place, (word, oid) in enumerate(zip(arguments, oids, strict=True), 1)
    )
