"""What the server says of itself: one table of SqlInfo values, and its dense union. Pure.

Source: apache/arrow, format/FlightSql.proto, enum SqlInfo. The comment on each id there fixes its member of the union.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import version

import pyarrow as pa

from ports.flight.tickets import HANDLE_S


@dataclass(frozen=True)
class Long:
    """An int64 value; a plain int is an int32."""

    value: int


Info = str | bool | int | Long | tuple[str, ...] | Mapping[int, tuple[int, ...]]

_NO_LIMIT = Long(0)
_KEYWORDS: tuple[str, ...] = ("asof", "lateral", "pivot", "positional", "qualify", "semi", "unpivot")
_NUMERIC: tuple[str, ...] = ("abs", "ceil", "exp", "floor", "ln", "log10", "power", "round", "sign", "sqrt")
_STRING: tuple[str, ...] = ("concat", "length", "lower", "ltrim", "replace", "rtrim", "substring", "trim", "upper")
_TIME: tuple[str, ...] = ("date_diff", "date_part", "date_trunc", "extract", "month", "now", "year")

# SqlSupportsConvert, as the engine's casts go.
_NUMBERS, _TEXTS, _BYTES, _SPANS = (0, 2, 5, 6, 7, 12, 13, 14, 17), (3, 11, 19), (1, 10, 18), (8, 9)
_CONVERT: Mapping[int, tuple[int, ...]] = {
    **dict.fromkeys(_NUMBERS, _NUMBERS + _TEXTS),
    **dict.fromkeys(_TEXTS, tuple(range(20))),
    **dict.fromkeys(_BYTES, _BYTES + _TEXTS),
    **dict.fromkeys(_SPANS, _SPANS + _TEXTS),
    4: (4, 16, *_TEXTS),  # DATE
    15: (15, *_TEXTS),  # TIME
    16: (4, 15, 16, *_TEXTS),  # TIMESTAMP
}

INFO: Mapping[int, Info] = {
    0: "Outport",
    1: version("outport"),
    2: pa.__version__,
    3: True,  # read only
    4: True,  # SQL
    5: False,  # Substrait
    6: "",
    7: "",
    8: 0,  # SQL_SUPPORTED_TRANSACTION_NONE
    9: True,  # CancelFlightInfo, and CancelQuery before it
    10: False,  # bulk ingestion
    11: False,
    100: HANDLE_S * 1000,
    101: 0,
    500: False,
    501: False,
    502: False,
    503: 1,  # SQL_CASE_SENSITIVITY_CASE_INSENSITIVE
    504: '"',
    505: 1,
    506: True,
    507: 3,  # SQL_NULLS_SORTED_AT_END
    508: _KEYWORDS,
    509: _NUMERIC,
    510: _STRING,
    511: (),
    512: _TIME,
    513: "\\",
    514: "",
    515: True,
    516: True,
    517: _CONVERT,
    518: True,
    519: False,
    520: True,
    521: True,
    522: 3,
    523: True,
    524: True,
    525: 3,
    526: 1,
    527: False,
    528: 2,  # SQL_FULL_OUTER_JOINS
    529: "product",
    530: "",
    531: "catalog",
    532: True,
    533: 0,
    534: 0,
    535: 0,
    536: False,
    537: False,
    538: 15,
    539: True,
    540: 3,
    **dict.fromkeys((541, 542), _NO_LIMIT),
    543: Long(63),  # a contract's identifiers: [a-z][a-z0-9_]{0,62}
    **dict.fromkeys(range(544, 552), _NO_LIMIT),
    552: Long(63),
    553: _NO_LIMIT,
    554: Long(63),
    555: _NO_LIMIT,
    556: False,
    557: _NO_LIMIT,
    558: _NO_LIMIT,
    559: Long(63),
    560: _NO_LIMIT,
    561: _NO_LIMIT,
    562: 0,  # SQL_TRANSACTION_NONE
    563: False,
    564: 1,
    565: False,
    566: False,
    567: 2,  # SQL_RESULT_SET_TYPE_FORWARD_ONLY
    568: 0,
    569: 2,  # SQL_RESULT_SET_CONCURRENCY_READ_ONLY
    570: 0,
    571: 0,
    572: False,
    573: False,
    574: False,
    575: False,
    576: False,
}

_MEMBERS = (
    pa.field("string_value", pa.string(), False),
    pa.field("bool_value", pa.bool_(), False),
    pa.field("bigint_value", pa.int64(), False),
    pa.field("int32_bitmask", pa.int32(), False),
    pa.field("string_list", pa.list_(pa.string()), False),
    pa.field("int32_to_int32_list_map", pa.map_(pa.int32(), pa.list_(pa.int32())), False),
)
SCHEMA = pa.schema([pa.field("info_name", pa.uint32(), False), pa.field("value", pa.dense_union(_MEMBERS), False)])


def table(asked: Collection[int]) -> pa.Table:
    """The rows of the ids that are `asked` and known, in the order of their ids; all of them where none is asked."""
    known = [name for name in sorted(INFO) if not asked or name in asked]
    places, offsets = [], []
    members: list[list[object]] = [[] for _ in _MEMBERS]
    for name in known:
        place, value = _placed(INFO[name])
        places.append(place)
        offsets.append(len(members[place]))
        members[place].append(value)
    children = [pa.array(values, field.type) for values, field in zip(members, _MEMBERS, strict=True)]
    buffers = [None, pa.array(places, pa.int8()).buffers()[1], pa.array(offsets, pa.int32()).buffers()[1]]
    union = pa.Array.from_buffers(SCHEMA.field("value").type, len(known), buffers, children=children)
    return pa.Table.from_arrays([pa.array(known, pa.uint32()), union], schema=SCHEMA)


def _placed(value: Info) -> tuple[int, object]:
    """The member of the union that `value` belongs to, and the value there."""
    match value:
        case str():
            return 0, value
        case bool():
            return 1, value
        case Long(number):
            return 2, number
        case int():
            return 3, value
        case tuple():
            return 4, list(value)
        case _:
            return 5, [(key, list(items)) for key, items in value.items()]
