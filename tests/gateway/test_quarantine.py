"""Which values of what was set aside may be shown: those that a model passes on, of all rows, and their beginning."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.contracts import passing
from gateway.desks import quarantine


def passed_on(model: str) -> set[str]:
    table: Any = SimpleNamespace(model=model, columns=[SimpleNamespace(name="id"), SimpleNamespace(name="note")])
    return {place.removeprefix("raw.orders.") for place in passing.as_they_are(table, every_row=True)}


@pytest.mark.parametrize(
    ("model", "names"),
    [
        ("SELECT * FROM raw.orders", {"id", "note"}),
        ("SELECT id, orders.note FROM raw.orders ORDER BY id", {"id", "note"}),
        ("SELECT o.id, o.note AS comment FROM raw.orders AS o", {"id"}),
        ("SELECT raw.orders.id, note FROM raw.orders", {"id", "note"}),
        ("SELECT id, address.note FROM raw.orders", {"id"}),
        ("SELECT id, note FROM raw.orders WHERE id > 0", set()),
        ("SELECT id, note FROM raw.orders QUALIFY row_number() OVER (PARTITION BY id) = 1", set()),
        ("SELECT id, note FROM raw.orders LIMIT 5", set()),
        ("SELECT DISTINCT id, note FROM raw.orders", set()),
        ("SELECT id, note FROM raw.orders TABLESAMPLE 10%", set()),
        ("SELECT id, note FROM raw.orders USING SAMPLE 10%", set()),
        ("SELECT id, note FROM raw.orders GROUP BY id, note", set()),
    ],
)
def test_a_model_passes_on_what_it_leaves_as_it_is_of_every_row(model: str, names: set[str]) -> None:
    assert passed_on(model) == names


def test_a_long_value_is_told_by_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "aside"
    pq.write_table(pa.table({"$rules": ["id.type"], "id": ["x" * 1_000_000]}), path)
    ((_, sample), *_) = [quarantine._sample([path], "raw.orders", None)]
    assert sample == ({"$rules": "id.type", "id": "x" * quarantine.CELL + " ..."},)
