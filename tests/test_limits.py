"""What a product and a rule leave to queries holds at every door, with each door's own refusal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from gateway import Gateway
from gateway.publication.publish import publish
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort
from tests.conftest import World, build
from tests.doors import DOORS, GraphQLDoor, Refusal

ROWS = "SELECT order_id FROM shop.orders"
ENDLESS = "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i FROM r) SELECT sum(i) FROM r"
RULES = """
- {id: analysts-rows, to: {role: analyst}, limit: {maxRows: 100}}
- {id: clerks-time, to: {role: clerk}, limit: {statementTimeout: 300ms}}
- {id: ml-bytes, to: {role: ml}, unless: {subject: analyst}, limit: {maxBytes: 1KB, maxRows: 1000000}}
"""
EXHAUSTED = {"exhausted", "unavailable"}  # Flight has one status for both


@pytest.fixture(scope="module")
def ruled(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("limits")
    shutil.copytree(world.settings.policies, folder, dirs_exist_ok=True)
    (folder / "limits.yaml").write_text(RULES)
    gateway = Gateway(world.settings.model_copy(update={"policies": folder, "max_rows": 1500}))
    yield gateway
    gateway.close()


@pytest.mark.parametrize("name", ["rest", "flightsql", "postgres"])
def test_a_rule_narrows_what_the_deployment_leaves_and_never_widens_it(ruled: Gateway, name: str) -> None:
    door = DOORS[name](ruled)
    try:
        assert door.ask("analyst", f"{ROWS} LIMIT 100").num_rows == 100
        assert door.ask("steward", f"{ROWS} LIMIT 1500").num_rows == 1500
        for subject, text in (("analyst", f"{ROWS} LIMIT 101"), ("steward", ROWS), ("ml", f"{ROWS} LIMIT 1000")):
            with pytest.raises(Refusal) as refusal:
                door.ask(subject, text)
            assert refusal.value.code in EXHAUSTED, (subject, refusal.value)
        with pytest.raises(Refusal, match=r"0\.3 s of computing") as refusal:
            door.ask("clerk", ENDLESS)
        assert refusal.value.code == "timeout"
    finally:
        door.close()


def test_graphql_has_the_same_limits(ruled: Gateway) -> None:
    door = GraphQLDoor(ruled)
    rows = "{ shop { orders(limit: %d) { order_id%s } } }"
    try:
        assert len(door.ask("analyst", rows % (100, ""))["shop"]["orders"]) == 100
        assert len(door.ask("steward", rows % (1000, ""))["shop"]["orders"]) == 1000
        for subject, document in (("analyst", rows % (101, "")), ("ml", rows % (1000, " remark store amount"))):
            with pytest.raises(Refusal) as refusal:
                door.ask(subject, document)
            assert refusal.value.code == "EXHAUSTED"
    finally:
        door.close()


def test_a_product_narrows_what_reads_it(tmp_path: Path) -> None:
    settings = build(tmp_path)
    described = settings.products / "shop" / "shop.odps.yaml"
    more = "  - {property: workspace, vendor: outport, value: {maxRows: 50, memoryLimit: 64MB, threads: 2}}\n"
    text = described.read_text()
    assert "customProperties:\n" not in text
    described.write_text(f"{text}customProperties:\n{more}")
    publish(settings, described.parent)
    gateway = Gateway(settings)
    door = DOORS["python"](gateway)
    try:
        assert door.ask("steward", f"{ROWS} LIMIT 50").num_rows == 50
        assert door.ask("steward", "SELECT * FROM range(60)").num_rows == 60
        assert door.ask("steward", "SELECT count(DISTINCT remark || order_id) FROM shop.orders").num_rows == 1
        with pytest.raises(Refusal, match="more than 50 rows"):
            door.ask("steward", ROWS)
    finally:
        gateway.close()


def test_a_budget_that_is_spent_says_when_to_come_again(world: World) -> None:
    gateway = Gateway(world.settings.model_copy(update={"budget_queries": 2, "budget_window_s": 1e6}))
    rest, postgres = HttpPort(gateway), PostgresPort(gateway)
    rest.start()
    postgres.start()
    try:
        host, number = rest.address
        ask = {"auth": ("steward", "steward-secret"), "json": {"sql": "SELECT 1 AS one"}}
        base = f"http://{host}:{number}/sql"
        assert [httpx.post(base, **ask).status_code for _ in range(2)] == [200, 200]  # type: ignore[arg-type]
        refused = httpx.post(base, **ask)  # type: ignore[arg-type]
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:outport:error:exhausted:budget")
        assert 1 <= int(refused.headers["Retry-After"]) <= 1_000_000
        host, number = postgres.address
        with (
            psycopg.connect(f"host={host} port={number} dbname=outport user=steward password=steward-secret") as wire,
            pytest.raises(psycopg.errors.ConfigurationLimitExceeded, match="budget of 2 queries"),
        ):
            wire.execute("SELECT 1")
    finally:
        rest.stop()
        postgres.stop()
        gateway.close()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{id: x, to: {role: analyst}, limit: {maxRows: none}}", "maxRows none is no limit"),
        ("{id: x, to: {role: analyst}, limit: {}}", "limits are a mapping"),
        ("{id: x, on: {product: shop}, to: {}, limit: {maxRows: 1}}", "on is no part of a limit"),
        ("{id: x, limit: {maxRows: 1}}", "to: is missing"),
        ("{id: x, to: {}, unless: {}, limit: {maxRows: 1}}", "would switch the rule off"),
    ],
)
def test_a_rule_that_is_no_limit_refuses_the_file(world: World, tmp_path: Path, rule: str, said: str) -> None:
    shutil.copytree(world.settings.policies, tmp_path, dirs_exist_ok=True)
    (tmp_path / "limits.yaml").write_text(f"- {rule}\n")
    gateway = Gateway(world.settings.model_copy(update={"policies": tmp_path}))
    try:
        assert any(said in problem for problem in _problems(gateway))
    finally:
        gateway.close()


def _problems(gateway: Gateway) -> tuple[str, ...]:
    try:
        return gateway.ready().problems
    except Exception as error:
        return (str(error), *map(str, getattr(error, "findings", ())), str(error.__cause__))
