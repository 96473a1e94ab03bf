"""Pages of small tables: the engine says which rows they have, and what these rows show is kept.

What a row shows is most of a page's planning. Touches the engine only through the cursors that it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from gateway.binding.bind import Page
from gateway.serving.kept_rows import Every, Rows
from gateway.serving.lookup_keys import value_of
from gateway.serving.running import Alone
from gateway.sql.duck import quote
from gateway.sql.lookup import name_of

# Of more rows the planning is the smaller part.
ROWS = 2048


def short(plan: Page) -> bool:
    """Whether it is a page of few rows, for the parameters that it has."""
    limit = plan.limit if isinstance(plan.limit, int) else value_of(plan.parameters, plan.limit)
    return isinstance(limit, int) and 0 <= limit <= ROWS


@dataclass(frozen=True)
class Paged:
    """A page in one form: the `text` of its rows' keys behind the `beside` columns, and `every` row there could be."""

    text: str
    every: Every
    beside: int


def keys(text: str, names: Sequence[str], beside: int, width: int) -> str:
    """SQL for the last `beside` columns of `text`, under their names, and its key of `width` columns behind them."""
    aliases = [f"c{i}" for i in range(len(names))]
    first = len(names) - beside
    shown = [f"{alias} AS {quote(name)}" for alias, name in zip(aliases[first:], names[first:], strict=True)]
    shown += [quote(name_of(place)) for place in range(width)]
    return f"SELECT {', '.join(shown)} FROM ({text}) AS q({', '.join(aliases)})"


class LateRows(Alone):
    """A page as a Source: its keys on a cursor, its rows from those that are kept."""

    def __init__(self, alone: Alone, paged: Paged, rows: Rows, schema: pa.Schema) -> None:
        super().__init__(alone.open, paged.text, alone.parameters, ROWS, alone.slots, alone.asker)
        self._beside, self._rows, self._schema = paged.beside, rows, schema

    def _read(self) -> pa.RecordBatch | None:
        batch = super()._read()
        if batch is None:
            return None
        beside = batch.columns[: self._beside]
        rows = self._rows.of(batch.columns[self._beside :], len(self._schema) - self._beside)
        if rows is None:
            raise LookupError("a row is not among those that are kept")
        return pa.RecordBatch.from_arrays([*rows, *beside], schema=self._schema)
