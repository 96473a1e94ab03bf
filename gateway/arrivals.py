"""What an input's contract says of the rows that arrive: an Arrival, a Watermark. Pure but for DuckDB's binder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from gateway import duck, promises
from gateway.columns import is_column
from gateway.document import Path, Report, show
from gateway.odcs import DataContract, SchemaObject
from gateway.product import Arrival, Column, QualityRule, RowRule, Table, Watermark
from gateway.rules import refuses

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
) -> Arrival:
    """The rules of each row of one table: required, enum, pattern, lengths and ranges, those of `quality` that no row
    may break, and how many may break them.

    Without a quarantineLimit none may: a row is set aside only where the contract says so.
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
    return Arrival(tuple(rules), required, limit, unit, f"{file} {show(path)}", tuple(places))


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
