"""One column's promises to the SQL that draws its values. Pure.

The text is over `r`, the number of the row, and `a`, the attempt at a row that meets its table's rules; MD5 of both, of
the seed and of the column's name gives the randomness, so that a seed means the same rows everywhere.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.publication import mock_texts
from gateway.publication.mock_draws import WEIGHTS, Draw
from gateway.publication.mock_shape import ColumnShape
from gateway.publication.mock_texts import Unmockable
from gateway.serving.rendering import member_types, split_types
from gateway.sql import duck

_NULL_SHARE = 0.05
_PAST_DAYS = 365
_GROUPS = 8
_SPREAD = 1000.0
_EXACT_BITS = 53
_INTEGERS = {
    "TINYINT": (-(2**7), 2**7 - 1), "SMALLINT": (-(2**15), 2**15 - 1), "INTEGER": (-(2**31), 2**31 - 1),
    "BIGINT": (-(2**53), 2**53), "HUGEINT": (-(2**53), 2**53), "UTINYINT": (0, 2**8 - 1), "USMALLINT": (0, 2**16 - 1),
    "UINTEGER": (0, 2**32 - 1), "UBIGINT": (0, 2**53), "UHUGEINT": (0, 2**53),
}  # fmt: skip
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_MOMENTS = re.compile(r"DATE|TIMESTAMP( WITH TIME ZONE|_S|_MS|_NS)?")


@dataclass(frozen=True, slots=True)
class Dice:
    """Where the randomness of one column comes from. `as_of` is the end of all times that are drawn."""

    seed: int
    place: str
    as_of: datetime

    def uniform(self, what: str, row: str = "r", attempt: str = "a") -> str:
        """SQL of one number of [0, 1); `what` tells several of a column apart."""
        text = f"concat_ws('/', {self.seed}, {duck.literal(self.place)}, {duck.literal(what)}, {row}, {attempt})"
        return f"((md5_number_lower({text}) >> {64 - _EXACT_BITS}) / {2**_EXACT_BITS}.0)"

    def whole(self, what: str, size: int, row: str = "r", attempt: str = "a") -> str:
        """SQL of a whole number from 0 to `size` - 1."""
        return f"CAST(floor({self.uniform(what, row, attempt)} * {size}) AS BIGINT)"

    @property
    def generator(self) -> random.Random:
        """The same randomness for what is drawn here and not by SQL."""
        return random.Random(f"{self.seed}/{self.place}")  # noqa: S311  made-up data, no secret


def value(shape: ColumnShape, dice: Dice) -> str:
    """SQL of the column's value in row `r`; NULL in some rows where the contract lets it be. Raises Unmockable."""
    column = shape.column
    drawn = _any(shape, dice)
    if shape.newest:
        drawn = f"CASE WHEN r = 0 THEN CAST({duck.literal(dice.as_of)} AS {column.type}) ELSE {drawn} END"
    if not shape.required:
        drawn = f"CASE WHEN {dice.uniform('null')} < {_NULL_SHARE} THEN NULL ELSE {drawn} END"
    return f"CAST({drawn} AS {column.type})"


def nth(shape: ColumnShape, number: str, dice: Dice, rows: int) -> str:
    """SQL of the `number`-th of the column's distinct values, of which `rows` are asked for. Raises Unmockable."""
    column, kind = shape.column, shape.column.type
    if shape.values:
        return f"({_listed(shape.values, kind)})[1 + {number}]"
    if _integral(kind):
        low, _ = _bounds(shape, 1, _INTEGERS[kind][1])
        return f"CAST({low} + {number} * {_step(shape)} AS {kind})"
    if _DECIMAL.fullmatch(kind) or kind in {"DOUBLE", "FLOAT"}:
        low, _ = _bounds(shape, 1, 10.0**15)
        return f"CAST({low} + {number} AS {kind})"
    if _MOMENTS.fullmatch(kind):
        step = "to_days" if kind == "DATE" else "to_minutes"
        return f"CAST({duck.literal(dice.as_of)} - {step}(CAST({number} AS INTEGER)) AS {kind})"
    if kind == "BOOLEAN":
        return f"({number} = 1)"
    if kind == "UUID":
        return f"CAST(md5(concat({dice.seed}, '/', {number})) AS UUID)"
    if kind == "VARCHAR":
        if not mock_texts.free(shape):
            return f"({_listed(mock_texts.matching(shape, dice.generator, rows), kind)})[1 + {number}]"
        return mock_texts.distinct(shape, number)
    raise Unmockable(f"{column.name}: a {kind} cannot be made distinct")


def distinct(shape: ColumnShape, dice: Dice, rows: int) -> int | None:
    """How many values `nth` knows, up to `rows`; None: more than any table has. Raises Unmockable."""
    kind = shape.column.type
    if shape.values:
        return len(shape.values)
    if kind == "BOOLEAN":
        return 2
    if _integral(kind):
        low, high = _bounds(shape, 1, _INTEGERS[kind][1])
        return int((high - low) // _step(shape)) + 1
    if kind == "VARCHAR" and not mock_texts.free(shape):
        return len(mock_texts.matching(shape, dice.generator, rows))
    return None


def _any(shape: ColumnShape, dice: Dice) -> str:
    if shape.draw is not None and shape.draw.kind == WEIGHTS:
        return _weighted(shape.draw, shape.column.type, dice)
    listed = shape.values or (shape.examples if shape.draw is None else ())
    if listed:
        return f"({_listed(listed, shape.column.type)})[1 + {dice.whole('enum', len(listed))}]"
    return _of_type(shape.column.type, shape, dice, "value")


def _listed(values: Iterable[Any], kind: str) -> str:
    return f"[{', '.join(f'CAST({duck.literal(one)} AS {kind})' for one in values)}]"


def _weighted(draw: Draw, kind: str, dice: Dice) -> str:
    total, passed, cases = sum(share for _, share in draw.shares), 0.0, ""
    for text, share in draw.shares[:-1]:
        passed += share / total
        cases += f"WHEN {dice.uniform('value')} < {passed!r} THEN CAST({duck.literal(text)} AS {kind}) "
    last = f"CAST({duck.literal(draw.shares[-1][0])} AS {kind})"
    return f"CASE {cases}ELSE {last} END" if cases else last


def _of_type(kind: str, shape: ColumnShape, dice: Dice, what: str) -> str:
    """SQL of one value of `kind`; `what` tells the parts of a nested value apart."""
    if kind.endswith("]"):
        size, item = int(kind[kind.rindex("[") + 1 : -1] or 0), kind[: kind.rindex("[")]
        parts = ", ".join(_of_type(item, shape, dice, f"{what}.{place}") for place in range(size or 2))
        return f"[{parts}]"
    if kind.startswith("STRUCT("):
        parts = ", ".join(
            f"{duck.quote(name)} := {_of_type(item, shape, dice, f'{what}.{name}')}"
            for name, item in member_types(kind[7:-1])
        )
        return f"struct_pack({parts})"
    if kind.startswith("MAP("):
        key, item = split_types(kind[4:-1])
        first, second = _of_type(key, shape, dice, f"{what}.key"), _of_type(item, shape, dice, f"{what}.value")
        return f"MAP {{{first}: {second}}}"
    if _integral(kind) or _DECIMAL.fullmatch(kind) or kind in {"DOUBLE", "FLOAT"}:
        return f"CAST({_number(kind, shape, dice, what)} AS {kind})"
    if _MOMENTS.fullmatch(kind):
        return f"CAST({_moment(kind, shape, dice, what)} AS {kind})"
    return _simple(kind, shape, dice, what)


def _simple(kind: str, shape: ColumnShape, dice: Dice, what: str) -> str:
    match kind:
        case "VARCHAR":
            if not mock_texts.free(shape):
                pool = mock_texts.matching(shape, dice.generator)
                return f"({_listed(pool, kind)})[1 + {dice.whole(what, len(pool))}]"
            return mock_texts.plain(shape, dice.whole(what, _GROUPS if shape.several else 1000))
        case "BOOLEAN":
            return f"({dice.uniform(what)} < 0.5)"
        case "UUID":
            return f"CAST(md5({dice.uniform(what)}::VARCHAR) AS UUID)"
        case "TIME" | "TIME WITH TIME ZONE":
            return f"CAST(TIME '00:00:00' + to_seconds({dice.whole(what, 86_400)}) AS {kind})"
        case "INTERVAL":
            return f"to_seconds({dice.whole(what, 86_400)})"
        case "BLOB":
            return f"unhex(md5({dice.uniform(what)}::VARCHAR))"
        case "JSON":
            return f"to_json({{'number': {dice.whole(what, 1000)}}})"
    if shape.required:
        raise Unmockable(f"{shape.column.name}: no value of the type {kind} can be made")
    return "NULL"


def _number(kind: str, shape: ColumnShape, dice: Dice, what: str) -> str:
    """A number within its bounds; without any, money-like where it has a fraction, and up to a thousand else."""
    decimal = _DECIMAL.fullmatch(kind)
    whole = _integral(kind)
    least, most = _INTEGERS[kind] if whole else (-(10.0**15), 10.0**15)
    if decimal:
        most = 10.0 ** (int(decimal[1]) - int(decimal[2])) - 1
        least = -most
    low, high = _bounds(shape, least, most)
    first, second = dice.uniform(what), dice.uniform(f"{what}+")
    step = _step(shape)
    if shape.draw is not None:
        drawn, half = shape.draw.number(first, second), 0.5
    elif "maximum" in shape.options or "exclusiveMaximum" in shape.options:
        start = max(low, high - _SPREAD) if low == least else low
        drawn, half = f"({start} + {first} * ({high} - {start}{f' + {step}' if whole else ''}))", 0
    else:
        usual = Draw("uniform", (0.0, _SPREAD)) if whole else Draw("lognormal", (20.0, 0.8))
        drawn, half = f"({0 if low == least else low} + {usual.number(first, second)})", 0
    if whole or step != 1:
        drawn = f"floor({drawn} / {step} + {half}) * {step}"
    else:
        drawn = f"round({drawn}, {decimal[2] if decimal else 4})"
    return f"greatest({low}, least({high}, {drawn}))"


def _bounds(shape: ColumnShape, least: float, most: float) -> tuple[float, float]:
    """The lowest and the highest number that the contract allows, within what the type holds."""
    options, whole = shape.options, _integral(shape.column.type)
    decimal = _DECIMAL.fullmatch(shape.column.type)
    gap = 1 if whole else 10.0 ** -int(decimal[2]) if decimal else 1e-6
    low, high = least, most
    for name, shift in (("minimum", 0), ("exclusiveMinimum", gap)):
        if isinstance(options.get(name), int | float):
            low = options[name] + shift
    for name, shift in (("maximum", 0), ("exclusiveMaximum", gap)):
        if isinstance(options.get(name), int | float):
            high = options[name] - shift
    step = _step(shape)
    return (-(-low // step) * step, max(high // step * step, low)) if whole else (low, max(high, low))


def _step(shape: ColumnShape) -> int:
    step = shape.options.get("multipleOf")
    return int(step) if isinstance(step, int | float) and step >= 1 else 1


def _moment(kind: str, shape: ColumnShape, dice: Dice, what: str) -> str:
    """A time of the year before `as_of`, or between the bounds of the contract; whole seconds."""
    end, start = duck.literal(dice.as_of), f"({duck.literal(dice.as_of)} - INTERVAL {_PAST_DAYS} DAY)"
    for name in ("minimum", "exclusiveMinimum"):
        if name in shape.options:
            start = f"CAST({duck.literal(str(shape.options[name]))} AS TIMESTAMP)"
    for name in ("maximum", "exclusiveMaximum"):
        if name in shape.options:
            end = f"CAST({duck.literal(str(shape.options[name]))} AS TIMESTAMP)"
    seconds = f"date_diff('second', {start}, {end})"
    return f"({start} + to_seconds(CAST(floor({dice.uniform(what)} * {seconds}) AS BIGINT)))"


def _integral(kind: str) -> bool:
    return kind in _INTEGERS
