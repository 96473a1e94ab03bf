"""Hostile queries of every class through every door, a worker killed among them: honest clients lose nothing by it."""

from __future__ import annotations

from benchmarks import hostile
from benchmarks.bombs import BOMBS
from benchmarks.documents import DOCUMENTS
from benchmarks.door_clients import Place
from gateway.settings import Settings
from tests.ports.command.test_serve import served
from tests.ports.command.test_workers import Deployment

COUNT = len(hostile.DOORS) * max(len(BOMBS), len(DOCUMENTS))


def test_honest_clients_are_answered_rightly_beside_hostile_ones(own_world: Settings) -> None:
    flags = ("--workers", "2", "--compute-s", "1", "--memory-limit", "1GB", "--temp-limit", "1GB")
    with served(own_world, *flags) as (process, base):
        deployment = Deployment(process, base, own_world)
        first = deployment.flight.rstrip(",").rpartition(":")
        place = Place(
            ("127.0.0.1", int(base.rpartition(":")[2])),
            tuple(f"{first[0]}:{int(first[2]) + number}" for number in range(2)),
            ("127.0.0.1", deployment.postgres),
            ("analyst", "analyst-secret"),
            ("steward", "steward-secret"),
            "/products/shop/customers?select=customer_id,region&order=customer_id&limit=20",
            "SELECT count(*), sum(lifetime) FROM shop.customers",
            "SELECT customer_id, region FROM shop.customers ORDER BY 1",
            "{ shop { customers(limit: 20) { customer_id region orders(limit: 2) { amount } } } }",
            {"big": "shop.orders", "small": "shop.customers", "id": "customer_id"}
            | {"space": "shop", "parent": "customers", "child": "orders", "key": "customer_id", "word": "region"},
        )
        found = hostile.show(place, process.pid, COUNT, 1.0)
    assert found.attacked.tried.total() == COUNT
    assert found.broken == []
    for outcome in ("wrong", "lost", "broken"):
        assert found.ended(outcome) == []
    for door in hostile.DOORS:
        assert sum(one.door == door and one.outcome == "right" for one in found.under) > 5
    assert found.peak_bytes < found.idle_bytes + (2 << 30)
