"""The ledger's rows on their way to the product `outport`: so many at a time, however many there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from gateway.publication.own_product import tables
from tests.conftest import World


def test_rows_are_read_so_many_bytes_at_a_time(world: World) -> None:
    found = world.gateway.pin().deployment.find("shop")
    assert found is not None
    one = found.product.tables[0].columns[0]
    columns = (replace(one, name="at", type="TIMESTAMP"), replace(one, name="n", type="BIGINT"))
    taken: list[int] = []

    def lines() -> Iterator[bytes]:
        for number in range(1000):
            taken.append(number)
            yield json.dumps({"at": "2026-03-02T12:00:00.000000Z", "n": number, "other": "x"}).encode() + b"\n"

    parts = tables(lines(), columns, chunk_bytes=6_500)
    assert next(parts).num_rows == 0
    first = next(parts)
    assert len(taken) == first.num_rows < 120
    whole = pa.concat_tables([first, *parts])
    assert whole["n"].to_pylist() == list(range(1000))
    assert whole.column_names == ["at", "n"]
