"""`/metrics`: for this machine and for one role; for everybody else there is no such address."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.http.application import application
from ports.http.server import HttpPort
from tests.certificates import Resettled
from tests.conftest import World
from tests.ports.conftest import Client

ELSEWHERE = {"X-Forwarded-For": "203.0.113.7"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture(scope="module")
def scraper(world: World) -> Iterator[str]:
    """A principal with the role that reads metrics, and nothing else."""
    people, subject = Directory(world.settings.principals, load(world.settings)), "scraper"
    people.add(subject, "application", {"role": ["metrics"]}, f"{subject}-secret")
    yield subject
    people.remove(subject)


def test_this_machine_is_answered_in_a_format_that_prometheus_reads(web: Client) -> None:
    web("steward").get("/products/shop/orders?limit=1&order_id=eq.471147114711")
    answer = web().get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    samples = [one for family in text_string_to_metric_families(answer.text) for one in family.samples]
    routes = {one.labels["route"] for one in samples if one.name == "outport_http_requests_total"}
    assert any(route.startswith("/products/{") for route in routes)
    assert "471147114711" not in answer.text
    # Routes may have the word in them, once somebody has asked for one; no label is a subject.
    assert '"steward"' not in answer.text
    modern = web().get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    assert modern.text.endswith("# EOF\n")
    assert web().head("/metrics").status_code == 200
    assert web().post("/metrics").status_code == 405


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via", "X-Forwarded-Host"])
def test_what_a_proxy_passed_on_is_not_this_machines(web: Client, header: str) -> None:
    for value in ("127.0.0.1", "for=127.0.0.1", "203.0.113.7", ""):
        assert web().get("/metrics", headers={header: value}).status_code == 404


def test_the_role_reads_it_from_anywhere(web: Client, scraper: str) -> None:
    assert web(scraper).get("/metrics", headers=ELSEWHERE).status_code == 200
    assert web(scraper).get("/products").json()["data"] == []


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("subject", [None, "analyst", "stranger", "nobody"])
def test_for_others_it_reads_like_an_address_that_does_not_exist(web: Client, subject: str | None, method: str) -> None:
    unknown = f"/{secrets.token_hex(4)}"
    here, there = (web(subject).request(method, path, headers=ELSEWHERE) for path in ("/metrics", unknown))
    assert (here.status_code, here.content) == (there.status_code, there.content)
    assert without_date(here) == without_date(there)


def without_date(answer: httpx.Response) -> list[tuple[str, str]]:
    return [pair for pair in answer.headers.items() if pair[0] != "date"]


@pytest.mark.parametrize(
    ("peer", "status"),
    [
        *((peer, 200) for peer in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1")),
        *((peer, 404) for peer in ("192.0.2.1", "10.0.0.1", "::ffff:192.0.2.1", "2001:db8::1", "fe80::1%eth0")),
    ],
)
def test_who_asks_is_the_peer_of_the_connection(gateway: Gateway, peer: str, status: int) -> None:
    asked = httpx.ASGITransport(application(gateway, ()), client=(peer, 1234))

    async def answer() -> int:
        async with httpx.AsyncClient(transport=asked, base_url="http://gateway") as client:
            return (await client.get("/metrics")).status_code

    assert anyio.run(answer) == status


def test_the_role_is_a_setting(world: World, scraper: str) -> None:
    port = HttpPort(Resettled(world.gateway, metrics_role="watchers"))  # type: ignore[arg-type]
    port.start()
    host, number = port.address
    try:
        asked = httpx.get(f"http://{host}:{number}/metrics", auth=(scraper, f"{scraper}-secret"), headers=ELSEWHERE)
        assert asked.status_code == 404
    finally:
        port.stop()
