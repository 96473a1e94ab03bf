"""What may be kept of an answer: decided anew each time, for one principal, and not computed again while it holds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.serving.running import ANYBODY, Asker, Slots
from ports.http.server import HttpPort
from tests.workshop import KEY, Workshop, column

TABLE = {"id": {**KEY}, "stamp": column("INTEGER"), "name": column("VARCHAR")}
SEEN = {"id": "all", "on": {"product": "*"}, "to": {"role": ["one", "other"]}, "grant": {"columns": ["*"]}}
KINDS = {
    "page": "/products/shop/t?limit=5",
    "filtered": "/products/shop/t?stamp=eq.0&order=name.desc",
    "counted": "/products/shop/t?stamp=eq.0&limit=7",
    "grouped": "/products/shop/t?select=stamp,count()",
    "csv": "/products/shop/t?format=csv",
    "arrow": "/products/shop/t?format=arrow",
    "key": "/products/shop/t/7",
    "product": "/products/shop",
    "products": "/products",
}


class Shop:
    """One product behind a real server, for two principals with the same rights."""

    def __init__(self, folder: Path) -> None:
        self.made = Workshop(folder)
        self.made.allow(SEEN)
        self.made.declare("shop", {"t": TABLE}, data={"t": self.table(0)})
        self.made.settings.state.mkdir()
        self.directory = Directory(self.made.settings.principals, load(self.made.settings))
        for subject in ("one", "other"):
            self.directory.add(subject, "person", {"role": (subject,), "purpose": ("audit",)}, "secret")
        self.made.publish("shop")
        self.gateway = Gateway(self.made.settings)
        self.port = HttpPort(self.gateway)
        self.port.start()
        host, number = self.port.address
        self.client = httpx.Client(base_url=f"http://{host}:{number}")

    def close(self) -> None:
        self.client.close()
        self.port.stop()
        self.gateway.close()

    def table(self, stamp: int) -> pa.Table:
        stamps = pa.array([stamp] * 50, pa.int32())
        return pa.table({"id": range(50), "stamp": stamps, "name": [f"n{i}" for i in range(50)]})

    def publish(self, stamp: int) -> None:
        self.made.fill("shop", "t", self.table(stamp))
        self.made.publish("shop")

    def get(self, address: str, tag: str | None = None, subject: str = "one", **headers: str) -> httpx.Response:
        held = {} if tag is None else {"If-None-Match": tag}
        return self.client.get(address, auth=(subject, "secret"), headers={**held, **headers})

    def tag(self, address: str, subject: str = "one", **headers: str) -> str:
        answer = self.get(address, subject=subject, **headers)
        assert answer.is_success, answer.text
        return answer.headers["etag"]

    def record(self, answer: httpx.Response) -> dict[str, Any]:
        """The audit's record of a query."""
        asked = answer.headers["x-outport-query-id"]
        lines = [line for file in self.made.settings.audit.iterdir() for line in file.read_text().splitlines()]
        (line,) = [line for line in lines if asked in line]
        found: dict[str, Any] = json.loads(line)
        return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop in which nothing changes."""
    opened = Shop(tmp_path_factory.mktemp("shop"))
    yield opened
    opened.close()


@pytest.fixture
def changing(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One entry for each turn at the engine that anything takes."""
    taken: list[object] = []
    take = Slots.take

    def counted(slots: Slots, wait_s: float | None, asker: Asker = ANYBODY) -> None:
        taken.append(slots)
        take(slots, wait_s, asker)

    monkeypatch.setattr(Slots, "take", counted)
    return taken


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_unchanged_is_not_computed_again(shop: Shop, turns: list[object], kind: str) -> None:
    more = {"Prefer": "count=exact"} if kind == "counted" else {}
    first = shop.get(KINDS[kind], **more)
    assert first.headers["etag"].startswith('W/"')
    assert first.headers["cache-control"] == "private, no-cache"
    turns.clear()
    again = shop.get(KINDS[kind], first.headers["etag"], **more)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "private, no-cache"
    assert again.headers["vary"] == first.headers["vary"]
    assert "content-type" not in again.headers
    assert turns == []


@pytest.mark.parametrize("kind", ["page", "csv", "key"])
def test_an_unchanged_answer_is_on_record(shop: Shop, kind: str) -> None:
    again = shop.get(KINDS[kind], shop.tag(KINDS[kind]))
    record = shop.record(again)
    assert (record["outcome"], record["rows"], record["bytes"]) == ("unchanged", 0, 0)
    assert record["subject"] == "one"
    assert record["rules"] == ["all"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_principals_share_a_tag(shop: Shop, kind: str) -> None:
    mine = shop.tag(KINDS[kind])
    assert mine != shop.tag(KINDS[kind], "other")
    assert shop.get(KINDS[kind], mine, "other").status_code == 200


def test_each_question_format_and_purpose_has_a_tag_of_its_own(shop: Shop) -> None:
    asked = [shop.tag(address) for address in KINDS.values()]
    asked += [shop.tag("/products/shop/t?limit=6"), shop.tag("/products/shop/t?limit=5&offset=1")]
    asked += [shop.tag("/products/shop/t?stamp=eq.1"), shop.tag("/products/shop/t/8")]
    asked += [shop.tag("/products/shop/t?limit=5&int64=string"), shop.tag("/products/shop/t?format=ndjson")]
    asked += [shop.tag(KINDS["page"], Prefer="count=exact"), shop.tag(KINDS["page"], **{"X-Outport-Purpose": "audit"})]
    assert len(set(asked)) == len(asked)
    assert shop.tag(KINDS["page"]) == shop.tag(KINDS["page"])


def test_a_publication_changes_every_tag(changing: Shop) -> None:
    before = {address: changing.tag(address) for address in KINDS.values()}
    changing.publish(0)
    for address, tag in before.items():
        after = changing.get(address, tag)
        assert after.is_success
        assert after.status_code != 304
        assert after.headers["etag"] != tag


OF_POLICY = ("page", "csv", "key", "product")


def test_an_edit_of_the_policy_changes_the_tags(changing: Shop) -> None:
    before = {KINDS[kind]: changing.tag(KINDS[kind]) for kind in OF_POLICY}
    cut = {"id": "cut", "on": {"product": "shop"}, "to": {}, "mask": {"columns": ["name"], "with": "null"}}
    changing.made.allow(SEEN, cut)
    for address, tag in before.items():
        answer = until(partial(changing.get, address, tag), 200)
        assert answer.headers["etag"] != tag


def test_who_has_lost_the_right_has_lost_what_was_kept(changing: Shop) -> None:
    held = {KINDS[kind]: changing.tag(KINDS[kind]) for kind in OF_POLICY}
    changing.made.allow({**SEEN, "to": {"role": ["other"]}})
    for address, tag in held.items():
        refused = until(partial(changing.get, address, tag), 404)
        assert refused.headers["cache-control"] == "private, no-store"
    changing.directory.remove("one")
    for address, tag in held.items():
        refused = until(partial(changing.get, address, tag), 401)
        assert refused.headers["cache-control"] == "private, no-store"


def until(ask: Any, status: int) -> httpx.Response:
    """The first answer with that status: an edit is in force within a second."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer: httpx.Response = ask()
        if answer.status_code == status:
            return answer
    pytest.fail(f"never answered by {status}")


def test_what_an_edge_kept_is_compared_weakly_and_among_several(shop: Shop) -> None:
    address = KINDS["page"]
    strong = shop.tag(address).removeprefix("W/")
    for held in (strong, f'"a", W/{strong}', f'W/"x,y",{strong},"z"', "*"):
        assert shop.get(address, held).status_code == 304, held
    for held in ('"a"', strong.strip('"'), "", f"x{strong[:-2]}", '"*"'):
        assert shop.get(address, held).status_code == 200, held
    assert shop.get("/products/shop/t/999", "*").status_code == 404
    assert shop.get("/products/shop/t/7", "*").status_code == 304
    assert shop.get("/products/shop/t?nothing=eq.1", strong).status_code == 400


def test_a_coding_does_not_change_the_tag(shop: Shop) -> None:
    plain = shop.tag("/products/shop/t", **{"Accept-Encoding": "identity"})
    packed = shop.get("/products/shop/t", **{"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["etag"] == plain


@pytest.mark.parametrize("kind", KINDS)
def test_head_has_the_tag_of_get(shop: Shop, turns: list[object], kind: str) -> None:
    tag = shop.tag(KINDS[kind])
    turns.clear()
    head = shop.client.head(KINDS[kind], auth=("one", "secret"))
    assert (head.status_code, head.headers["etag"]) == (200, tag)
    assert kind == "key" or turns == []
    held = shop.client.head(KINDS[kind], auth=("one", "secret"), headers={"If-None-Match": tag})
    assert held.status_code == 304


def test_what_is_asked_by_a_body_is_never_kept(shop: Shop) -> None:
    asked = {"sql": "SELECT random() FROM shop.t"}, {"table": "t", "limit": 3}
    for path, body in zip(("/sql", "/products/shop/-/query"), asked, strict=True):
        answer = shop.client.post(path, json=body, auth=("one", "secret"), headers={"If-None-Match": "*"})
        assert answer.status_code == 200
        assert "etag" not in answer.headers
        assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("address", ["/openapi.json", "/products/shop/-/openapi.json"])
def test_the_interface_is_kept_by_each_for_itself(shop: Shop, address: str) -> None:
    tag = shop.tag(address)
    assert shop.get(address, tag).status_code == 304
    assert shop.get(address, tag, "other").status_code == 200


def test_rows_say_what_describes_them(shop: Shop) -> None:
    for address in ("/products/shop/t?limit=5", "/products/shop@1/t/7", "/products/shop/t?format=csv"):
        answer = shop.get(address)
        described = answer.links["describedby"]["url"]
        assert shop.get(described).json()["data"]["name"] == "shop"
        interface = shop.get(answer.links["service-desc"]["url"]).json()
        assert interface["openapi"].startswith("3.1")
    assert "next" in shop.get("/products/shop/t?limit=5").links
