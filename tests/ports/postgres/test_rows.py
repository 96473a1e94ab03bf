"""Rows on the wire: every value is read back by an independent reader, NULLs are told, buffers may be slices."""

from __future__ import annotations

import decimal
import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ports.postgres import few, rows, types
from ports.postgres.backend import Field

Cell = bytes | None
TEXT, BINARY = Field("a", 0, 0), Field("a", 0, 0, format=1)


def read(data: bytes, kind: bytes = b"D") -> list[list[Cell]]:
    """The cells of DataRow messages, by the protocol's book."""
    found, place = [], 0
    while place < len(data):
        assert data[place : place + 1] == kind
        size, count = struct.unpack_from("!ih", data, place + 1)
        end, at, row = place + 1 + size, place + 7, []
        for _ in range(count):
            (length,) = struct.unpack_from("!i", data, at)
            at += 4
            row.append(None if length == -1 else data[at : at + length])
            at += max(0, length)
        assert at == end
        found.append(row)
        place = end
    return found


def sent(values: Sequence[Any], kind: pa.DataType, code: int = 1) -> list[Cell]:
    """The cells of one column, taken from the middle of a longer batch."""
    column = pa.array([None, *values, None], kind)
    batch = pa.record_batch({"a": column, "b": pa.array(range(len(column)))}).slice(1, len(values))
    return [row[0] for row in read(encoded(batch, [Field("a", 0, 0, format=code), BINARY]))]


def encoded(batch: pa.RecordBatch, fields: Sequence[Field]) -> bytes:
    """The rows as messages, which are the same whether they are many or few."""
    made = bytes(rows.many(b"D", batch, fields))
    assert bytes(few.messages(b"D", batch, fields)) == made == bytes(rows.data_rows(batch, fields))
    return made


def numeric(cell: bytes) -> Decimal:
    count, weight, sign, scale = struct.unpack_from("!hhHh", cell)
    digits = struct.unpack_from(f"!{count}h", cell, 8)
    assert len(cell) == 8 + 2 * count
    assert not digits or (digits[0] and digits[-1])
    with decimal.localcontext(decimal.Context(prec=100)):
        total = sum((Decimal(one) * Decimal(10_000) ** (weight - i) for i, one in enumerate(digits)), Decimal(0))
        return (-total if sign == 0x4000 else total).quantize(Decimal(1).scaleb(-scale))


@given(
    st.tuples(st.integers(1, 38), st.integers(0, 38))
    .filter(lambda one: one[1] <= one[0])
    .flatmap(
        lambda one: st.tuples(
            st.just(one), st.lists(st.none() | st.integers(-(10 ** one[0]) + 1, 10 ** one[0] - 1), max_size=8)
        )
    )
)
def test_decimals_keep_every_digit_and_their_scale(given_: tuple[tuple[int, int], list[int | None]]) -> None:
    (precision, scale), numbers = given_
    wide = decimal.Context(prec=60)
    values = [None if one is None else Decimal(one).scaleb(-scale, wide) for one in numbers]
    found = [None if cell is None else numeric(cell) for cell in sent(values, pa.decimal128(precision, scale))]
    assert [str(one) for one in found] == [str(one) for one in values]


@pytest.mark.parametrize(
    ("kind", "form", "values"),
    [
        (pa.bool_(), "!?", [True, False, None]),
        (pa.int8(), "!h", [-128, 127, None]),
        (pa.int16(), "!h", [-32768, 32767, None]),
        (pa.uint8(), "!h", [0, 255, None]),
        (pa.int32(), "!i", [-(2**31), 2**31 - 1, None]),
        (pa.uint16(), "!i", [0, 65535, None]),
        (pa.int64(), "!q", [-(2**63), 2**63 - 1, None]),
        (pa.uint32(), "!q", [0, 2**32 - 1, None]),
        (pa.float32(), "!f", [1.5, float("inf"), None]),
        (pa.float64(), "!d", [-1e300, float("-inf"), None]),
    ],
)  # fmt: skip
def test_numbers_are_in_network_order(kind: pa.DataType, form: str, values: list[Any]) -> None:
    found = [None if cell is None else struct.unpack(form, cell)[0] for cell in sent(values, kind)]
    assert found == values
    assert [struct.unpack(form, cell)[0] for cell in sent(values[:2], kind) if cell] == values[:2]


def test_unsigned_64_bit_is_a_numeric() -> None:
    assert [numeric(cell) for cell in sent([0, 2**64 - 1], pa.uint64()) if cell] == [0, 2**64 - 1]


@given(st.lists(st.dates() | st.none(), max_size=5))
def test_dates_count_from_the_year_2000(values: list[date | None]) -> None:
    start = date(2000, 1, 1)
    found = [cell and start + timedelta(days=struct.unpack("!i", cell)[0]) for cell in sent(values, pa.date32())]
    assert found == values


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_count_from_the_year_2000(unit: str) -> None:
    values = [datetime(1999, 12, 31, 23, 59, 59), datetime(1700, 1, 1), datetime(2200, 5, 5, 1, 2, 3), None]
    start = datetime(2000, 1, 1)
    found = sent(values, pa.timestamp(unit))
    assert [cell and start + timedelta(microseconds=struct.unpack("!q", cell)[0]) for cell in found] == values
    zoned = sent([value and value.replace(tzinfo=UTC) for value in values], pa.timestamp(unit, "UTC"))
    assert zoned == found


def test_the_ends_of_time_are_infinities() -> None:
    days = pa.array([2**31 - 1, -(2**31) + 1], pa.int32()).view(pa.date32())
    moments = pa.array([2**63 - 1, -(2**63) + 1]).view(pa.timestamp("us"))
    batch = pa.record_batch({"d": days, "t": moments})
    cells = read(encoded(batch, [BINARY, BINARY]))
    assert [struct.unpack("!i", row[0] or b"")[0] for row in cells] == [2**31 - 1, -(2**31)]
    assert [struct.unpack("!q", row[1] or b"")[0] for row in cells] == [2**63 - 1, -(2**63)]


def test_times_of_day_and_intervals() -> None:
    assert sent([time(23, 59, 59, 5), None], pa.time64("us")) == [struct.pack("!q", 86_399_000_005), None]
    interval = pa.month_day_nano_interval()
    values = [pa.MonthDayNano([-3, 4, 5_000_000]), None]
    assert sent(values, interval) == [struct.pack("!qii", 5_000, 4, -3), None]


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), max_size=6))
def test_texts_are_sent_as_they_are(values: list[str | None]) -> None:
    expected = [None if value is None else value.encode() for value in values]
    for code in (0, 1):
        assert sent(values, pa.string(), code) == expected
    assert sent(expected, pa.binary()) == expected


@given(
    st.lists(
        st.tuples(st.none() | st.integers(-9, 9), st.none() | st.text("aé😀"), st.none() | st.booleans()), max_size=12
    )
)
def test_columns_of_all_kinds_stand_side_by_side(values: list[tuple[int | None, str | None, bool | None]]) -> None:
    first, second, third = ([row[i] for row in values] for i in range(3))
    batch = pa.record_batch(
        {"i": pa.array(first, pa.int32()), "s": pa.array(second, pa.string()), "o": pa.array(third, pa.bool_())}
    )
    expected = [
        [
            None if i is None else struct.pack("!i", i),
            None if s is None else s.encode(),
            None if o is None else bytes([o]),
        ]
        for i, s, o in values
    ]
    assert read(encoded(batch, [BINARY, TEXT, BINARY])) == expected
    assert read(bytes(rows.copy_binary(batch, [BINARY] * 3)), b"d") == expected


@given(st.lists(st.none() | st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), max_size=4), max_size=6))
def test_lists_are_arrays_of_one_dimension(values: list[list[int | None] | None]) -> None:
    column = pa.array([[7], *values], pa.list_(pa.int32()))
    field = Field("a", types.INT4.array, -1, format=1)
    cells = read(bytes(rows.data_rows(pa.record_batch({"a": column}).slice(1), [field])))
    assert [None if row[0] is None else elements(row[0]) for row in cells] == values


def elements(cell: bytes) -> list[int | None]:
    dimensions, nulls, oid = struct.unpack_from("!iiI", cell)
    assert oid == types.INT4.oid
    if dimensions == 0:
        assert len(cell) == 12
        return []
    count, bound = struct.unpack_from("!ii", cell, 12)
    found: list[int | None] = []
    place = 20
    for _ in range(count):
        (size,) = struct.unpack_from("!i", cell, place)
        found.append(None if size == -1 else struct.unpack_from("!i", cell, place + 4)[0])
        place += 4 + max(0, size)
    assert (dimensions, bound, place) == (1, 1, len(cell))
    assert nulls == (None in found)
    return found


def test_lines_of_copy_are_messages_of_their_own() -> None:
    lines = pa.array(["a\tb\n", "é\n", "\n"])
    assert bytes(rows.copy_lines(lines)) == b"d\0\0\0\x08a\tb\nd\0\0\0\x07\xc3\xa9\nd\0\0\0\x05\n"
