"""`/-/refresh` and `/-/refreshes`: who manages a product has it made anew, and reads how that went."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pyarrow as pa
import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.publication.refresher import Refresher
from ports.http.server import HttpPort
from tests.workshop import KEY, STEWARD, Workshop

READERS = {"id": "readers", "on": {"product": "stock"}, "to": {"role": "reader"}, "grant": {"columns": ["*"]}}
MANAGE = {"id": "manage", "on": {"product": "*"}, "to": {"role": "steward"}, "manage": True}
PATH = "/products/stock/-/refresh"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workshop, str]]:
    shop = Workshop(tmp_path_factory.mktemp("refreshes"))
    shop.allow(STEWARD, READERS, MANAGE)
    shop.declare("stock", {"items": {"id": KEY}}, data={"items": pa.table({"id": [1]})})
    shop.publish("stock")
    directory = Directory(shop.settings.principals, load(shop.settings))
    for role in ("steward", "reader", "stranger"):
        directory.add(role, "person", {"role": (role,)}, f"{role}-secret")
    gateway = Gateway(shop.settings)
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    yield shop, f"http://{host}:{number}"
    port.stop()
    gateway.close()


def client(base: str, subject: str) -> httpx.Client:
    return httpx.Client(base_url=base, auth=(subject, f"{subject}-secret"), timeout=60)


def test_who_manages_a_product_has_it_made_anew(web: tuple[Workshop, str]) -> None:
    shop, base = web
    with client(base, "steward") as steward:
        asked = steward.post(PATH)
        assert (asked.status_code, asked.headers["location"]) == (202, "/products/stock/-/refreshes")
        run = asked.json()["data"]["run"]
        assert steward.post(PATH).json()["data"]["run"] == run
        (waiting, *_) = steward.get(f"{PATH}es").json()["data"]
        assert (waiting["run"], waiting["outcome"], waiting["by"]) == (run, "waiting", "steward")
        shop.fill("stock", "items", pa.table({"id": [1, 2]}))
        Refresher(shop.settings).tick()
        (ended,) = steward.get(f"{PATH}es", params={"limit": 1}).json()["data"]
        assert (ended["run"], ended["outcome"], ended["trigger"]) == (run, "published", "request")
        assert steward.get("/products/stock/items").json()["data"] == [{"id": 1}, {"id": 2}]
    kept = b"".join(path.read_bytes() for path in (shop.settings.state / "audit").glob("*.jsonl")).decode()
    assert '"action":"refresh"' in kept.replace(" ", "")


@pytest.mark.parametrize(("subject", "status"), [("reader", 403), ("stranger", 404)])
def test_nobody_else_has_or_reads_it(web: tuple[Workshop, str], subject: str, status: int) -> None:
    _, base = web
    with client(base, subject) as asker:
        assert asker.post(PATH).status_code == asker.get(f"{PATH}es").status_code == status
        unknown = asker.post(PATH.replace("stock", "nothing"))
        assert unknown.status_code == 404
        if status == 404:
            told, other = asker.post(PATH).json(), unknown.json()
            assert told["detail"].replace("stock", "nothing") == other["detail"]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "limit=1&limit=2", "other=1"])
def test_what_is_not_understood_is_refused(web: tuple[Workshop, str], query: str) -> None:
    _, base = web
    with client(base, "steward") as steward:
        assert steward.get(f"{PATH}es?{query}").status_code == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://other.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 202),
        ({"Origin": "HERE"}, 202),
    ],
)
def test_a_page_of_another_site_asks_for_nothing(
    web: tuple[Workshop, str], headers: dict[str, str], status: int
) -> None:
    _, base = web
    with client(base, "steward") as steward:
        told = {name: base if value == "HERE" else value for name, value in headers.items()}
        assert steward.post(PATH, headers=told).status_code == status


def test_who_is_nobody_asks_for_nothing(web: tuple[Workshop, str]) -> None:
    _, base = web
    assert httpx.post(f"{base}{PATH}").status_code == 401
