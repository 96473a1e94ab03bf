"""The text of a value as a client's own statement may write it: the same as every door's, and of allowed functions."""

from __future__ import annotations

import duckdb
import pytest

from gateway import client_text
from gateway.serving.rendering import cell
from gateway.sql import duck, tree

VALUES = {
    "DATE": [
        "'2018-01-31'",
        "'0044-03-15 (BC)'",
        "'0001-01-01 (BC)'",
        "'12018-01-31'",
        "'2000000-01-01'",
        "'infinity'",
    ],
    "TIMESTAMP": ["'2018-01-31 12:00:00.5'", "'0044-03-15 (BC) 01:02:03'", "'infinity'"],
    "TIMESTAMP WITH TIME ZONE": ["'2018-01-31 12:00:00+02'", "'12018-01-31 12:00:00+02'", "'-infinity'"],
    "DATE[]": ["['2018-01-31', '12018-01-31', NULL]"],
    "STRUCT(a TIMESTAMP WITH TIME ZONE, b DECIMAL(9,2)[])": ["{'a': '12018-01-31 00:00:00+00', 'b': [1.5]}"],
    "DOUBLE": ["1.5", "'NaN'", "'-Infinity'"],
    "DECIMAL(18,2)": ["1.5"],
    "BLOB": ["'ab'"],
    "BIGINT": ["9007199254740993"],
    "VARCHAR": ["'x'"],
}


@pytest.mark.parametrize("kind", list(VALUES))
def test_a_client_s_own_text_is_every_door_s_text(kind: str) -> None:
    written = client_text('"x"', kind)
    tree.check(duck.parse(f"SELECT {written} AS shown FROM a.b"))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for value in ["NULL", *VALUES[kind]]:
            source = f"SELECT CAST({value} AS {kind}) AS x"
            same = f"SELECT {written} IS NOT DISTINCT FROM {cell('x', kind)}, {written} IS NULL FROM ({source})"
            (row,) = connection.execute(same).fetchall()
            assert row == (True, value == "NULL")
