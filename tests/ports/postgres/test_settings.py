"""Settings that change what is shown: they act, or are refused as PostgreSQL refuses a value."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.ports.postgres.conftest import Raw, error

NOON = "timestamptz '2020-07-01 12:00:00+00'"


def texts(raw: Raw, query: str) -> list[str]:
    """The cells of the first row, as texts."""
    (row,) = [body for kind, body in raw.query(query) if kind == b"D"]
    cells, place = [], 2
    while place < len(row):
        size = int.from_bytes(row[place : place + 4], "big")
        cells.append(row[place + 4 : place + 4 + size].decode())
        place += 4 + size
    return cells


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("'Europe/Berlin'", "2020-07-01 14:00:00+02"),
        ("'asia/kolkata'", "2020-07-01 17:30:00+05:30"),
        ("'America/St_Johns'", "2020-07-01 09:30:00-02:30"),
        ("-5", "2020-07-01 07:00:00-05"),
        ("'UTC'", "2020-07-01 12:00:00+00"),
        ("LOCAL", "2020-07-01 12:00:00+00"),
    ],
)
def test_times_are_shown_in_the_session_s_zone(raw: Raw, zone: str, shown: str) -> None:
    raw.query(f"SET TIME ZONE {zone}")
    assert texts(raw, f"SELECT {NOON}") == [shown]
    assert texts(raw, f"SELECT ARRAY[{NOON}]") == [f'{{"{shown}"}}']


def test_expressions_are_of_the_session_s_zone(raw: Raw) -> None:
    raw.query("SET TIME ZONE 'Asia/Tokyo'")
    assert texts(raw, "SELECT (timestamptz '2020-07-01 20:00:00+00')::date, '2020-01-01 00:00'::timestamptz") == [
        "2020-07-02",
        "2020-01-01 00:00:00+09",
    ]
    assert texts(raw, "SELECT date_trunc('day', timestamptz '2020-07-01 20:00:00+00')") == ["2020-07-02 00:00:00+09"]
    raw.query("RESET TIME ZONE")
    assert texts(raw, "SELECT (timestamptz '2020-07-01 20:00:00+00')::date") == ["2020-07-01"]


def test_a_winter_s_time_has_its_own_offset_and_years_before_christ_their_sign(raw: Raw) -> None:
    raw.query("SET TimeZone = 'Europe/Berlin'")
    assert texts(raw, "SELECT timestamptz '2020-01-01 12:00:00+00', 'infinity'::timestamptz") == [
        "2020-01-01 13:00:00+01",
        "infinity",
    ]


def test_a_zone_of_one_session_is_not_another_s(postgres: tuple[str, int], raw: Raw) -> None:
    raw.query("SET TIME ZONE 'Asia/Tokyo'")
    with Raw(postgres) as other:
        other.start()
        assert texts(other, f"SELECT {NOON}") == ["2020-07-01 12:00:00+00"]


def test_rows_by_key_are_shown_in_the_session_s_zone(raw: Raw) -> None:
    ask = "SELECT ordered_at::timestamptz FROM shop.orders WHERE order_id = 0"
    raw.query("SET TIME ZONE 'Asia/Tokyo'")
    assert texts(raw, ask) == ["2017-06-01 12:00:00+09"]


@pytest.mark.parametrize("binary", [False, True])
def test_drivers_read_and_send_times_of_a_zone(postgres: tuple[str, int], binary: bool) -> None:
    host, port = postgres
    options: dict[str, Any] = {"options": "-c TimeZone=Europe/Berlin", "autocommit": True}
    with psycopg.connect(
        f"host={host} port={port} user=analyst password=analyst-secret dbname=outport", **options
    ) as connection:
        at = datetime(2020, 7, 1, 14, tzinfo=ZoneInfo("Europe/Berlin"))
        cursor = connection.execute("SELECT %s::timestamptz", (at,), binary=binary)
        (found,) = cursor.fetchone() or ()
        assert found == at
        assert found.utcoffset() == at.utcoffset()
        cursor = connection.execute("SELECT %s::timestamptz", ("2020-07-01 14:00:00",), binary=binary)
        assert cursor.fetchone() == (at,)


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ("DateStyle = 'ISO, DMY'", "ISO, DMY"),
        ("DateStyle = iso", "ISO, MDY"),
        ("extra_float_digits = 3", "3"),
        ("bytea_output = 'hex'", "hex"),
        ("IntervalStyle = postgres", "postgres"),
        ("TIME ZONE 'europe/berlin'", "Europe/Berlin"),
    ],
)
def test_a_setting_that_is_taken_is_shown(raw: Raw, setting: str, shown: str) -> None:
    assert raw.query(f"SET {setting}")[0][0] == b"C"
    name = "TimeZone" if setting.startswith("TIME") else setting.split(" ")[0]
    assert texts(raw, f"SHOW {name}") == [shown]


@pytest.mark.parametrize(
    "setting",
    [
        "DateStyle = 'German'",
        "DateStyle = 'ISO, XYZ'",
        "extra_float_digits = 0",
        "extra_float_digits = 9",
        "bytea_output = 'escape'",
        "IntervalStyle = iso_8601",
        "TIME ZONE 'Mars/Olympus'",
        "TIME ZONE '99'",
    ],
)
def test_a_setting_that_could_not_act_is_refused(raw: Raw, setting: str) -> None:
    assert error(raw.query(f"SET {setting}"))["C"] == "22023"
