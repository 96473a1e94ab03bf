"""No setting of a session, and no name that a client gives, changes what a policy's filter leaves or its mask shows.

What a zone would move (a column with a time zone) no filter and no condition may read at all: the rule is refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from tests.doors import DOORS, Door, GraphQLDoor, PostgresDoor, Refusal
from tests.workshop import KEY, STEWARD, Workshop, column

ROWS = 200
COLUMNS = {
    "visit": KEY,
    "visited": column("TIMESTAMP"),
    "moment": column("TIMESTAMPTZ"),
    "word": column("VARCHAR"),
    "born": column("DATE"),
    "email": column("VARCHAR", classification="confidential"),
}
# What zones, collations and styles would move: the hours around midnight and of summer time, letters of both cases.
FILTERS = {
    "times": "visited >= TIMESTAMP '2020-03-29 01:30:00' AND visited < TIMESTAMP '2020-10-25 01:30:00'",
    "words": "word < 'b' OR word = 'ß'",
    "days": "born < DATE '2000-02-29' OR year(visited) = 2021",
    "homes": "EXISTS (SELECT 1 FROM homes h WHERE h.visit = homes_visits.visit AND h.place = 'N')",
}
TABLES = {f"{name}_visits": name for name in FILTERS}
SETTINGS = [
    "TimeZone = 'Pacific/Kiritimati'",
    "TimeZone = 'America/St_Johns'",
    "TIME ZONE -12",
    "TIME ZONE INTERVAL '+05:45' HOUR TO MINUTE",
    "DateStyle = 'German, DMY'",
    "DateStyle = 'SQL, MDY'",
    "IntervalStyle = 'iso_8601'",
    "client_encoding = 'LATIN1'",
    "lc_collate = 'de_DE'",
    "lc_messages = 'de_DE'",
    "standard_conforming_strings = off",
    "bytea_output = 'escape'",
    "extra_float_digits = -15",
    "search_path = other, visits, pg_catalog",
    "search_path = pg_temp, other",
    "default_transaction_isolation = 'serializable'",
    "transform_null_equals = on",
    "array_nulls = off",
    "xmloption = 'document'",
    "row_security = off",
    "session_replication_role = 'replica'",
    "outport.anything = 'x'",
    "statement_timeout = '30s'",
    "enable_seqscan = off",
    "default_null_order = 'nulls_first'",
    "ieee_floating_point_ops = false",
    "Calendar = 'japanese'",
]


# A setting that is refused changes nothing either.
NOT_HERE = (
    psycopg.errors.InvalidParameterValue,
    psycopg.errors.UndefinedObject,
    psycopg.errors.CantChangeRuntimeParam,
    psycopg.errors.FeatureNotSupported,
)


def visits() -> pa.Table:
    """A visit every 44 hours or so over two years, in words that collations order differently."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    at = [start + timedelta(minutes=30 * 167 * i) for i in range(ROWS)]
    words = ["a", "B", "b", "ä", "Z", "ß", "ss", "A", "", None]
    return pa.table(
        {
            "visit": range(ROWS),
            "visited": pa.array([one.replace(tzinfo=None) for one in at], pa.timestamp("us")),
            "moment": pa.array(at, pa.timestamp("us", "UTC")),
            "word": [words[i % 10] for i in range(ROWS)],
            "born": [date(1999, 12, 1) + timedelta(days=i) for i in range(ROWS)],
            "email": [f"CANARY-{i}@example.com" for i in range(ROWS)],
        }
    )


def rules() -> Iterator[dict[str, Any]]:
    yield STEWARD
    for table, name in TABLES.items():
        uses = {"uses": ["homes"]} if name == "homes" else {}
        on = {"on": {"product": "visits", "table": table}, "to": {"role": "reader"}}
        yield {"id": name, **on, "grant": {"columns": ["*"], "rows": FILTERS[name]}, **uses}
        masked = {"columns": ["email"], "with": "email", "if": "word < 'b'"}
        yield {"id": f"{name}-mail", **on, "mask": masked}
        yield {"id": f"{name}-born", **on, "mask": {"columns": ["born", "visited"], "with": "month"}}
    # What a name must not become: the same names in a product that the reader may see whole.
    yield {"id": "other", "on": {"product": "other"}, "to": {"role": "reader"}, "grant": {"columns": ["*"]}}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    shop = Workshop(tmp_path_factory.mktemp("sessions"))
    held = visits()
    homes = {"visit": range(ROWS), "place": ["N" if i % 3 else "S" for i in range(ROWS)]}
    elsewhere = pa.table({**homes, "place": ["N"] * ROWS})
    kinds = {"visit": KEY, "place": column("VARCHAR")}
    shop.declare(
        "visits",
        {**dict.fromkeys(TABLES, COLUMNS), "homes": kinds},
        data={**dict.fromkeys(TABLES, held), "homes": pa.table(homes)},
    )
    shop.declare("other", {"homes": kinds, "homes_visits": kinds}, data={"homes": elsewhere, "homes_visits": elsewhere})
    shop.publish("visits")
    shop.publish("other")
    shop.allow(*rules())
    directory = Directory(shop.settings.principals, load(shop.settings))
    directory.add("reader", "person", {"role": ("reader",)}, "reader-secret")
    opened = Gateway(shop.settings)
    yield opened
    opened.close()


@pytest.fixture(scope="module", params=list(DOORS))
def door(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[Door]:
    opened: Door = DOORS[request.param](gateway)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def postgres(gateway: Gateway) -> Iterator[PostgresDoor]:
    opened = PostgresDoor(gateway)
    yield opened
    opened.close()


def question(table: str) -> str:
    """Rows and masked values, in forms that no setting styles."""
    return f"SELECT visit, email, extract(epoch FROM born)::bigint AS born FROM visits.{table} ORDER BY visit"


def seen(door: Door) -> dict[str, list[Any]]:
    return {table: door.ask("reader", question(table)).to_pylist() for table in TABLES}


def test_each_filter_and_mask_leaves_some_and_takes_some(postgres: PostgresDoor) -> None:
    for table, rows in seen(postgres).items():
        assert 0 < len(rows) < ROWS, table
        masked = {row["email"].startswith("C***@") for row in rows}
        assert masked == {True, False}, table


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_changes_rows_or_masks(postgres: PostgresDoor, setting: str) -> None:
    base = seen(postgres)
    host, port = postgres._port.address
    with psycopg.connect(
        host=host, port=port, user="reader", password="reader-secret", dbname="outport", autocommit=True,
        cursor_factory=psycopg.RawCursor,
    ) as connection:  # fmt: skip
        with suppress(*NOT_HERE):
            connection.execute(f"SET {setting}")
        for prepared in (False, True):
            for table, expected in base.items():
                cursor = connection.execute(question(table), prepare=prepared)
                names = [one.name for one in cursor.description or ()]
                assert [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] == expected, table


def test_settings_that_a_connection_begins_with_change_nothing_either(postgres: PostgresDoor) -> None:
    base = seen(postgres)
    host, port = postgres._port.address
    options = "-c TimeZone=Pacific/Kiritimati -c DateStyle=ISO,DMY -c search_path=other,visits"
    with psycopg.connect(
        host=host, port=port, user="reader", password="reader-secret", dbname="outport", options=options
    ) as connection:
        for table, expected in base.items():
            rows = connection.execute(question(table)).fetchall()
            assert rows == [tuple(row.values()) for row in expected]


# What a request to the web's doors may bring along: none of it is a setting.
HEADERS = {
    "Accept-Language": "de-DE, tr;q=0.5",
    "Accept-Charset": "iso-8859-1",
    "Prefer": "timezone=Pacific/Kiritimati, handling=lenient",
    "X-Timezone": "Pacific/Kiritimati",
    "X-Outport-Search-Path": "other",
    "Date": "Tue, 01 Jan 1980 00:00:00 GMT",
}
# The same rows under names that mean something else elsewhere.
SAME = [
    "{ visits { %s(limit: 1000) { visit email } } }",
    "{ other: visits { homes: %s(limit: 1000) { visit email } } }",
    "query other { visits { ...homes } } fragment homes on VisitsProduct { x: %s(limit: 1000) { visit email } }",
    "query q($homes: Int = 1000, $TimeZone: Int = 0) "
    "{ visits { %s(limit: $homes, offset: $TimeZone) { visit email } } }",
    "{ visits { %s(limit: 1000) { visit: visit email: email homes: moment } } }",
]


def test_nothing_that_a_request_brings_along_changes_rows_or_masks_in_graphql(
    gateway: Gateway, postgres: PostgresDoor
) -> None:
    opened = GraphQLDoor(gateway)
    expected = {table: [(str(one["visit"]), one["email"]) for one in rows] for table, rows in seen(postgres).items()}
    try:
        for headers in ({}, HEADERS):
            opened._client.headers.update(headers)
            for table, document in itertools.product(TABLES, SAME):
                ((rows,),) = (one.values() for one in opened.ask("reader", document % table).values())
                assert [(one["visit"], one["email"]) for one in rows] == expected[table], (table, document)
    finally:
        opened.close()


SHADOWS = [
    "WITH homes AS (SELECT visit, 'N' AS place FROM other.homes) SELECT count(*) AS n FROM visits.homes_visits",
    "WITH homes AS (SELECT visit, 'N' AS place FROM other.homes) SELECT count(*) AS n "
    "FROM visits.homes_visits v JOIN homes h ON h.visit = v.visit",
    "SELECT count(*) AS n FROM visits.homes_visits, (SELECT 1 AS homes) homes",
    "SELECT count(*) AS n FROM visits.homes_visits AS homes",
    "SELECT count(*) AS n FROM visits.homes_visits h",
    "SELECT count(*) AS n FROM visits.homes_visits AS h(place, visit)",
    "SELECT count(*) AS n FROM other.homes h JOIN visits.homes_visits USING (visit)",
    "SELECT count(*) AS n FROM (SELECT *, 'N' AS place FROM visits.homes_visits) homes",
    "WITH core AS (SELECT 1 AS visit), memory AS (SELECT 2) SELECT count(*) AS n FROM visits.homes_visits",
]


@pytest.mark.parametrize("text", SHADOWS)
def test_no_name_of_a_client_s_stands_for_one_that_a_filter_reads(door: Door, text: str) -> None:
    (row,) = door.ask("reader", text).to_pylist()
    assert row["n"] == sum(1 for i in range(ROWS) if i % 3)


@pytest.mark.parametrize("path", ["visits", "other, visits", "visits, other", "hidden, other, visits", "core, visits"])
def test_a_search_path_finds_what_is_granted_and_nothing_else(postgres: PostgresDoor, path: str) -> None:
    """`homes` of visits is hidden: the name is that of the next product which shows one, or of none."""
    host, port = postgres._port.address
    with psycopg.connect(
        host=host, port=port, user="reader", password="reader-secret", dbname="outport", autocommit=True
    ) as connection:
        connection.execute(f"SET search_path = {path}")
        names = ["homes", "homes_visits"]
        told: list[Any] = []
        for name in names:
            try:
                told.append(connection.execute(f"SELECT * FROM {name}").rowcount)
            except psycopg.errors.UndefinedTable:
                told.append(None)
    first = path.split(", ")[1 if path.startswith(("hidden", "core")) else 0]
    left = sum(1 for i in range(ROWS) if i % 3)
    assert told == [ROWS if "other" in path else None, ROWS if first == "other" else left]


def test_a_hidden_table_is_reached_by_no_path(door: Door) -> None:
    for name in ("visits.homes", "outport.visits.homes", '"visits"."homes"', "visits.core.homes"):
        with pytest.raises(Refusal) as refusal:
            door.ask("reader", f"SELECT count(*) AS n FROM {name}")
        assert refusal.value.code == "not_found"
