"""Several products are published by one request: all at one moment or none, by who manages each of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.operations import lifecycle
from gateway.policies.explain import explain
from gateway.publication.child import lock
from ports.http.server import HttpPort
from tests.workshop import KEY, Workshop, column

SEEN = {"role": ["boss", "reader", "other"]}
RULES: list[dict[str, Any]] = [
    {"id": "seen", "on": {"product": ["base", "made", "other"]}, "to": SEEN, "grant": {"columns": ["*"]}},
    {"id": "made-reads", "on": {"product": "base"}, "to": {"subject": "product:made"}, "grant": {"columns": ["*"]}},
    {
        "id": "some",
        "on": {"product": ["base", "made"]},
        "to": {"role": "half"},
        "grant": {"columns": ["*"], "rows": "id = 1"},
    },
    {"id": "looks", "to": {"role": ["boss", "half"]}, "simulate": {"for": {"role": "reader"}}},
    {"id": "half", "on": {"product": "made"}, "to": {"role": "half"}, "manage": True},
    {"id": "managed", "on": {"product": ["base", "made", "hidden"]}, "to": {"role": "boss"}, "manage": True},
]
ROWS = pa.table({"id": pa.array([1, 2], pa.int64()), "amount": pa.array([10, 20], pa.int64())})


@dataclass(frozen=True)
class Desk:
    """A deployment of four products, of which one is made of another."""

    shop: Workshop
    client: httpx.Client
    gateway: Gateway

    def allow(self, *rules: Mapping[str, Any]) -> None:
        """Put other rules in force."""
        before = self.gateway.pin().policies
        self.shop.allow(*rules)
        deadline = time.monotonic() + 60
        while self.gateway.pin().policies is before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.gateway.pin().policies is not before

    def ask(self, method: str, names: str, login: str = "boss", **more: Any) -> httpx.Response:
        asked = [("product", name) for name in names.split()]
        act = "plan" if method == "GET" else "apply"
        return self.client.request(method, f"/-/{act}", params=asked, auth=(login, f"{login}-secret"), **more)

    def apply(self, names: str, login: str = "boss", **more: Any) -> httpx.Response:
        return self.ask("POST", names, login, **more)

    def versions(self) -> dict[str, str]:
        listed = self.client.get("/products", auth=("boss", "boss-secret")).json()["data"]
        return {one["name"]: one["version"] for one in listed}

    def managed(self) -> list[dict[str, Any]]:
        files = sorted((self.shop.settings.state / "audit").glob("*.jsonl"))
        lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
        return [one for one in lines if one["event"] == "product_managed"]


def declare(shop: Workshop, version: str = "1.0.0", amount: str = "amount", times: int = 2) -> None:
    """A product, which has promised to be there, and one that is made of it."""
    shop.declare(
        "base", {"facts": {"id": KEY, amount: column()}}, data={"facts": ROWS.rename_columns(["id", amount])},
        version=version, status="active",
    )  # fmt: skip
    shop.declare(
        "made", {"sums": {"id": KEY, "amount": column()}}, inputs=["base"],
        models={"sums": f"SELECT id, {amount} * {times} AS amount FROM base.facts"},
    )  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    shop = Workshop(tmp_path)
    for name in ("other", "hidden"):
        shop.declare(name, {"facts": {"id": KEY, "amount": column()}}, data={"facts": ROWS})
        shop.publish(name)
    declare(shop)
    shop.allow(*RULES)
    for name in ("base", "made"):
        shop.publish(name)
    directory = Directory(shop.settings.principals, load(shop.settings))
    for name in ("boss", "reader", "other", "half"):
        directory.add(name, "person", {"role": (name,)}, f"{name}-secret")
    gateway = Gateway(shop.settings)
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", timeout=60) as client:
        yield Desk(shop, client, gateway)
    port.stop()
    gateway.close()


def test_all_are_served_at_once_each_after_what_it_reads_and_the_same_again_changes_nothing(desk: Desk) -> None:
    declare(desk.shop, "1.1.0", times=3)
    desk.shop.fill("base", "facts", pa.table({"id": [1, 2], "amount": [100, 200]}))
    done = desk.apply("made base")
    assert done.status_code == 200, done.text
    first = done.json()["data"]
    assert [(one["name"], one["version"]) for one in first] == [("made", "1.0.0"), ("base", "1.1.0")]
    rows = desk.client.get("/products/made/sums?select=amount", auth=("reader", "reader-secret")).json()["data"]
    assert sorted(one["amount"] for one in rows) == [300, 600]
    assert desk.apply("made base", json={}).json()["data"] == first
    acts = [(one["subject"], one["action"], one["products"], one["what"]) for one in desk.managed()]
    assert acts[:2] == [("boss", "apply", ["made"], "with base"), ("boss", "apply", ["base"], "with made")]


def test_what_breaks_readers_is_refused_with_who_has_used_it_and_nothing_is_published(desk: Desk) -> None:
    before = desk.versions()
    for _ in range(2):
        assert desk.client.get("/products/base/facts?select=amount", auth=("reader", "reader-secret")).is_success
    declare(desk.shop, amount="total", times=5)
    refused = desk.apply("made base")
    told = refused.json()
    assert (refused.status_code, told["type"]) == (409, "urn:outport:error:bad_query:breaks")
    assert "base: facts.amount: the column is gone (used by reader" in told["detail"]
    assert told["hint"].endswith("base 2.0.0")
    assert desk.versions() == before
    rows = desk.client.get("/products/made/sums?select=amount", auth=("reader", "reader-secret")).json()["data"]
    assert sorted(one["amount"] for one in rows) == [20, 40]
    alone = desk.client.post("/products/base/-/apply", auth=("boss", "boss-secret"))
    assert (alone.status_code, alone.json()["detail"]) == (409, told["detail"])
    declare(desk.shop, "2.0.0", amount="total", times=5)
    assert desk.apply("base").status_code == 200
    old = desk.client.get("/products/base@1/facts?select=amount", auth=("reader", "reader-secret"))
    assert [one["amount"] for one in old.json()["data"]] == [10, 20]


def test_one_that_is_not_fit_keeps_back_all_and_every_finding_is_told(desk: Desk) -> None:
    declare(desk.shop, "1.1.0", times=7)
    before = desk.versions()
    desk.shop.fill("base", "facts", pa.table({"id": [1, 1], "amount": [100, 200]}))
    unfit = desk.apply("base made")
    assert (unfit.status_code, unfit.json()["code"]) == (400, "bad_query")
    for name in ("base", "made"):
        path = desk.shop.settings.products / name / f"{name}.odcs.yaml"
        path.write_text(path.read_text().replace("BIGINT", "NOTHING"))
    detail = desk.apply("base made").json()["detail"]
    assert detail.count("NOTHING") > 2
    assert str(desk.shop.settings.products) not in detail
    assert desk.versions() == before


def test_nobody_publishes_with_one_that_another_manages(desk: Desk) -> None:
    declare(desk.shop, "1.1.0", times=3)
    before = desk.versions()
    seen = [desk.apply(names, login) for names, login in (("base other", "boss"), ("base", "reader"))]
    assert [(one.status_code, one.json()["detail"]) for one in seen] == [
        (403, f'to manage "{name}" is not granted to you') for name in ("other", "base")
    ]
    # A rule that speaks of a product gives nothing to who does not see it.
    unseen = [desk.apply(f"base {name}") for name in ("hidden", "nothing")]
    assert [(one.status_code, one.json()["detail"]) for one in unseen] == [
        (404, f'product "{name}" does not exist') for name in ("hidden", "nothing")
    ]
    assert desk.client.post("/-/apply?product=base").status_code == 401
    for names, more in (("", {}), ("base", {"json": {"force": "x"}}), ("base", {"content": b"["})):
        assert desk.apply(names, **more).status_code == 400
    assert desk.client.post("/-/apply?product=base&force=1", auth=("boss", "boss-secret")).status_code == 400
    foreign = desk.apply("base made", headers={"Origin": "https://evil.example"})
    assert (foreign.status_code, foreign.json()["type"]) == (403, "urn:outport:error:forbidden:origin")
    assert desk.versions() == before
    assert desk.managed() == []


def test_the_document_tells_of_it_to_who_manages_something(desk: Desk) -> None:
    boss, reader = (
        desk.client.get("/openapi.json", auth=(name, f"{name}-secret")).json()["paths"] for name in ("boss", "reader")
    )
    (named, *_) = boss["/-/apply"]["post"]["parameters"]
    assert named["schema"]["items"]["enum"] == ["base", "made"]
    assert "409" in boss["/-/apply"]["post"]["responses"]
    assert "/-/apply" not in reader


def without_sums(shop: Workshop) -> None:
    """A table of `made` goes: whoever sees rows of it loses them."""
    shop.declare(
        "made", {"totals": {"id": KEY, "amount": column()}}, inputs=["base"],
        models={"totals": "SELECT id, amount FROM base.facts"},
    )  # fmt: skip
    (shop.settings.products / "made" / "models" / "sums.sql").unlink()


@pytest.mark.parametrize(
    ("grant", "more", "rows"),
    [
        ({"columns": ["*"]}, [], 1),
        ({"columns": ["*"], "actions": ["metadata"]}, [], None),
        ({"columns": ["*"]}, [{"use": {"columns": ["id"], "as": "aggregate", "k": 5, "entity": "id"}}], None),
        ({"columns": ["*"]}, [{"mask": {"columns": ["id"], "with": "null"}}], None),
    ],
    ids=["whole", "metadata alone", "aggregates alone", "masked"],
)
def test_rows_are_counted_for_who_could_count_them(
    desk: Desk, grant: dict[str, Any], more: list[dict[str, Any]], rows: int | None
) -> None:
    without_sums(desk.shop)
    on, boss = {"product": "made"}, {"role": "boss"}
    desk.allow(
        *(one for one in RULES if one["id"] not in {"seen", "some"}),
        {"id": "reads", "on": on, "to": {"role": "reader"}, "grant": {"columns": ["*"], "rows": "id > 1"}},
        {"id": "sees", "on": on, "to": boss, "grant": grant},
        *({"id": "less", "on": on, "to": boss, **one} for one in more),
    )
    access = {one["table"]: one for one in desk.ask("GET", "made").json()["data"]["access"]}
    assert (access["made.sums"]["subject"], access["made.sums"]["rows_lost"]) == ("reader", rows)


def test_a_plan_tells_of_others_what_who_asks_may_look_at(desk: Desk) -> None:
    without_sums(desk.shop)
    told = {who: desk.ask("GET", "made", who).json()["data"] for who in ("boss", "half")}
    for who, rows in (("boss", 2), ("half", None)):
        access = {one["table"]: one for one in told[who]["access"]}
        # The other one, the boss and the half are none whose access these may look at.
        assert {one["subject"] for one in told[who]["access"]} == {"reader"}
        assert set(access) == {"made.sums", "made.totals"}
        assert (access["made.sums"]["loses"], access["made.totals"]["gains"]) == (["id", "amount"],) * 2
        assert access["made.sums"]["rows_lost"] == rows, "counted only where who asks could count them"
    files = sorted((desk.shop.settings.state / "audit").glob("*.jsonl"))
    lines = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    looked = [one for one in lines if one["event"] == "access_explained"]
    assert [(one["subject"], one["looked_at"], one["products"]) for one in looked] == [
        (who, ["reader"], ["made"]) for who in ("boss", "half")
    ]


def test_a_plan_asks_about_nobody_whom_its_reader_may_not_look_at(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    without_sums(desk.shop)
    asked: set[tuple[str, str]] = set()

    def noted(policies: Any, principal: Any, product: Any, *rest: Any) -> Any:
        asked.add((principal.subject, product.name))
        return explain(policies, principal, product, *rest)

    monkeypatch.setattr(lifecycle, "explain", noted)
    assert desk.ask("GET", "made").json()["data"]["access"]
    assert asked == {("reader", "made")}, "nobody else, and of no other product"
    asked.clear()
    desk.allow(*(one for one in RULES if one["id"] != "looks"))
    assert "access" not in desk.ask("GET", "made").json()["data"]
    assert asked == set()


def test_that_another_publication_runs_is_told_without_what_it_publishes(desk: Desk) -> None:
    with lock(desk.shop.settings.state, "hidden"):
        for path in ("/-/apply?product=base", "/products/base/-/retire"):
            busy = desk.client.post(path, auth=("boss", "boss-secret"))
            assert (busy.status_code, busy.json()["type"]) == (503, "urn:outport:error:unavailable:busy")
            assert "hidden" not in busy.text
            assert "process" not in busy.text


def test_who_manages_one_version_plans_publishes_and_deletes_no_other(desk: Desk) -> None:
    desk.allow(
        *RULES, {"id": "old", "on": {"product": "base", "version": "1"}, "to": {"role": "other"}, "manage": True}
    )
    assert desk.apply("base", "other").status_code == 200
    declare(desk.shop, "2.0.0", amount="total")
    for told in (desk.ask("GET", "base", "other"), desk.apply("base", "other")):
        assert (told.status_code, told.json()["detail"]) == (403, 'to manage "base" is not granted to you')
    assert desk.versions()["base"] == "1.0.0"
    assert desk.apply("base").status_code == 200
    rest = [one for one in RULES if one["id"] != "managed"]
    desk.allow(*rest, {"id": "new", "on": {"product": "base", "version": "2"}, "to": {"role": "other"}, "manage": True})
    gone = desk.client.delete("/products/base?force=all", auth=("other", "other-secret"))
    assert (gone.status_code, gone.json()["detail"]) == (403, 'to manage "base" is not granted to you')
    assert desk.apply("base", "other").status_code == 200


def test_who_owns_one_version_accepts_no_draft_of_another(desk: Desk) -> None:
    accepting = {"id": "accepts", "on": {"product": "base", "version": "1"}, "to": {"role": "boss"}, "accept": True}
    desk.allow(*RULES, accepting)
    declare(desk.shop, "2.0.0", amount="total")
    folder = desk.shop.settings.products / "base" / "base.odps.yaml"
    folder.write_text(folder.read_text().replace("status: active", "status: draft"))
    assert desk.apply("base").status_code == 200, desk.apply("base").text
    before = folder.read_text()
    for name in ("base", "base@1"):
        refused = desk.client.post(f"/products/{name}/-/promote", auth=("boss", "boss-secret"))
        assert refused.status_code in {400, 403, 404}, refused.text
    assert folder.read_text() == before
