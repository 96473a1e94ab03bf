"""What an input's contract says of the rows that arrive: an Arrival, a Watermark. Pure but for DuckDB's binder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from gateway.contracts import promises
from gateway.contracts.columns import is_column
from gateway.contracts.odcs import DataContract, Quality, SchemaObject
from gateway.contracts.rules import refuses, repeated
from gateway.document import Path, Report, show
from gateway.product import Arrival, Column, KeyRule, QualityRule, RowRule, Table, Watermark
from gateway.sql import duck

LIMIT = "quarantineLimit"
WATERMARK = "watermark"
Unit = Literal["rows", "percent"]
_WHOLE = {"SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
_TIMES = ("TIMESTAMP", "DATE")
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) ?%", re.ASCII)


def arrival(
    contract: DataContract,
    schema: SchemaObject,
    columns: Sequence[Column],
    quality: Sequence[QualityRule],
    file: str,
    path: Path,
    report: Report,
    *,
    key: Sequence[str] = (),
    upsert: bool = False,
) -> Arrival:
    """The rules of each row of one table: required, enum, pattern, lengths and ranges, those of `quality` that no row
    may break, its `key` and what else is unique; and how many rows may break them.

    Without a quarantineLimit none may: a row is set aside only where the contract says so. By `upsert` the last row of
    a key stands, and nothing repeats it.
    """
    stored = {column.name: column for column in columns}
    rules: list[RowRule] = []
    places: list[tuple[str, str, str]] = []
    for index, item in enumerate(schema.properties):
        place = (*path, "properties", index)
        if not is_column(item):
            continue
        column, where = stored[item.name], f"{file} {show(place)}"
        places.append((column.name, column.physical_name or column.name, where))
        if column.required:
            rules.append(RowRule(f"{column.name}.required", f"{duck.quote(column.name)} IS NULL", where, column.name))
        for name, condition in promises.limits(item, column, file, place, report):
            rules.append(RowRule(f"{column.name}.{name}", condition, where, column.name))
    rules += [RowRule(one.id, one.condition, one.where, one.column) for one in quality if refuses(one)]
    limit, unit = _limit(contract, schema, file, path, report)
    required = tuple(column.name for column in columns if column.required)
    keys = tuple(one for one in _keys(schema, key, file, path) if not (upsert and one.columns == tuple(key)))
    return Arrival(tuple(rules), required, limit, unit, f"{file} {show(path)}", tuple(places), keys)


def _keys(schema: SchemaObject, key: Sequence[str], file: str, path: Path) -> Iterator[KeyRule]:
    """The key, and each other property that is unique, but for those of which a rule says that a repeat is a warning.

    The rule is ODCS's own way to say it: `duplicateValues` of the same columns, with the severity `warning`.
    """
    told = {frozenset([one.name]) for one in schema.properties if any(map(_warns, one.quality))}
    told |= {
        frozenset(map(str, (one.arguments or {}).get("properties") or [])) for one in schema.quality if _warns(one)
    }
    if key and frozenset(key) not in told:
        yield KeyRule(f"{'+'.join(key)}.primaryKey", tuple(key), f"{file} {show(path)}")
    for index, item in enumerate(schema.properties):
        if item.unique and is_column(item) and tuple(key) != (item.name,) and frozenset([item.name]) not in told:
            yield KeyRule(f"{item.name}.unique", (item.name,), f"{file} {show((*path, 'properties', index))}")


def _warns(rule: Quality) -> bool:
    return rule.metric == "duplicateValues" and rule.severity == "warning"


def outcome_of(key: KeyRule, table: str) -> QualityRule:
    """A key as a rule of the table's quality, which counts the rows that it has set aside."""
    what = f"({', '.join(key.columns)}) is unique"
    query = repeated(table, key.columns, "rows")
    return QualityRule(key.id, what, "uniqueness", "error", query, promises.NONE, "rows", key.where)


def set_aside(arrived: Arrival, rule: QualityRule) -> bool:
    """Whether each row that breaks a rule of an input is set aside, and counted then."""
    return refuses(rule) or rule.id in {one.id for one in arrived.keys}


def _limit(contract: DataContract, schema: SchemaObject, file: str, path: Path, report: Report) -> tuple[float, Unit]:
    """The table's quarantineLimit, else the contract's, else no row."""
    own = schema.custom(LIMIT)
    declared = contract.custom(LIMIT) if own is None else own
    if declared is None:
        return 0, "rows"
    if isinstance(declared, int) and not isinstance(declared, bool) and declared >= 0:
        return declared, "rows"
    match = _SHARE.fullmatch(declared) if isinstance(declared, str) else None
    if match is not None and float(match[1]) <= 100:
        return float(match[1]), "percent"
    where: Path = ("customProperties",) if own is None else (*path, "customProperties")
    report.error(
        file, where, f"{LIMIT} {declared} is no limit", 'a number of rows such as 100, or a share such as "1%"'
    )
    return 0, "rows"


def watermark(schema: SchemaObject, table: Table, file: str, path: Path, report: Report) -> Watermark | None:
    """The table's watermark: a required time or whole number, of a table with a key. None where it declares none."""
    declared = schema.custom(WATERMARK)
    if declared is None:
        return None
    told = {"column": declared} if isinstance(declared, str) else declared
    columns = {column.name: column for column in table.columns}
    column = columns.get(told.get("column", "")) if isinstance(told, dict) else None
    fits = column is not None and column.required and (column.type in _WHOLE or column.type.startswith(_TIMES))
    lookback = _lookback(told.get("lookback", 0), column) if column is not None and fits else None
    if not table.key or column is None or not fits or lookback is None or set(told) - {"column", "lookback"}:
        remedy = "{column: changed_at, lookback: 1h}: a required time or whole number, of a table with a primaryKey"
        report.error(file, (*path, "customProperties"), f"{WATERMARK} {declared} is none", remedy)
        return None
    return Watermark(column.name, lookback)


def _lookback(declared: object, column: Column) -> int | None:
    """Seconds of a duration for a time, steps for a whole number."""
    if isinstance(declared, int) and not isinstance(declared, bool) and declared >= 0:
        return declared
    match = _DURATION.fullmatch(declared) if isinstance(declared, str) and column.type.startswith(_TIMES) else None
    return int(match[1]) * _UNITS[match[2]] if match else None
