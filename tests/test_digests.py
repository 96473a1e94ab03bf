"""The digest of a product, its identity, is told at every door, and is the same as its folder's."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from pyarrow import flight

from gateway.contracts import contract
from ports.flight import messages as m
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort
from tests.conftest import World
from tests.mcp_door import McpDoor

LOGIN = ("steward", "steward-secret")


@pytest.fixture(scope="module")
def digest(world: World) -> str:
    return contract.load(world.settings.products / "shop").digest


@pytest.fixture(scope="module")
def base(world: World) -> Iterator[str]:
    port = HttpPort(world.gateway)
    port.start()
    host, number = port.address
    yield f"http://{host}:{number}"
    port.stop()


def test_rest_tells_it_with_every_answer_and_in_the_products_document(base: str, digest: str) -> None:
    for path in ("/products/shop/orders?limit=1", "/products/shop"):
        answer = httpx.get(base + path, auth=LOGIN)
        assert f";digest={digest};" in answer.headers["x-outport-products"]
    assert answer.json()["data"]["digest"] == digest


def test_graphql_tells_it_in_extensions_and_to_who_asks_for_the_product(base: str, digest: str) -> None:
    text = "{ shop { orders(limit: 1) { order_id } } visibleProducts { name digest } }"
    answer = httpx.post(f"{base}/graphql", json={"query": text}, auth=LOGIN).json()
    assert [one["digest"] for one in answer["extensions"]["products"]] == [digest]
    assert {"name": "shop", "digest": digest} in answer["data"]["visibleProducts"]


def test_postgres_tells_it_to_who_explains_a_query(world: World, digest: str) -> None:
    port = PostgresPort(world.gateway)
    port.start()
    try:
        host, number = port.address
        login = f"host={host} port={number} dbname=outport user=steward password=steward-secret"
        with psycopg.connect(login, autocommit=True) as wire:
            plan = wire.execute("EXPLAIN SELECT order_id FROM shop.orders").fetchall()
            assert any(digest in line for (line,) in plan)
    finally:
        port.stop()


def test_flight_tells_it_with_what_it_promises(world: World, digest: str) -> None:
    port = FlightPort(world.gateway)
    port.start()
    try:
        host, number = port.address
        with flight.FlightClient(f"grpc://{host}:{number}") as client:
            options = flight.FlightCallOptions(headers=[client.authenticate_basic_token(*LOGIN)])
            command = m.pack(m.CommandStatementQuery("SELECT order_id FROM shop.orders LIMIT 1"))
            info = client.get_flight_info(flight.FlightDescriptor.for_command(command), options)
            first = next(client.do_get(info.endpoints[0].ticket, options)).app_metadata.to_pybytes()
            for told in (info.app_metadata, first):
                assert [one["digest"] for one in json.loads(told)["products"]] == [digest]
    finally:
        port.stop()


def test_an_agent_is_told_it(world: World, digest: str) -> None:
    door = McpDoor(world.gateway)
    try:
        found = door.ask("steward", "query_sql", sql="SELECT order_id FROM shop.orders LIMIT 1")
        assert digest in json.dumps(found)
    finally:
        door.close()
