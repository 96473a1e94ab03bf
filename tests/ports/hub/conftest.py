"""The hub's own world, behind the web door."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from gateway import Gateway
from ports.http.server import HttpPort
from tests.ports.hub import shelf

Visit = Callable[[str], httpx.Client]


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = Gateway(shelf.build(tmp_path_factory.mktemp("hub")))
    yield made
    made.close()


@pytest.fixture(scope="package")
def visit(hub: Gateway) -> Iterator[Visit]:
    """`visit("analyst")` is a browser of that principal's."""
    port = HttpPort(hub)
    port.start()
    host, number = port.address
    clients: dict[str, httpx.Client] = {}

    def client(subject: str) -> httpx.Client:
        if subject not in clients:
            login = (subject, f"{subject}-secret")
            base, headers = f"http://{host}:{number}", {"Sec-Fetch-Site": "same-origin"}
            clients[subject] = httpx.Client(base_url=base, auth=login, headers=headers, timeout=60)
        return clients[subject]

    yield client
    for one in clients.values():
        one.close()
    port.stop()
