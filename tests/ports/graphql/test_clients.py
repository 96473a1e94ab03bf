"""Python's GraphQL client, gql, over HTTP and over a web socket."""

from __future__ import annotations

import asyncio
import base64

import pytest
from gql import Client as GqlClient
from gql import gql
from gql.dsl import DSLQuery, DSLSchema, dsl_gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXTransport
from gql.transport.websockets import WebsocketsTransport

from ports.http.server import HttpPort


@pytest.fixture
def address(http_port: HttpPort) -> str:
    host, number = http_port.address
    return f"{host}:{number}/graphql"


def client(address: str, subject: str) -> GqlClient:
    transport = HTTPXTransport(url=f"http://{address}", auth=(subject, f"{subject}-secret"))
    return GqlClient(transport=transport, fetch_schema_from_transport=True)


def test_gql_reads_the_schema_and_asks_with_variables(address: str) -> None:
    document = gql("query Q($n: Int!) { shop { orders(limit: $n) { order_id customers { region } } } }")
    document.variable_values = {"n": 1}
    with client(address, "analyst") as session:
        told = session.execute(document)
        assert session.client.schema is not None
        assert "salary" not in session.client.schema.type_map["Shop_Customers"].fields
    assert told == {"shop": {"orders": [{"order_id": "0", "customers": {"region": "N"}}]}}


def test_gql_composes_a_question_from_the_schema(address: str) -> None:
    with client(address, "analyst") as session:
        assert session.client.schema is not None
        types = DSLSchema(session.client.schema)
        orders = types.ShopProduct.orders(limit=1, orderBy=[{"amount": "DESC"}], where={"store": {"_in": [3]}})
        told = session.execute(dsl_gql(DSLQuery(types.Query.shop.select(orders.select(types.Shop_Orders.amount)))))
    assert told == {"shop": {"orders": [{"amount": "96.50"}]}}


def test_gql_is_told_what_is_refused(address: str) -> None:
    transport = HTTPXTransport(url=f"http://{address}", auth=("analyst", "analyst-secret"))
    with GqlClient(transport=transport) as session, pytest.raises(TransportQueryError) as refusal:
        session.execute(gql("{ shop { customers { salary } } }"))
    assert refusal.value.errors is not None
    assert refusal.value.errors[0]["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}


def test_gql_asks_over_a_web_socket(address: str) -> None:
    proof = "Basic " + base64.b64encode(b"clerk:clerk-secret").decode()
    transport = WebsocketsTransport(
        url=f"ws://{address}", init_payload={"authorization": proof}, subprotocols=["graphql-transport-ws"]
    )
    told = asyncio.run(GqlClient(transport=transport).execute_async(gql("{ shop { orders(limit: 1) { store } } }")))
    assert told == {"shop": {"orders": [{"store": 3}]}}
