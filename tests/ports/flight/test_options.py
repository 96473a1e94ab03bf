"""Session options: the schema of unqualified names, kept by the client."""

from __future__ import annotations

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import adbc_driver_manager
import pytest

from gateway import BadQuery
from ports.flight import options
from tests.ports.flight.conftest import Flight

COUNT = "SELECT count(*) FROM customers"
COOKIES = adbc_driver_flightsql.DatabaseOptions.WITH_COOKIE_MIDDLEWARE.value
HEADER = adbc_driver_flightsql.DatabaseOptions.AUTHORIZATION_HEADER.value


def count(connection: adbc.Connection) -> object:
    with connection.cursor() as cursor:
        cursor.execute(COUNT)
        return cursor.fetchone()


def test_the_current_schema_of_a_connection_resolves_unqualified_names(flight: Flight) -> None:
    connection = flight.adbc("steward")
    with pytest.raises(adbc_driver_manager.Error, match="does not exist"):
        count(connection)
    connection.adbc_current_db_schema = "Shop"
    assert count(connection) == (600,)
    assert (connection.adbc_current_catalog, connection.adbc_current_db_schema) == ("outport", "shop")
    connection.adbc_current_db_schema = "hr"
    with pytest.raises(adbc_driver_manager.Error, match="does not exist"):
        count(connection)


def test_without_a_token_of_the_handshake_a_cookie_keeps_the_schema(flight: Flight) -> None:
    basic = "Basic c3Rld2FyZDpzdGV3YXJkLXNlY3JldA=="
    with adbc.connect(flight.url, db_kwargs={HEADER: basic, COOKIES: "true"}, autocommit=True) as connection:
        connection.adbc_current_db_schema = "shop"
        assert count(connection) == (600,)


def test_a_schema_that_no_principal_may_see_can_be_chosen_and_gives_nothing(flight: Flight) -> None:
    said = []
    for schema in ("hr", "nothing"):
        connection = flight.adbc("analyst")
        connection.adbc_current_db_schema = schema
        with pytest.raises(adbc_driver_manager.Error) as caught, connection.cursor() as cursor:
            cursor.execute("SELECT * FROM salaries")
        said.append(str(caught.value).split(" [")[0])
    assert said[0] == said[1]


@pytest.mark.parametrize("schema", ["a;b", "shop; Path=/", "ä", "x" * 64, "1a", "a.b", '"a"'])
def test_what_is_no_schema_is_refused(flight: Flight, schema: str) -> None:
    connection = flight.adbc("steward")
    with pytest.raises(adbc_driver_manager.Error, match="invalid value"):
        connection.adbc_current_db_schema = schema


def test_other_catalogs_are_refused(flight: Flight) -> None:
    connection = flight.adbc("steward")
    connection.adbc_current_catalog = "outport"
    with pytest.raises(adbc_driver_manager.Error, match="invalid value"):
        connection.adbc_current_catalog = "memory"


def test_closing_a_session_forgets_its_options(flight: Flight) -> None:
    assert flight.raw("steward").act("CloseSession", b"") == [b"\x08\x01"]


@pytest.mark.parametrize(
    ("body", "schema", "answer"),
    [
        ("", None, ""),
        ("0a100a06736368656d6112060a0473686f70", "shop", ""),  # {"schema": "shop"}
        ("0a0a0a06736368656d611200", "", ""),  # {"schema": unset}
        ("0a0c0a06736368656d6112021001", None, "0a0c0a06736368656d6112020802"),  # {"schema": true}
        ("0a080a0478797a7a1200", None, "0a0a0a0478797a7a12020801"),  # {"xyzz": unset}
    ],
)
def test_options_have_the_bytes_of_the_protocol(body: str, schema: str | None, answer: str) -> None:
    assert options.change(bytes.fromhex(body)) == options.Change(schema, bytes.fromhex(answer))


def test_malformed_options_are_refused() -> None:
    with pytest.raises(BadQuery):
        options.change(b"\x0a\xff")


@pytest.mark.parametrize(
    "cookies", ["", "a=b", "outport_schema=", "outport_schema=a b", "outport_schema=X'", "\x00=;;"]
)
def test_a_cookie_that_holds_no_schema_is_none(cookies: str) -> None:
    assert options.kept(cookies) is None
    assert options.kept("other=1; outport_schema=shop") == "shop"
