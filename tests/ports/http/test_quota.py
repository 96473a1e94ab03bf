"""What a principal may still ask for stands on each of its answers; above it, when to come again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from gateway import Gateway
from ports.http.server import HttpPort
from tests.conftest import World
from tests.ports.http.test_refusals import problem

Client = Callable[..., httpx.Client]


@pytest.fixture
def limited(world: World) -> Iterator[httpx.Client]:
    """A web door with three requests a minute for each principal."""
    gateway = Gateway(world.settings.model_copy(update={"rate_limit": 3}))
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", auth=("analyst", "analyst-secret")) as client:
        yield client
    port.stop()
    gateway.close()


def test_every_answer_to_a_principal_says_what_is_left(limited: httpx.Client) -> None:
    told = [limited.get(path) for path in ("/products", "/products/nothing", "/")]
    assert [one.status_code for one in told] == [200, 404, 200]
    for place, answer in enumerate(told):
        assert answer.headers["ratelimit-policy"] == '"principal";q=3;w=60'
        assert re.fullmatch(rf'"principal";r={2 - place};t=[1-6]?[0-9]', answer.headers["ratelimit"])
    refused = limited.get("/products/shop/orders")
    assert problem(refused, 429)["type"] == "urn:outport:error:exhausted:rate"
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert refused.headers["ratelimit"].startswith('"principal";r=0;t=')


def test_who_is_nobody_is_told_no_limit(web: Client) -> None:
    for path in ("/products", "/health"):
        assert "ratelimit" not in web().get(path).headers


def test_without_a_limit_nothing_is_said(world: World) -> None:
    gateway = Gateway(world.settings.model_copy(update={"rate_limit": 0}))
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", auth=("analyst", "analyst-secret")) as client:
        assert "ratelimit" not in client.get("/products").headers
    port.stop()
    gateway.close()
