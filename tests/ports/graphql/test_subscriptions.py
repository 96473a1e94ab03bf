"""Subscriptions over a web socket: they fire when a product publishes, and end with the right to it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.publication.publish import publish
from ports.graphql import sockets
from ports.http.server import HttpPort
from tests.conftest import World, build

FOLLOW = 'subscription { p: publications(product: "shop") { product version snapshot dataTime __typename } }'


@pytest.fixture(scope="module")
def own_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world of this file's own: its products are published again, and its principals end."""
    settings = build(tmp_path_factory.mktemp("subscriptions"))
    gateway = Gateway(settings.model_copy(update={"graphql_sockets": 6}))
    yield World(settings, gateway)
    gateway.close()


@pytest.fixture(scope="module")
def address(own_world: World) -> Iterator[str]:
    port = HttpPort(own_world.gateway)
    port.start()
    host, number = port.address
    yield f"{host}:{number}"
    port.stop()


def basic(subject: str) -> str:
    return "Basic " + base64.b64encode(f"{subject}:{subject}-secret".encode()).decode()


def opened(address: str, subject: str | None = "steward", **more: Any) -> ClientConnection:
    """A connection of `subject`'s, not begun."""
    headers = {} if subject is None else {"Authorization": basic(subject)}
    return connect(f"ws://{address}/graphql", subprotocols=["graphql-transport-ws"], additional_headers=headers, **more)  # type: ignore[list-item]


def say(socket: ClientConnection, **message: Any) -> None:
    socket.send(json.dumps(message))


def hear(socket: ClientConnection) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(socket.recv(timeout=60))
    return told


def begun(socket: ClientConnection, **payload: Any) -> None:
    say(socket, type="connection_init", payload=payload)
    assert hear(socket)["type"] == "connection_ack"


def code(socket: ClientConnection) -> int:
    """With which code the server closes."""
    with suppress(ConnectionClosed):
        while True:
            socket.recv(timeout=60)
    assert socket.close_code is not None
    return socket.close_code


def test_a_publication_is_told_to_who_sees_the_product(address: str, own_world: World) -> None:
    with opened(address) as steward, opened(address, None) as clerk:
        begun(steward)
        begun(clerk, Authorization=basic("clerk"))
        for socket in (steward, clerk):
            say(socket, id="1", type="subscribe", payload={"query": FOLLOW})
            say(socket, id="2", type="subscribe", payload={"query": "{ __typename }"})
            # An answer to the second operation says that the first is waiting.
            assert hear(socket) == {"id": "2", "type": "next", "payload": {"data": {"__typename": "Query"}}}
            assert hear(socket) == {"id": "2", "type": "complete"}
        _waits(own_world.gateway)
        publish(own_world.settings, own_world.settings.products / "shop", force=True)
        served = next(one for one in own_world.gateway.pin().deployment.snapshots if one.product.name == "shop")
        for socket in (steward, clerk):
            assert hear(socket) == {"id": "1", "type": "next", "payload": {"data": {"p": {
                "product": "shop", "version": "1.2.0", "snapshot": served.id, "dataTime": None,
                "__typename": "Publication",
            }}}}  # fmt: skip
        say(steward, id="1", type="complete")


def _waits(gateway: Gateway) -> None:
    """The subscription has seen the state that it starts from: it is on record as told."""
    audit = gateway.settings.state / "audit"
    while sum(_told(path) for path in audit.glob("*.jsonl")) < 2:
        pass


def _told(path: Path) -> int:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return sum(one.get("port") == "graphql" and one.get("products") == ["shop"] for one in lines)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ('subscription { publications(product: "hr") { snapshot } }', 'product "NAME" does not exist'),
        ('subscription { publications(product: "void") { snapshot } }', 'product "NAME" does not exist'),
        ("subscription { nothing }", "Cannot query field 'nothing' on type 'Subscription'."),
        ("{ hr { salaries { pay } } }", "Cannot query field 'hr' on type 'Query'."),
        ('subscription { a: publications(product: "shop") { snapshot } b: publications(product: "shop") { version } }',
         "must select only one top level field"),
        ("", "query is the text"),
    ],
)  # fmt: skip
def test_what_is_refused_is_an_error_of_its_operation(address: str, query: str, words: str) -> None:
    with opened(address, "analyst") as socket:
        begun(socket)
        say(socket, id="1", type="subscribe", payload={"query": query})
        told = hear(socket)
        assert (told["type"], told["id"]) == ("error", "1")
        message = told["payload"][0]["message"].replace('"hr"', '"NAME"').replace('"void"', '"NAME"')
        assert words in message
        assert told["payload"][0]["extensions"]["code"]
        say(socket, id="1", type="subscribe", payload={"query": "{ shop { orders(limit: 1) { order_id } } }"})
        assert hear(socket)["payload"]["data"] == {"shop": {"orders": [{"order_id": "0"}]}}


@pytest.mark.parametrize("proof", [{}, {"Authorization": "Basic x"}, {"Authorization": basic("nobody")}])
def test_without_a_proof_the_socket_closes(address: str, proof: dict[str, str]) -> None:
    with opened(address, None) as socket:
        say(socket, type="connection_init", payload=proof)
        assert code(socket) == 4403


@pytest.mark.parametrize("message", ["x", "[]", "1", '{"type": "nothing"}', '{"type": "subscribe", "payload": []}'])
def test_what_is_no_message_closes_the_socket(address: str, message: str) -> None:
    with opened(address) as socket:
        begun(socket)
        socket.send(message)
        assert code(socket) == 4400


def test_who_asks_before_saying_who_it_is_is_closed_out(address: str) -> None:
    with opened(address) as socket:
        say(socket, id="1", type="subscribe", payload={"query": "{ __typename }"})
        assert code(socket) == 4401


def test_a_page_of_another_origin_gets_no_socket(address: str) -> None:
    with pytest.raises(InvalidStatus), opened(address, origin="https://evil.example"):  # type: ignore[arg-type]
        pass
    with pytest.raises(InvalidStatus), connect(f"ws://{address}/graphql"):
        pass
    with pytest.raises(InvalidStatus), connect(f"ws://{address}/products", subprotocols=["graphql-transport-ws"]):  # type: ignore[list-item]
        pass
    with opened(address, origin=f"http://{address}") as socket:  # type: ignore[arg-type]
        begun(socket)


def test_a_principal_has_half_of_the_sockets_and_there_are_no_more_than_all(address: str) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(opened(address, subject)) for subject in ("steward", "steward", "steward")]
        for socket in sockets:
            begun(socket)
        fourth = stack.enter_context(opened(address))
        say(fourth, type="connection_init")
        assert code(fourth) == 4403
        for _ in range(3):
            begun(stack.enter_context(opened(address, "clerk")))
        with pytest.raises(InvalidStatus), opened(address, "analyst"):
            pass


def test_a_revoked_principal_s_socket_closes(address: str, own_world: World) -> None:
    directory = Directory(own_world.settings.principals, load(own_world.settings))
    directory.add("leaver", "person", {"role": ("analyst",)}, "leaver-secret")
    with opened(address, "leaver") as socket:
        begun(socket)
        say(socket, id="1", type="subscribe", payload={"query": FOLLOW})
        directory.remove("leaver")
        assert code(socket) == 4401


def test_a_socket_on_which_nothing_is_asked_closes_with_its_principal(address: str, own_world: World) -> None:
    directory = Directory(own_world.settings.principals, load(own_world.settings))
    directory.add("quiet", "person", {"role": ("analyst",)}, "quiet-secret")
    with opened(address, "quiet") as socket:
        begun(socket)
        directory.remove("quiet")
        assert code(socket) == 4401


def test_a_withdrawn_grant_ends_the_subscription(address: str, own_world: World) -> None:
    policy = own_world.settings.policies / "shop.yaml"
    before, granted = policy.read_text(), "{id: ml, on: {product: shop}, to: {role: ml}"
    assert granted in before
    with opened(address, "ml") as socket:
        begun(socket)
        say(socket, id="1", type="subscribe", payload={"query": FOLLOW})
        say(socket, id="2", type="subscribe", payload={"query": "{ __typename }"})
        assert hear(socket)["id"] == "2"
        policy.write_text(before.replace(granted, granted.replace("role: ml", "role: x")))
        try:
            assert code(socket) == 4403
        finally:
            policy.write_text(before)


@pytest.fixture(scope="module")
def delegating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A door at which clerk may ask for analyst and for ml."""
    settings = build(tmp_path_factory.mktemp("delegating"))
    rule = "- {id: d, to: {subject: clerk}, delegate: {for: {subject: [analyst, ml]}}}\n"
    (settings.policies / "delegation.yaml").write_text(rule)
    gateway = Gateway(settings)
    port = HttpPort(gateway)
    port.start()
    yield "{}:{}".format(*port.address)
    port.stop()
    gateway.close()


@pytest.mark.parametrize(
    ("shown", "said", "taken"),
    [
        ((), ("analyst",), True),
        (("analyst",), (), True),
        (("analyst",), ("ml",), False),
        (("analyst",), ("analyst",), False),
        (("analyst", "ml"), (), False),
        ((), ("steward",), False),
        ((), ("",), False),
        ((), (None,), False),
        ((), (["analyst"],), False),
    ],
)
def test_on_whose_behalf_a_socket_asks_is_said_once(
    delegating: str, shown: tuple[str, ...], said: tuple[Any, ...], taken: bool
) -> None:
    """What a proxy adds to the handshake is not overruled by the first message, nor by a second header."""
    name = "X-Outport-On-Behalf-Of"
    headers = [("Authorization", basic("clerk")), *((name, one) for one in shown)]
    url = f"ws://{delegating}/graphql"
    with connect(url, subprotocols=["graphql-transport-ws"], additional_headers=headers) as socket:  # type: ignore[list-item]
        say(socket, type="connection_init", payload=dict(zip([name], said, strict=False)))
        if taken:
            assert hear(socket)["type"] == "connection_ack"
        else:
            assert code(socket) == 4403


def test_a_client_that_says_nothing_is_asked_whether_it_is_there(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "PING_S", 0.1)
    with opened(address) as socket:
        begun(socket)
        for _ in range(3):
            assert hear(socket) == {"type": "ping"}
            say(socket, type="pong")


def test_a_client_that_answers_no_ping_is_closed(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "SILENT_S", 0.5)
    with opened(address, "clerk") as socket:
        begun(socket)
        assert code(socket) == 1001


def test_a_server_that_ends_tells_its_sockets_so(own_world: World) -> None:
    port = HttpPort(own_world.gateway)
    port.start()
    with opened("{}:{}".format(*port.address)) as socket:
        begun(socket)
        say(socket, id="1", type="subscribe", payload={"query": FOLLOW})
        port.stop()
        assert code(socket) == 1012


def test_each_operation_counts_as_a_request(own_world: World) -> None:
    gateway = Gateway(own_world.settings.model_copy(update={"rate_limit": 4}))
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    try:
        with opened(f"{host}:{number}") as socket:
            begun(socket)
            told = []
            for place in range(5):
                say(socket, id=str(place), type="subscribe", payload={"query": "{ __typename }"})
                while (message := hear(socket))["type"] == "complete":
                    pass
                told.append(message)
        assert [one["type"] for one in told] == ["next"] * 3 + ["error"] * 2
        assert told[-1]["payload"][0]["extensions"]["code"] == "EXHAUSTED"
        assert told[-1]["payload"][0]["extensions"]["reason"] == "rate"
    finally:
        port.stop()
        gateway.close()
