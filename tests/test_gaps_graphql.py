"""The same gaps at the GraphQL door: between two pages, two documents, two messages, and while a subscription waits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests import test_gaps
from tests.test_gaps import EVENTS, Gap, Gaps, Seen, World, complaints

opened, world = test_gaps.opened, test_gaps.world

SOME = "{ ledger { entries(limit: 400) { region } } }"
PAGE = """query($after: String) { ledger { entriesConnection(first: 3, after: $after) {
  nodes { region } pageInfo { endCursor } } } }"""
KEY = "{ ledger { entriesByKey(entry: 7) { region } } }"
OTHER = "{ notices { noticesConnection { totalCount } } }"
FOLLOW = 'subscription { publications(product: "ledger") { snapshot } }'


def ask(client: httpx.Client, document: str, **variables: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/graphql", json={"query": document, "variables": variables}).json()
    return answer


def regions(told: Any) -> set[str]:
    """The regions within an answer."""
    if isinstance(told, dict | list):
        return set().union(*map(regions, told.values() if isinstance(told, dict) else told))
    return {told} if told in {"N", "S"} else set()


def seen(told: dict[str, Any]) -> Seen:
    refusals = [one["extensions"]["code"] for one in told.get("errors", ())]
    return Seen(regions(told), refusals[0] if refusals else "")


def by_post(world: World, who: str, document: str, **variables: Any) -> Gap:
    """The same document before and behind the gap."""
    with world.web(who) as client:
        assert regions(ask(client, document, **variables)) == {"N"}
        yield
        found = seen(ask(client, document, **variables))
        found.goes_on = "errors" not in ask(client, OTHER)
        return found


def a_document(world: World, who: str) -> Gap:
    return (yield from by_post(world, who, SOME))


def a_key(world: World, who: str) -> Gap:
    """Three times, from when on its row is kept."""
    with world.web(who) as client:
        for _ in range(3):
            ask(client, KEY)
    return (yield from by_post(world, who, KEY))


def a_page(world: World, who: str) -> Gap:
    with world.web(who) as client:
        place = ask(client, PAGE)["data"]["ledger"]["entriesConnection"]["pageInfo"]["endCursor"]
        yield
        found = seen(ask(client, PAGE, after=place))
        found.goes_on = "errors" not in ask(client, OTHER)
        return found


@contextmanager
def socket(world: World, who: str) -> Iterator[ClientConnection]:
    """A connection whose first message has been acknowledged."""
    url = world.rest.replace("http:", "ws:") + "/graphql"
    headers = {"Authorization": world.proof(who)}
    with connect(url, subprotocols=["graphql-transport-ws"], additional_headers=headers) as opened:  # type: ignore[list-item]
        say(opened, type="connection_init")
        assert hear(opened)["type"] == "connection_ack"
        yield opened


def say(socket: ClientConnection, **message: Any) -> None:
    socket.send(json.dumps(message))


def hear(socket: ClientConnection) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(socket.recv(timeout=60))
    return told


def over(socket: ClientConnection, document: str) -> Seen:
    """The answer to one document over a socket."""
    try:
        say(socket, id="q", type="subscribe", payload={"query": document})
        told = hear(socket)
        if told["type"] == "error":
            return seen({"errors": told["payload"]})
        assert hear(socket)["type"] == "complete"
        return seen(told["payload"])
    except ConnectionClosed:
        return Seen(refused=str(socket.close_code))


def a_socket(world: World, who: str) -> Gap:
    with socket(world, who) as one:
        assert over(one, SOME).regions == {"N"}
        yield
        found = over(one, SOME)
        found.goes_on = over(one, OTHER).refused == ""
        return found


def a_subscription(world: World, who: str) -> Gap:
    """What is published behind the gap is told, or the socket closes; the rows are what may be asked upon it."""
    with socket(world, who) as one, world.web(who) as client:
        before = looks(world)
        say(one, id="s", type="subscribe", payload={"query": FOLLOW})
        while looks(world) == before:
            pass
        yield
        found = Seen()
        with suppress(ConnectionClosed):
            world.shop.publish("ledger", force=True)
            if hear(one)["type"] == "next":
                found = seen(ask(client, SOME))
        found.refused = found.refused or str(one.close_code or "")
        found.goes_on = "errors" not in ask(client, OTHER)
        return found


def looks(world: World) -> int:
    """How often it is on record that somebody was told of a product; of a subscription this says that it waits."""
    audit = world.gateway.settings.state / "audit"
    lines = [json.loads(line) for path in audit.glob("*.jsonl") for line in path.read_text().splitlines()]
    return sum(one.get("port") == "graphql" and one.get("products") == ["ledger"] for one in lines)


# A product that is no longer there is no field of the schema; a socket closes as the protocol has it.
_GONE, _AWAY = "GRAPHQL_VALIDATION_FAILED", "UNAUTHENTICATED 4401"
GAPS: Gaps = {
    "a document | the same document": (a_document, _GONE, _AWAY),
    "a key | the same key": (a_key, _GONE, _AWAY),
    "page 1 | page 2 of a connection": (a_page, _GONE, _AWAY),
    "connection_init | subscribe": (a_socket, _GONE, _AWAY),
    "a subscription, open": (a_subscription, "4403", "4401"),
}


@pytest.mark.parametrize("name", list(EVENTS))
def test_what_ends_in_a_gap_has_ended_behind_it(world: World, name: str) -> None:
    assert complaints(world, name, GAPS) == {}
