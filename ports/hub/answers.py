"""An answer as a page shows it: a table of texts, and a drawing where there is something to draw. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gateway import Result
from ports.hub import drawings

ROWS_LIMIT = 200
CELL_LIMIT = 500
SERIES_LIMIT = 500
_LARGEST, _SMALLEST = 1e100, 1e-100
_TIME = re.compile(r"\d{4}-\d{2}(-\d{2}([T ].*)?)?")
Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Table:
    """Columns by name, the first rows as texts (None for NULL), whether there are `more`, and a drawing of them."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    more: bool
    drawing: Markup | None


def table(result: Result) -> Table:
    """The first ROWS_LIMIT rows of an answer in the form `text`; no more than these are computed to be shown."""
    rows: list[Row] = []
    for batch in result.batches():
        columns, count = batch.columns, min(batch.num_rows, ROWS_LIMIT + 1 - len(rows))
        rows += [tuple(_cell(column[i].as_py()) for column in columns) for i in range(count)]
        if len(rows) > ROWS_LIMIT:
            break
    names = tuple(result.schema.names)
    shown = tuple(rows[:ROWS_LIMIT])
    return Table(names, shown, len(rows) > ROWS_LIMIT, drawn(names, shown))


def drawn(columns: Sequence[str], rows: Sequence[Row]) -> Markup | None:
    """The first column of numbers by the first other one: a line over times, else bars; None where that is nothing."""
    if len(rows) < 2 or len(columns) < 2:
        return None
    numbers = [_numbers(rows, i) for i in range(len(columns))]
    labels = next((i for i, found in enumerate(numbers) if found is None), 0)
    values = next((i for i, found in enumerate(numbers) if found is not None and i != labels), None)
    if values is None:
        return None
    found = numbers[values] or []
    points = [(row[labels] or "NULL", value) for row, value in zip(rows, found, strict=True) if value is not None]
    if len(points) < 2:
        return None
    name = f"{columns[values]} by {columns[labels]}"
    if all(_TIME.fullmatch(label) for label, _ in points) and len(points) <= SERIES_LIMIT:
        return drawings.series([(_day(label), value) for label, value in sorted(points)], name)
    return drawings.bars(points, name)


def _numbers(rows: Sequence[Row], place: int) -> list[float | None] | None:
    """The column's values where all are numbers or NULL, and one is a number."""
    found: list[float | None] = []
    for row in rows:
        text = row[place]
        try:
            value = None if text is None else float(text)
        except ValueError:
            return None
        # No axis tells of what is not finite, or of what arithmetic would make so.
        if value is not None and not math.fabs(value) <= _LARGEST:
            return None
        found.append(0.0 if value is not None and math.fabs(value) < _SMALLEST else value)
    return found if any(one is not None for one in found) else None


def _day(label: str) -> str:
    """A time without a midnight."""
    return re.sub(r"[T ]00:00:00(\.0+)?(Z|\+00(:00)?)?$", "", label)


def _cell(value: object) -> str | None:
    if value is None:
        return None
    text = str(value)
    return text if len(text) <= CELL_LIMIT else text[:CELL_LIMIT] + " ..."
