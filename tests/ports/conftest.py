"""The web door, open over the tests' world, and a client for each principal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from ports.http.server import HttpPort
from tests.conftest import World

Client = Callable[..., httpx.Client]


@pytest.fixture(scope="session")
def http_port(world: World) -> Iterator[HttpPort]:
    port = HttpPort(world.gateway)
    port.start()
    yield port
    port.stop()


@pytest.fixture(scope="session")
def web(http_port: HttpPort) -> Iterator[Client]:
    """`web("analyst")` is a client with that principal's credentials, `web()` one without."""
    host, number = http_port.address
    clients: dict[str | None, httpx.Client] = {}

    def client(subject: str | None = None) -> httpx.Client:
        if subject not in clients:
            credentials = None if subject is None else (subject, f"{subject}-secret")
            clients[subject] = httpx.Client(base_url=f"http://{host}:{number}", auth=credentials, timeout=60)
        return clients[subject]

    yield client
    for one in clients.values():
        one.close()
