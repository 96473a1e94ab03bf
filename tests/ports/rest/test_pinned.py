"""Over a publication: cursors and pins answer from their snapshot while it is kept, and are 410 afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.http.server import HttpPort
from tests.workshop import KEY, Workshop, column

TABLE = {"id": {**KEY}, "stamp": column("INTEGER")}
SEEN = {"id": "all", "on": {"product": "*"}, "to": {"role": ["steward", "other"]}, "grant": {"columns": ["*"]}}


@dataclass(frozen=True)
class Shop:
    """A deployment of two products behind a real server."""

    made: Workshop
    client: httpx.Client

    def publish(self, product: str, stamp: int) -> str:
        self.made.fill(product, "t", table(stamp))
        return self.made.publish(product).id

    def stamps(self, address: str, **more: Any) -> set[int]:
        answer = self.client.get(address, **more)
        assert answer.status_code == 200, answer.text
        return {row["stamp"] for row in answer.json()["data"]}


def table(stamp: int) -> pa.Table:
    return pa.table({"id": range(50), "stamp": pa.array([stamp] * 50, pa.int32())})


def served(folder: Path, retain_s: int) -> Iterator[Shop]:
    made = Workshop(folder, retain_s=float(retain_s) or 1e-6)
    made.allow(SEEN)
    for product in ("one", "two"):
        made.declare(product, {"t": TABLE}, data={"t": table(0)}, custom={"retainSeconds": retain_s})
    made.settings.state.mkdir()
    directory = Directory(made.settings.principals, load(made.settings))
    for subject in ("steward", "other", "stranger"):
        directory.add(subject, "person", {"role": (subject,)}, "secret")
    for product in ("one", "two"):
        made.publish(product)
    gateway = Gateway(made.settings)
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", auth=("steward", "secret")) as client:
        yield Shop(made, client)
    port.stop()
    gateway.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    yield from served(tmp_path, 600)


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[Shop]:
    yield from served(tmp_path, 0)


def test_a_cursor_goes_on_in_its_snapshot_after_a_publication(shop: Shop) -> None:
    first = shop.client.get("/products/one/t?limit=20")
    shop.publish("one", 1)
    assert shop.stamps("/products/one/t") == {1}
    ids, answer = [row["id"] for row in first.json()["data"]], first
    while (following := answer.json()["next"]) is not None:
        answer = shop.client.get(f"/products/one/t?limit=20&cursor={following}")
        states = [one.headers["x-outport-products"].partition(";age=")[0] for one in (answer, first)]
        assert states[0] == states[1]
        assert {row["stamp"] for row in answer.json()["data"]} == {0}
        ids += [row["id"] for row in answer.json()["data"]]
    assert ids == list(range(50))
    stream = shop.client.get(f"/products/one/t?format=csv&cursor={first.json()['next']}")
    assert set(stream.text.splitlines()[1:]) == {f"{i},0" for i in range(20, 50)}


def test_a_cursor_is_gone_with_its_snapshot(forgetful: Shop) -> None:
    following = forgetful.client.get("/products/one/t?limit=20").json()["next"]
    forgetful.publish("one", 1)
    answer = forgetful.client.get(f"/products/one/t?limit=20&cursor={following}")
    assert answer.status_code == 410
    assert answer.json()["code"] == "expired"


def test_a_cursor_and_another_snapshot_exclude_each_other(shop: Shop) -> None:
    address = "/products/one/t?limit=20"
    answer = shop.client.get(address)
    own, following = snapshot(answer), answer.json()["next"]
    other = shop.publish("one", 1)
    assert shop.client.get(f"{address}&cursor={following}&snapshot={other}").status_code == 400
    assert shop.stamps(f"{address}&cursor={following}&snapshot={own}") == {0}
    elsewhere = snapshot(shop.client.get("/products/two/t"))
    assert shop.stamps(f"{address}&cursor={following}&snapshot={elsewhere}") == {0}


def test_every_address_takes_a_snapshot(shop: Shop) -> None:
    own = snapshot(shop.client.get("/products/one/t"))
    shop.publish("one", 1)
    for address in ("/products/one/t", "/products/one@1/t", "/products/one/t?format=json"):
        assert shop.stamps(address) == {1}
        mark = "&" if "?" in address else "?"
        assert shop.stamps(f"{address}{mark}snapshot={own}") == {0}
        assert shop.stamps(address, headers={"X-Outport-Snapshot": own}) == {0}
    assert shop.client.get(f"/products/one/t/7?snapshot={own}").json()["data"]["stamp"] == 0
    assert shop.client.get(f"/products/one?snapshot={own}").json()["data"]["snapshot"] == own
    body = {"table": "t", "snapshot": own}
    assert shop.client.post("/products/one/-/query", json=body).json()["data"][0]["stamp"] == 0
    statement = {"sql": "SELECT DISTINCT stamp FROM one.t"}
    assert shop.client.post(f"/sql?snapshot={own}", json=statement).json()["data"] == [{"stamp": 0}]
    assert shop.client.post("/sql", json=statement).json()["data"] == [{"stamp": 1}]


def test_several_snapshots_make_one_state_of_several_products(shop: Shop) -> None:
    ids = [snapshot(shop.client.get(f"/products/{product}/t")) for product in ("one", "two")]
    for product in ("one", "two"):
        shop.publish(product, 1)
    statement = {"sql": "SELECT DISTINCT a.stamp + b.stamp AS stamp FROM one.t a JOIN two.t b USING (id)"}

    def asked(pinned: list[str]) -> int:
        header = {"X-Outport-Snapshot": ", ".join(pinned)} if pinned else {}
        answer = shop.client.post("/sql", json=statement, headers=header)
        found: int = answer.json()["data"][0]["stamp"]
        return found

    assert [asked(ids), asked(ids[:1]), asked([])] == [0, 1, 2]


def test_a_pin_or_cursor_gives_nobody_else_anything(shop: Shop) -> None:
    address = "/products/one/t?limit=20"
    answer = shop.client.get(address)
    own, following = snapshot(answer), answer.json()["next"]
    shop.publish("one", 1)
    for unknown in (own, own[::-1]):
        refused = shop.client.get(f"{address}&snapshot={unknown}", auth=("stranger", "secret"))
        assert (refused.status_code, refused.json()["detail"]) == (404, "this snapshot does not exist")
    for subject in ("other", "stranger"):
        refused = shop.client.get(f"{address}&cursor={following}", auth=(subject, "secret"))
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_query")


@pytest.mark.parametrize("given", ["", ",", "a,,b", ",".join(["x"] * 101)])
def test_a_snapshot_that_is_no_id_is_refused_with_where_ids_are_found(shop: Shop, given: str) -> None:
    answer = shop.client.get("/products/one/t", params={"snapshot": given})
    assert answer.status_code == 400
    assert "X-Outport-Products" in answer.json()["hint"]
    assert shop.client.get("/products/one/t?snapshot=a&snapshot=b").status_code == 400


def snapshot(answer: httpx.Response) -> str:
    """The id of the only snapshot that an answer comes from."""
    state = dict(part.split("=") for part in answer.headers["x-outport-products"].split(";")[1:])
    return state["snapshot"]
