"""Array parameters in PostgreSQL's text form, as drivers and people write them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest


@pytest.fixture(scope="module")
def cursor(postgres: tuple[str, int]) -> Iterator[psycopg.RawCursor[tuple[object, ...]]]:
    host, port = postgres
    given = {"user": "analyst", "password": "analyst-secret", "dbname": "outport"}
    with psycopg.connect(host=host, port=port, autocommit=True, **given) as opened:
        yield psycopg.RawCursor(opened)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"r", "v"}', ["r", "v"]),
        ("{ a b , c }", ["a b", "c"]),
        ('{"a\\"b",NULL,"null"}', ['a"b', None, "null"]),
        ("{a\\,b}", ["a,b"]),
        ('{"", " "}', ["", " "]),
        ("{ }", []),
    ],
)
def test_blanks_quotes_and_escapes_mean_what_they_mean_to_postgresql(
    cursor: psycopg.RawCursor[tuple[object, ...]], text: str, value: list[str | None]
) -> None:
    assert cursor.execute("SELECT $1::VARCHAR[]", (text,)).fetchone() == (value,)


@pytest.mark.parametrize("text", ["{,}", "{a,}", '{a"b}', '{"a"b}', "{a}}", '{"a}', "{a\\}", "a,b"])
def test_a_malformed_array_is_refused(cursor: psycopg.RawCursor[tuple[object, ...]], text: str) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        cursor.execute("SELECT $1::VARCHAR[]", (text,))
