"""Session options: the schema of unqualified names, kept by the client."""

from __future__ import annotations

import secrets
from dataclasses import replace

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import adbc_driver_manager
import pytest

from gateway import BadQuery
from ports.flight import choices, options
from ports.flight.options import Options
from tests.conftest import World
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


def test_what_is_taken_back_is_told_by_the_cookie_whatever_an_older_token_says(world: World) -> None:
    told = choices.cookie(world.gateway, Options())
    assert "Max-Age" not in told
    assert choices.of_cookies(world.gateway, [told.partition(";")[0]]) == Options()


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


def change(body: bytes, present: Options) -> options.Change:
    return options.change(body, present, lambda wished: wished)


SHOP = Options(schema="shop", endpoints=3)


@pytest.mark.parametrize(
    ("body", "chosen", "answer"),
    [
        ("", SHOP, ""),
        ("0a0e0a06736368656d6112040a026872", replace(SHOP, schema="hr"), ""),  # {"schema": "hr"}
        ("0a0a0a06736368656d611200", replace(SHOP, schema=""), ""),  # {"schema": unset}
        ("0a0c0a06736368656d6112021001", SHOP, "0a0c0a06736368656d6112020802"),  # {"schema": true}
        ("0a080a0478797a7a1200", SHOP, "0a0a0a0478797a7a12020801"),  # {"xyzz": unset}
        ("0a160a09656e64706f696e747312091908" + "00" * 7, replace(SHOP, endpoints=8), ""),  # {"endpoints": 8}
        ("0a120a08736e617073686f7412062a040a026131", replace(SHOP, snapshots=("a1",)), ""),  # {"snapshot": ["a1"]}
    ],
)  # fmt: skip
def test_options_have_the_bytes_of_the_protocol(body: str, chosen: Options, answer: str) -> None:
    assert change(bytes.fromhex(body), SHOP) == options.Change(chosen, bytes.fromhex(answer))


def test_malformed_options_are_refused() -> None:
    with pytest.raises(BadQuery):
        change(b"\x0a\xff", SHOP)


class Open:
    """A gateway that takes every snapshot."""

    def pin(self, session: object) -> None:
        """Nothing is wrong."""


def test_what_a_client_could_not_send_back_is_not_taken() -> None:
    few = Options(snapshots=tuple(f"20260101t00000000000{n}_ab{n}_shop" for n in range(10)))
    many = Options(snapshots=tuple(secrets.token_hex(60) for _ in range(options.SNAPSHOT_LIMIT)))
    assert choices.checked(Open(), lambda wished: None, few) == few  # type: ignore[arg-type, return-value]
    with pytest.raises(BadQuery, match="too long"):
        choices.checked(Open(), lambda wished: None, many)  # type: ignore[arg-type, return-value]
