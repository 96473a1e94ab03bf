"""The small world of the tests: two products with canaries, a few principals, every door open on loopback.

`door` is a parameter: a sentence that takes it runs through Python, REST and Flight SQL alike.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as examples

from gateway import Gateway, Password
from gateway.publication.publish import publish
from gateway.settings import Settings
from tests.deployment import deployment
from tests.doors import DOORS, Door, GraphQLDoor

if TYPE_CHECKING:
    from tests.mcp_door import McpDoor

# Clients that `make test-clients` installs; a folder that is named on the command line is run all the same.
collect_ignore = ["clients"]
HERE = Path(__file__).parent
# How fast examples are drawn says what else the machine does. They are the same at each run; `make fuzz` draws others.
examples.register_profile(
    "shared machine",
    deadline=None,
    derandomize=not os.environ.get("FUZZ"),
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
examples.load_profile("shared machine")
# The authorities of the web, which no test asks: a client with a context of its own takes 35 ms to read them.
httpx._transports.default.create_ssl_context = functools.cache(httpx._transports.default.create_ssl_context)
# Its five seconds are few where a first page is made while other tests have the cores.
for _wait in ("connect", "read", "write", "pool"):
    setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, _wait, 60.0)
# Begun first where two processes run at once, so that neither waits for the other at the end.
LONGEST = (
    "test_parity", "test_supply_day", "test_docs", "test_attack_matrix", "test_crash_and_swap", "test_workers",
    "test_hostile", "test_security", "test_security_rules", "test_leaks",
)  # fmt: skip
CUSTOMERS = 600
PRINCIPALS: dict[str, dict[str, Any]] = {
    "steward": {"role": ("steward",), "purpose": ("audit",)},
    "analyst": {"role": ("analyst",)},
    "clerk": {"role": ("clerk",), "store": 3},
    "lost-clerk": {"role": ("clerk",)},
    "ml": {"role": ("ml",)},
    "stranger": {},
}


def customers(canary: str = "CANARY", more: int = 0) -> pa.Table:
    """Customers 0..599: even ones in region N, odd ones in S. What an analyst may not see holds `canary`.

    `more` adds that many customers in region S, which changes nothing that an analyst may see.
    """
    ids = [*range(CUSTOMERS), *range(CUSTOMERS + 1, CUSTOMERS + 1 + 2 * more, 2)]
    region = ["N" if i % 2 == 0 else "S" for i in ids]
    start = date(1960, 1, 1)
    return pa.table(
        {
            "customer_id": pa.array(ids, pa.int64()),
            "full_name": [f"{canary if i % 2 else 'Nora'}-name-{i}" for i in ids],
            "email": [f"{canary if i % 2 else 'CANARY'}-mail-{i}@example.com" for i in ids],
            "phone": [f"{canary}-phone-{i}" for i in ids],
            "birth_date": [start + timedelta(days=17 * i + 3) for i in ids],
            "region": region,
            "lifetime": pa.array([Decimal(i) + Decimal("0.25") for i in ids], pa.decimal128(18, 2)),
            "salary": pa.array([70_000_000 + i * len(canary) // 6 for i in ids], pa.int64()),
            "tags": [[f"{canary}-tag-{i}"] if i % 2 else ["plain", None] for i in ids],
            "unsorted": [f"{canary}-unsorted-{i}" for i in ids],
        }
    )


def orders() -> pa.Table:
    """Three orders for each customer, in stores 0..9; every fourth remark is NULL."""
    ids = range(3 * CUSTOMERS)
    noon = datetime(2017, 6, 1, 12)
    return pa.table(
        {
            "order_id": pa.array(ids, pa.int64()),
            "customer_id": pa.array([i // 3 for i in ids], pa.int64()),
            "store": pa.array([i % 10 for i in ids], pa.int32()),
            "amount": pa.array([Decimal(i % 97) + Decimal("0.50") for i in ids], pa.decimal128(18, 2)),
            "ordered_at": pa.array([noon + timedelta(hours=i) for i in ids], pa.timestamp("us")),
            "remark": [None if i % 4 == 0 else f"remark {i}" for i in ids],
        }
    )


def salaries() -> pa.Table:
    """Forty people whom only the steward may see."""
    ids = range(40)
    return pa.table(
        {
            "person_id": pa.array([80_000_000 + i for i in ids], pa.int64()),
            "person": [f"CANARY-person-{i}" for i in ids],
            "pay": pa.array([Decimal(90_000_000 + i) for i in ids], pa.decimal128(18, 2)),
        }
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order files by how long they take."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


@dataclass(frozen=True)
class World:
    """One published deployment and the gateway that serves it."""

    settings: Settings
    gateway: Gateway

    def door(self, name: str) -> Door:
        """The door of that name, open."""
        return DOORS[name](self.gateway)


def build(folder: Path, canary: str = "CANARY", more: int = 0) -> Settings:
    """Copy the world's products and policies to `folder`, write their data, add the principals, publish."""
    shutil.copytree(HERE / "world", folder, dirs_exist_ok=True)
    for product, tables in {
        "shop": {"customers": customers(canary, more), "orders": orders()},
        "hr": {"salaries": salaries()},
    }.items():
        data = folder / "products" / product / "data"
        data.mkdir()
        for name, table in tables.items():
            pq.write_table(table, data / f"{name}.parquet")
    settings = deployment(folder, PRINCIPALS)
    for product in ("shop", "hr"):
        publish(settings, settings.products / product)
    return settings


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    settings = build(tmp_path_factory.mktemp("world"))
    gateway = Gateway(settings)
    yield World(settings, gateway)
    gateway.close()


@pytest.fixture(scope="session")
def gateway(world: World) -> Gateway:
    return world.gateway


@pytest.fixture(scope="session", params=list(DOORS))
def door(request: pytest.FixtureRequest, world: World) -> Iterator[Door]:
    opened = world.door(request.param)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def python_door(world: World) -> Iterator[Door]:
    opened = world.door("python")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def graphql_door(world: World) -> Iterator[GraphQLDoor]:
    opened = GraphQLDoor(world.gateway)
    yield opened
    opened.close()


def password(subject: str) -> Password:
    """The credentials of one of the world's principals."""
    return Password(subject, f"{subject}-secret")


@pytest.fixture(scope="session")
def mcp_door(world: World) -> Iterator[McpDoor]:
    from tests.mcp_door import McpDoor  # the SDK takes a second to load

    opened = McpDoor(world.gateway)
    yield opened
    opened.close()
