"""Every type through every format and back: what a standard reader reads is the value that was there.

Values become parameters, the engine makes the column, the gateway renders it, the port encodes it.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import struct
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import time, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ports.rest import encode, formats
from tests.gateway.bench import Bench

Texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.text(st.sampled_from(',"\r\n \t\\;\x00é\U0001f600a{}'))


class Number(str):
    """A number of a JSON text, as it stands there."""


@dataclass(frozen=True)
class Kind:
    """A type: SQL that makes it of a parameter `p`, values, and how each reader's value becomes one of these again."""

    sql: str
    values: st.SearchStrategy[Any]
    text: Callable[[str], Any] = str
    parameter: Callable[[Any], Any] = str
    arrow: Callable[[pa.ChunkedArray], list[Any]] = lambda column: column.to_pylist()
    json: Callable[[Any], Any] | None = None
    strings: Callable[[Any], Any] = lambda value: value
    long: bool = False


def integers(name: str, bits: int, *, signed: bool = True) -> dict[str, Kind]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    low += signed and bits == 128  # DuckDB's own bound: -2**127 does not fit
    ends = st.sampled_from([low, high, 0, min(high, 2**53 + 1)])

    def arrow(column: pa.ChunkedArray) -> list[Any]:
        return [None if value is None else int(value) for value in column.to_pylist()]

    return {name: Kind(f"p::{name}", ends | st.integers(low, high), int, arrow=arrow, long=bits >= 64)}


def decimals(width: int, scale: int) -> dict[str, Kind]:
    bound = 10**width - 1
    values = st.integers(-bound, bound).map(lambda units: scaled(units, scale))
    sql = f"p::DECIMAL({width},{scale})"
    return {f"DECIMAL({width},{scale})": Kind(sql, values, Decimal, "{:f}".format, long=True)}


def scaled(units: int, scale: int) -> Decimal:
    """A decimal of that scale, whatever the context's precision."""
    return Decimal((int(units < 0), tuple(map(int, str(abs(units)))), -scale))


def counts(name: str, sql: str, unit: str, low: int, high: int, width: str = "int64") -> dict[str, Kind]:
    """A date, time or time stamp, as the number of its units since 1970 or midnight."""

    def text(shown: str) -> int:
        whole = f"1970-01-01T{shown}" if re.match(r"\d\d:", shown) else shown.removesuffix("Z")
        assert shown.endswith("Z") is ("TZ" in name)
        assert re.match(r"(\d{4}|[+-]\d{6,})-|\d\d:", shown)
        return int(np.datetime64(whole, unit).astype(np.int64))

    def arrow(column: pa.ChunkedArray) -> list[Any]:
        given: list[Any] = column.cast(width).to_pylist()
        scale = {pa.timestamp("ms"): 1000 if unit == "s" else 1}.get(column.type, 1)  # Parquet has no seconds
        return [None if value is None else value // scale for value in given]

    near = st.integers(max(low, -(10**6)), min(high, 10**6))
    return {name: Kind(sql, near | st.integers(low, high), text, int, arrow)}


def floats(name: str, width: Any, packed: str) -> dict[str, Kind]:
    """By their bits, so that NaN equals itself and -0.0 is not 0.0."""

    def bits(value: Any) -> bytes:
        return struct.pack(packed, float(value))

    def arrow(column: pa.ChunkedArray) -> list[Any]:
        return [None if value is None else bits(value) for value in column.to_pylist()]

    values = st.floats(width=width).filter(lambda value: value == value) | st.just(float("nan"))
    return {name: Kind(f"p::{name}", values.map(bits), bits, lambda one: repr(struct.unpack(packed, one)[0]), arrow)}


_PART = r"(?:(-?\d+){})?"
_DURATION = re.compile(
    "P" + "".join(map(_PART.format, "YMD")) + "(?:T" + "".join(map(_PART.format, "HM")) + r"(?:(-?\d+(?:\.\d+)?)S)?)?"
)


def duration(shown: str) -> tuple[int, int, int]:
    """Months, days, microseconds of an ISO 8601 duration."""
    parts = _DURATION.fullmatch(shown)
    assert parts is not None, shown
    years, months, days, hours, minutes = (int(part or 0) for part in parts.groups()[:5])
    seconds = Decimal(parts[6] or 0)
    return years * 12 + months, days, (hours * 3600 + minutes * 60) * 10**6 + int(seconds * 10**6)


def intervals(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_string(column.type):
        return [None if shown is None else duration(shown) for shown in column.to_pylist()]
    found = column.to_pylist()
    return [None if one is None else (one.months, one.days, one.nanoseconds // 1000) for one in found]


def zoned_time(shown: str) -> time:
    assert re.search(r"[+-]\d\d:\d\d$", shown)
    return time.fromisoformat(shown)


def plain(value: Any) -> Any:
    """A nested value with its numbers as numbers."""
    if isinstance(value, Number):
        return int(value) if value.lstrip("-").isdigit() else Decimal(value)
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def loads(text: str) -> Any:
    """Strict JSON, numbers as they stand."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=refuse)


NESTED = """CASE WHEN p IS NOT NULL THEN {'n': p[1]::BIGINT, 'l': [p[2], NULL, p[2]], 'd': [[p[3]::DECIMAL(9,3)], []],
    's': {'a "b"': p[2]}, 'f': [p[2]]::VARCHAR[1], 'm': MAP {coalesce(p[2], 'k'): p[3]::DECIMAL(9,3)}} END"""


def nested(values: tuple[int | None, str | None, Decimal | None]) -> dict[str, Any]:
    number, text, exact = values
    entries = [{"key": "k" if text is None else text, "value": exact}]
    lists = {"l": [text, None, text], "d": [[exact], []], "s": {'a "b"': text}, "f": [text], "m": entries}
    return {"n": number, **lists}


def nested_of_arrow(column: pa.ChunkedArray) -> list[Any]:
    found = column.to_pylist()
    for one in found:
        if one is not None:
            one["m"] = [{"key": key, "value": value} for key, value in one["m"]]
    return found


def quoted(value: Any) -> Any:
    """A nested value with its long numbers as texts."""
    if isinstance(value, dict):
        return {name: quoted(member) for name, member in value.items()}
    return [quoted(item) for item in value] if isinstance(value, list) else shown(value)


def shown(value: Any) -> str | None:
    return None if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | Texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(Texts, inner, max_size=3),
    max_leaves=6,
)
Offsets = st.integers(-15 * 60, 15 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
DAY_US = 86_400 * 10**6
KINDS: dict[str, Kind] = {
    "BOOLEAN": Kind("p::BOOLEAN", st.booleans(), "true".__eq__),
    **integers("TINYINT", 8),
    **integers("UTINYINT", 8, signed=False),
    **integers("SMALLINT", 16),
    **integers("USMALLINT", 16, signed=False),
    **integers("INTEGER", 32),
    **integers("UINTEGER", 32, signed=False),
    **integers("BIGINT", 64),
    **integers("UBIGINT", 64, signed=False),
    **integers("HUGEINT", 128),
    **integers("UHUGEINT", 128, signed=False),
    "BIGNUM": Kind(
        "p::BIGNUM",
        st.integers(-(10**60), 10**60),
        int,
        arrow=lambda column: [None if text is None else int(text) for text in column.to_pylist()],
        long=True,
    ),
    **decimals(4, 4),
    **decimals(18, 2),
    **decimals(38, 10),
    **floats("FLOAT", 32, "<f"),
    **floats("DOUBLE", 64, "<d"),
    "VARCHAR": Kind("p", Texts),
    "BLOB": Kind("unhex(p)", st.binary(max_size=9), base64.b64decode, bytes.hex),
    "BIT": Kind("p::BIT", st.text(st.sampled_from("01"), min_size=1, max_size=70)),
    "UUID": Kind(
        "p::UUID",
        st.uuids(),
        uuid.UUID,
        arrow=lambda column: [None if text is None else uuid.UUID(text) for text in column.to_pylist()],
    ),
    # From 5877642 BC to 5881580, but for the two that mean infinity.
    **counts("DATE", "DATE '1970-01-01' + p::INTEGER", "D", -(2**31) + 2, 2**31 - 2, "int32"),
    **counts("TIMESTAMP", "make_timestamp(p)", "us", -(2**63) + 2 * DAY_US, 2**63 - 2),
    **counts("TIMESTAMPTZ", "make_timestamptz(p)", "us", -(2**62), 2**62),
    **counts("TIMESTAMP_MS", "make_timestamp_ms(p::BIGINT)::TIMESTAMP_MS", "ms", -(2**52), 2**52),
    **counts("TIMESTAMP_S", "make_timestamp_ms(p::BIGINT * 1000)::TIMESTAMP_S", "s", -(2**42), 2**42),
    **counts("TIMESTAMP_NS", "make_timestamp_ns(p)", "ns", -(2**63) + 10**14, 2**63 - 2),
    **counts("TIME", "TIME '00:00:00' + to_microseconds(p)", "us", 0, DAY_US - 1),
    "TIME WITH TIME ZONE": Kind(
        "p::TIMETZ",
        st.times(timezones=Offsets),
        zoned_time,
        arrow=lambda column: [None if text is None else zoned_time(text) for text in column.to_pylist()],
    ),
    "INTERVAL": Kind(
        "to_months(p[1]::INTEGER) + to_days(p[2]::INTEGER) + to_microseconds(p[3])",
        st.tuples(*[st.integers(-(2**31), 2**31 - 1)] * 2, st.integers(-(2**53), 2**53)),
        duration,
        list,
        intervals,
    ),
    "JSON": Kind(
        "p::JSON",
        Json.map(json.dumps).map(loads).map(plain),
        lambda text: plain(loads(text)),
        lambda value: json.dumps(value, default=float),
        lambda column: [None if text is None else plain(loads(text)) for text in column.to_pylist()],
        plain,
    ),
    "STRUCT, LIST, ARRAY, MAP": Kind(
        NESTED,
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | Texts,
            st.none() | st.integers(-(10**9) + 1, 10**9 - 1).map(lambda units: scaled(units, 3)),
        ).map(nested),
        lambda text: plain(loads(text)),
        lambda value: [shown(value["n"]), value["l"][0], shown(value["m"][0]["value"])],
        nested_of_arrow,
        plain,
        quoted,
    ),
}


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("round-trips"))
    yield made
    made.engine.close()


def answered(bench: Bench, kind: Kind, values: list[Any], form: formats.Format) -> bytes:
    """The bytes of an answer with columns `i` and `v`."""
    parameters = [None if value is None else kind.parameter(value) for value in values]
    text = f"SELECT i, {kind.sql} AS v FROM (SELECT unnest($1) AS p, unnest($2) AS i)"
    with bench.start(text, (parameters, list(range(len(values)))), form.form) as result:
        return b"".join(encode.stream(form.name, result.schema, result.batches()))


def of_json(kind: Kind, rows: list[Any], *, strings: bool) -> list[Any]:
    assert not (strings and kind.long and any(isinstance(row["v"], Number) for row in rows))
    read = kind.json or (lambda value: value if isinstance(value, bool) else kind.text(value))
    return [None if row["v"] is None else read(row["v"]) for row in rows]


def of_csv(kind: Kind, body: bytes) -> list[Any]:
    """By pyarrow, which tells NULL from an empty text; the standard library's reader reads the same texts."""
    typed = pa.csv.ConvertOptions(
        column_types={"v": pa.string()}, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    table = pa.csv.read_csv(
        io.BytesIO(body), parse_options=pa.csv.ParseOptions(newlines_in_values=True), convert_options=typed
    )
    texts = table["v"].to_pylist()
    other = list(csv.reader(io.StringIO(body.decode(), newline="")))
    assert other == [["i", "v"], *([str(place), text or ""] for place, text in enumerate(texts))]
    return [None if text is None else kind.text(text) for text in texts]


def same(found: list[Any], values: list[Any]) -> bool:
    """Equal, decimals in their scale too."""
    return found == values and [str(one) for one in found if isinstance(one, Decimal)] == [
        str(one) for one in values if isinstance(one, Decimal)
    ]


@pytest.mark.parametrize("name", list(KINDS))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_value_is_read_back_from_every_format(workbench: Bench, name: str, data: st.DataObject) -> None:
    kind = KINDS[name]
    values = [*data.draw(st.lists(st.none() | kind.values, max_size=12)), data.draw(kind.values)]
    for form, form_of_lines in ((formats.JSON, formats.NDJSON), (formats.JSON_STRINGS, formats.NDJSON_STRINGS)):
        rows = loads(answered(workbench, kind, values, form).decode())["data"]
        strings = form is formats.JSON_STRINGS
        assert same(of_json(kind, rows, strings=strings), [*map(kind.strings, values)] if strings else values)
        *lines, rest = answered(workbench, kind, values, form_of_lines).decode().split("\n")
        assert ([loads(line) for line in lines], rest) == (rows, "")
    assert same(of_csv(kind, answered(workbench, kind, values, formats.CSV)), values)
    arrow = pa.ipc.open_stream(answered(workbench, kind, values, formats.ARROW)).read_all()
    assert same(kind.arrow(arrow["v"]), values)
    parquet = pq.read_table(io.BytesIO(answered(workbench, kind, values, formats.PARQUET)))
    assert same(kind.arrow(parquet["v"]), values)
