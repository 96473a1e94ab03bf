"""Parameters between Arrow and the gateway's values, packed to travel in a handle. Pure, save for reading a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa

from gateway import BadQuery, Parameters, Value

LIMIT_BYTES = 1 << 20
LIMIT_ROWS = 1000
_SCALARS: tuple[Callable[[pa.DataType], bool], ...] = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_float32,
    pa.types.is_float64,
    pa.types.is_decimal,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_binary_view,
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_timestamp,
    pa.types.is_duration,
)
_VALUES = (str, int, float, bool, Decimal, date, datetime, time, timedelta, bytes, type(None))


def collected(batches: Iterable[pa.RecordBatch]) -> bytes:
    """The rows that a client binds, as one Arrow IPC stream. Raises BadQuery: parameter, limit."""
    kept: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if size > LIMIT_BYTES:
            raise BadQuery(f"parameters have at most {LIMIT_BYTES} bytes", reason="limit")
        if rows > LIMIT_ROWS:
            raise BadQuery(f"parameters have at most {LIMIT_ROWS} rows", reason="limit")
        kept.append(_checked(batch))
    if not rows:
        raise BadQuery("parameters have at least one row", reason="parameter")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, kept[0].schema) as writer:
        for batch in kept:
            writer.write_batch(batch)
    return bytes(sink.getvalue())


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """`batch`, whose bytes a client chose: its offsets and texts are what they claim to be."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as error:
        raise BadQuery("the parameters are not valid Arrow data", reason="parameter") from error
    for field in batch.schema:
        # Some clients make a union of whatever they bind: flightsql-dbapi a dense one.
        union = pa.types.is_union(field.type)
        for kind in [member.type for member in field.type] if union else [field.type]:
            while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_dictionary(kind):
                kind = kind.value_type
            if not any(check(kind) for check in _SCALARS):
                raise BadQuery(f"a parameter cannot be of type {str(kind)[:64]}", reason="parameter")
    return batch


def rows(packed: bytes, names: Sequence[str]) -> tuple[Parameters, ...]:
    """What `collected` packed: for each row its values by place, or by `names` where the statement has some.

    One empty row where nothing was bound. Raises BadQuery (parameter) for a value that Python cannot hold, such as a
    year beyond 9999, and for columns that are not those that are named.
    """
    if not packed:
        return ((),)
    try:
        table = pa.ipc.open_stream(packed).read_all()
        columns = [_values(column) for column in table.columns]
    except (pa.ArrowException, ValueError, OverflowError, KeyError, TypeError) as error:
        raise BadQuery("a parameter's value is out of range", reason="parameter") from error
    values = tuple(zip(*columns, strict=True))
    if not names:
        return values
    order = _ordered([name.removeprefix("$") for name in table.column_names], names)
    return tuple(dict(zip(order, row, strict=True)) for row in values)


def _ordered(columns: list[str], names: Sequence[str]) -> Sequence[str]:
    """The name that each column's values go by: its own, or by its place where no column has a name that is meant."""
    if sorted(columns) == sorted(names):
        return columns
    if len(columns) == len(names) and not set(columns) & set(names):
        return names
    wanted = ", ".join(f"${name}" for name in names)
    raise BadQuery(f"the statement takes the parameters {wanted}", reason="parameter")


def _values(column: pa.ChunkedArray) -> list[Value]:
    if str(column.type).endswith("[ns]") or str(column.type).startswith(("timestamp[ns", "time64[ns")):
        column = column.cast(_microseconds(column.type))
    values: list[Value] = column.to_pylist()
    for value in values:
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, _VALUES):
                raise TypeError(type(item).__name__)
    return values


def _microseconds(kind: pa.DataType) -> pa.DataType:
    """Python's times have microseconds: finer ones are refused by the cast, not rounded."""
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    return pa.time64("us") if pa.types.is_time(kind) else pa.duration("us")


def schema(names: Sequence[str], types: Sequence[pa.DataType]) -> pa.Schema:
    """The schema of a statement's parameters: `$1`, `$2`, ... or the names that the text gives them."""
    return pa.schema([pa.field(f"${name}", kind) for name, kind in zip(names, types, strict=True)])
