"""The demo's door answers to names of this machine only: a page of the web whose name leads here reads nothing."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from gateway import Gateway, Settings
from ports.http.hosts import Hosts
from ports.http.server import HttpPort

PERSONAL = ("/", "/hub/report?as=steward", "/docs", "/products", "/health", "/hub.css", "/nowhere")


@pytest.fixture(scope="module")
def demo(hub: Gateway) -> Iterator[str]:
    gateway = Gateway(hub.settings.model_copy(update={"demo": True}))
    port = HttpPort(gateway)
    port.start()
    yield "http://{}:{}".format(*port.address)
    port.stop()
    gateway.close()


@pytest.mark.parametrize("path", PERSONAL)
def test_another_name_reads_nothing_of_the_demo(demo: str, path: str) -> None:
    told = httpx.get(demo + path, headers={"Host": "rebound.example", "Accept": "text/html"})
    assert told.status_code == 421
    assert "steward" not in told.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "[::1]", "127.0.0.1:8080", "localhost:1"])
def test_names_of_this_machine_are_answered(demo: str, host: str) -> None:
    told = httpx.get(f"{demo}/hub/report?as=steward", headers={"Host": host, "Accept": "text/html"}, timeout=60)
    assert told.status_code == 200
    assert "steward" in told.text


def test_a_form_and_a_web_socket_of_another_name_are_refused(demo: str) -> None:
    assert httpx.post(f"{demo}/hub/report/-/feedback", headers={"Host": "rebound.example"}).status_code == 421
    upgrade = {
        "Host": "rebound.example", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "graphql-transport-ws",
    }  # fmt: skip
    assert httpx.get(f"{demo}/graphql", headers=upgrade).status_code == 403


def answers(settings: Settings, *hosts: str) -> bool:
    return Hosts(settings).takes([(b"host", host.encode()) for host in hosts])


def test_which_names_are_taken_is_a_setting_beside_the_hub_s_own() -> None:
    named = Settings(http_hosts="data.example, other.example", hub_url="https://hub.example:8443")
    assert all(
        answers(named, one) for one in ("data.example", "OTHER.example:80", "hub.example", "10.0.0.1", "[fe80::1]")
    )
    wrong = (
        "evil.example",
        "data.example.evil.example",
        "",
        "127.0.0.1.evil.example",
        "[",
        "data.example@evil.example",
    )
    assert not [one for one in wrong if answers(named, one)]
    assert not answers(named)
    assert not answers(named, "data.example", "evil.example")


def test_elsewhere_every_name_is_answered() -> None:
    assert answers(Settings(), "anything.example")
