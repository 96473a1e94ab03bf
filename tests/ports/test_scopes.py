"""API keys that are worth less than their principal, at every door; and what an open answer does when its key ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.access.principals import checked_scope
from ports.flight import messages as m
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort
from tests.conftest import World

SHOP = "SELECT count(*) AS n FROM shop.customers"
HR = "SELECT count(*) AS n FROM hr.salaries"
# 1,800 x 1,800 rows: more than any buffer on the way holds.
LONG = "SELECT a.order_id, b.order_id, a.remark FROM shop.orders a, shop.orders b"


@pytest.fixture(scope="module")
def ports(world: World) -> Iterator[dict[str, Any]]:
    opened = [HttpPort(world.gateway), FlightPort(world.gateway), PostgresPort(world.gateway)]
    for port in opened:
        port.start()
    yield {port.name: port.address for port in opened}
    for port in opened:
        port.stop()


@pytest.fixture
def people(world: World) -> Directory:
    return Directory(world.settings.principals, load(world.settings))


@pytest.fixture
def key(people: Directory) -> Iterator[Callable[..., str]]:
    """A key of the steward within a scope; gone when the test ends."""
    made: list[str] = []

    def add(**scope: list[str]) -> str:
        made.append(people.add_key("steward", 600, checked_scope(scope)))
        return made[-1]

    yield add
    left = {one.id for entry in people.entries() for one in entry.keys}
    for one in made:
        if one.partition(".")[0] in left:
            people.remove_key("steward", one.partition(".")[0])


@pytest.fixture(params=["key", "token"])
def worth(request: pytest.FixtureRequest, key: Callable[..., str], people: Directory) -> Callable[..., str]:
    """A key of the steward within a scope, or a token."""
    if request.param == "key":
        return key
    return lambda **scope: people.issue_token("steward", 600, None, checked_scope(scope))


def asked(ports: dict[str, Any], door: str, token: str, text: str) -> int | str:
    """The count that `text` gives, or the kind of refusal."""
    return {"rest": by_rest, "flightsql": by_flight, "postgres": by_postgres}[door](ports, token, text)


def by_rest(ports: dict[str, Any], token: str, text: str) -> int | str:
    at = ports["http"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.post(f"http://{at[0]}:{at[1]}/sql", json={"sql": text}, headers=headers)
    said = answer.json()
    return int(said["data"][0]["n"]) if answer.status_code == 200 else str(said["code"])


def by_flight(ports: dict[str, Any], token: str, text: str) -> int | str:
    try:
        return int(stream(ports, token, text).read_all()["n"][0].as_py())
    except fl.FlightUnauthenticatedError:
        return "unauthenticated"
    except fl.FlightUnauthorizedError:
        return "forbidden"
    except pa.ArrowKeyError:
        return "not_found"


def stream(ports: dict[str, Any], token: str, text: str) -> fl.FlightStreamReader:
    client = fl.connect(f"grpc://{ports['flight'][0]}:{ports['flight'][1]}")
    options = fl.FlightCallOptions(headers=[(b"authorization", f"Bearer {token}".encode())])
    info = client.get_flight_info(fl.FlightDescriptor.for_command(m.pack(m.CommandStatementQuery(text))), options)
    return client.do_get(info.endpoints[0].ticket, options)


def connected(ports: dict[str, Any], token: str) -> psycopg.Connection[Any]:
    host, port = ports["postgres"]
    return psycopg.connect(host=host, port=port, user="token", password=token, dbname="outport", autocommit=True)


def by_postgres(ports: dict[str, Any], token: str, text: str) -> int | str:
    codes = {"42P01": "not_found", "42501": "forbidden", "28P01": "unauthenticated"}
    try:
        with connected(ports, token) as connection:
            (row,) = connection.execute(text).fetchall()
            return int(row[0])
    except psycopg.Error as error:
        known = "forbidden" if "not for this port" in str(error) else "unauthenticated"
        return codes[error.sqlstate] if error.sqlstate else known


@pytest.fixture(params=["rest", "flightsql", "postgres"])
def door(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_key_reaches_the_products_of_its_scope_and_others_are_unknown(
    ports: dict[str, Any], worth: Callable[..., str], door: str
) -> None:
    whole, narrow, astray = worth(), worth(products=["shop"]), worth(products=["else"])
    assert [asked(ports, door, one, SHOP) for one in (whole, narrow, astray)] == [600, 600, "not_found"]
    assert [asked(ports, door, one, HR) for one in (whole, narrow, astray)] == [40, "not_found", "not_found"]


def test_a_key_opens_the_ports_of_its_scope_alone(ports: dict[str, Any], worth: Callable[..., str], door: str) -> None:
    own, others = worth(ports=[door]), worth(ports=[one for one in ("rest", "flightsql", "postgres") if one != door])
    assert asked(ports, door, own, SHOP) == 600
    assert asked(ports, door, others, SHOP) == "forbidden"


def test_a_key_for_metadata_answers_no_query(ports: dict[str, Any], worth: Callable[..., str], door: str) -> None:
    assert asked(ports, door, worth(actions=["metadata"]), SHOP) == "forbidden"
    assert asked(ports, door, worth(actions=["metadata"], products=["hr"]), SHOP) == "not_found"
    assert asked(ports, door, worth(actions=["query"]), SHOP) == 600


def test_a_scope_is_seen_in_what_is_listed(ports: dict[str, Any], worth: Callable[..., str]) -> None:
    at = ports["http"]

    def listed(token: str) -> list[str]:
        said = httpx.get(f"http://{at[0]}:{at[1]}/products", headers={"Authorization": f"Bearer {token}"}).json()
        return [one["name"] for one in said["data"]]

    assert listed(worth()) == ["hr", "shop"]
    assert listed(worth(products=["shop"])) == ["shop"]
    assert listed(worth(actions=["query"])) == []
    with connected(ports, worth(products=["hr"])) as connection:
        rows = connection.execute("SELECT table_schema FROM information_schema.tables").fetchall()
    assert {row[0] for row in rows} & {"shop", "hr"} == {"hr"}


def test_a_scope_never_widens(ports: dict[str, Any], people: Directory, door: str) -> None:
    wide = people.add_key("stranger", 600, checked_scope({"products": ["shop", "hr"], "ports": [door]}))
    try:
        assert asked(ports, door, wide, SHOP) == "not_found"
    finally:
        people.remove_key("stranger", wide.partition(".")[0])


def test_an_open_stream_ends_within_seconds_of_its_key(
    ports: dict[str, Any], key: Callable[..., str], people: Directory
) -> None:
    token, other = key(), key()
    reader, kept = stream(ports, token, LONG), stream(ports, other, LONG)
    reader.read_chunk()
    people.remove_key("steward", token.partition(".")[0])
    with pytest.raises(fl.FlightUnauthenticatedError, match="expired or have been changed"):
        drained(reader)
    assert kept.read_chunk().data.num_rows > 0
    kept.cancel()
    assert asked(ports, "flightsql", token, SHOP) == "unauthenticated"


def test_a_scope_that_is_none_refuses_a_token(ports: dict[str, Any], people: Directory) -> None:
    for wrong in ({"ports": ["telnet"]}, {"products": []}, {"actions": ["write"]}, {"products": ["sh op"]}):
        token = people._tokens.issued("steward", 600, {name: tuple(values) for name, values in wrong.items()})
        assert asked(ports, "rest", token, SHOP) == "unauthenticated"


def drained(reader: fl.FlightStreamReader) -> None:
    """Read slowly, so that the stream outlasts its key."""
    pause = threading.Event()
    while True:
        reader.read_chunk()
        pause.wait(0.05)


def test_an_open_download_ends_within_seconds_of_its_key(
    ports: dict[str, Any], key: Callable[..., str], people: Directory
) -> None:
    token, at = key(), ports["http"]
    # Compressed, all of it fits into the socket.
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/csv", "Accept-Encoding": "identity"}
    with httpx.stream("POST", f"http://{at[0]}:{at[1]}/sql", json={"sql": LONG}, headers=headers) as answer:
        assert answer.status_code == 200
        people.remove_key("steward", token.partition(".")[0])
        with pytest.raises(httpx.RemoteProtocolError):
            downloaded(answer)


def downloaded(answer: httpx.Response) -> None:
    pause = threading.Event()
    for _ in answer.iter_raw():
        pause.wait(0.02)


def test_an_open_connection_ends_within_seconds_of_being_barred(
    ports: dict[str, Any], key: Callable[..., str], people: Directory
) -> None:
    with connected(ports, key()) as connection:
        people.bar("steward")
        try:
            with pytest.raises(psycopg.OperationalError):
                connection.execute(f"{LONG}, shop.orders c").fetchall()  # longer than it takes to look
        finally:
            people.unbar("steward")
