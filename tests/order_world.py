"""A world for paths and times: orders with two addresses and a customer, whose regions lie further on.

Orders are placed at moments around the nights in which clocks change; `steward` sees all, `far` no region's name and no
order's shipping.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.settings import Settings
from tests.workshop import KEY, STEWARD, Workshop, column

ORDERS = 400
SUBJECTS = ("steward", "far")


def _refers(to: str) -> dict[str, Any]:
    return column("BIGINT", relationships=[{"to": to}])


def _time(zone: str) -> dict[str, Any]:
    grains = {"property": "grains", "vendor": "outport", "value": ["hour", "day", "week", "month", "quarter", "year"]}
    told = [grains, {"property": "timeZone", "vendor": "outport", "value": zone}]
    return {"semanticType": "dimension", "customProperties": told}


_MOMENT = "TIMESTAMP WITH TIME ZONE"
TABLES = {
    "orders": {
        "order_id": KEY,
        "billing_id": _refers("addresses.address_id"),
        "shipping_id": _refers("addresses.address_id"),
        "customer_id": _refers("customers.customer_id"),
        "amount": column("DECIMAL(18,2)"),
        "placed_at": column(_MOMENT) | _time("Europe/Vienna"),
        "placed_west": _time("America/Los_Angeles") | {"transformLogic": "placed_at"},
        "placed_east": _time("Pacific/Auckland") | {"transformLogic": "placed_at"},
        "revenue": {"semanticType": "measure", "transformLogic": "sum(amount)"},
        "order_count": {"semanticType": "measure", "transformLogic": "count(*)"},
    },
    "addresses": {
        "address_id": KEY,
        "city": column("VARCHAR"),
        "region_id": _refers("regions.region_id"),
    },
    "customers": {
        "customer_id": KEY,
        "name": column("VARCHAR"),
        "manager_id": _refers("customers.customer_id"),
        "region_id": _refers("regions.region_id"),
        "customer_count": {"semanticType": "measure", "transformLogic": "count(*)"},
    },
    "regions": {
        "region_id": KEY,
        "name": column("VARCHAR"),
        "country": column("VARCHAR"),
        "place": {"semanticType": "dimension", "transformLogic": "country || '/' || name"},
    },
}
_RULES = [
    STEWARD,
    {"id": "far", "on": {"product": "trade"}, "to": {"role": "far"}, "grant": {"columns": ["*"]}},
    {"id": "name", "on": {"product": "trade", "table": "regions"}, "to": {"role": "far"},
     "hide": {"columns": ["name"]}},
    {"id": "to", "on": {"product": "trade", "table": "orders"}, "to": {"role": "far"},
     "hide": {"columns": ["shipping_id"]}},
]  # fmt: skip


def _moment(number: int) -> datetime:
    """Half-hours around the changes of clocks of Vienna, and days all over two years."""
    if number < 160:
        night = datetime(2017, 3, 25, 20) if number < 80 else datetime(2017, 10, 28, 20)
        return night.replace(tzinfo=UTC) + timedelta(minutes=20 * (number % 80))
    return datetime(2016, 12, 28, 7, tzinfo=UTC) + timedelta(hours=71 * (number - 160))


def rows() -> dict[str, pa.Table]:
    """The rows; some orders have no address, no customer, or no amount."""
    ids, small = range(ORDERS), range(12)
    return {
        "orders": pa.table(
            {
                "order_id": pa.array(ids, pa.int64()),
                "billing_id": pa.array([None if i % 29 == 0 else i * 5 % 12 for i in ids], pa.int64()),
                "shipping_id": pa.array([None if i % 23 == 0 else i * 7 % 12 for i in ids], pa.int64()),
                "customer_id": pa.array([None if i % 31 == 0 else i * 11 % 12 for i in ids], pa.int64()),
                "amount": pa.array(
                    [None if i % 19 == 0 else Decimal(i * 37 % 9000) / 100 for i in ids], pa.decimal128(18, 2)
                ),
                "placed_at": pa.array([_moment(i) for i in ids], pa.timestamp("us", tz="UTC")),
            }
        ),
        "addresses": pa.table(
            {
                "address_id": pa.array(small, pa.int64()),
                "city": [f"c{i % 7}" for i in small],
                "region_id": pa.array([None if i == 5 else i % 4 for i in small], pa.int64()),
            }
        ),
        "customers": pa.table(
            {
                "customer_id": pa.array(small, pa.int64()),
                "name": [f"n{i}" for i in small],
                "manager_id": pa.array([None if i < 2 else i // 3 for i in small], pa.int64()),
                "region_id": pa.array([i % 4 for i in small], pa.int64()),
            }
        ),
        "regions": pa.table(
            {
                "region_id": pa.array(range(4), pa.int64()),
                "name": ["north", "south", "east", "west"],
                "country": ["AT", "AT", "NZ", "US"],
            }
        ),
    }


def build(folder: Path) -> Settings:
    """Publish `trade` in `folder`; NAME's password is NAME-secret."""
    shop = Workshop(folder, memory_limit="1GB", drain_s=1)
    shop.allow(*_RULES)
    shop.declare("trade", TABLES, data=rows())
    shop.publish("trade")
    directory = Directory(shop.settings.principals, load(shop.settings))
    for name in SUBJECTS:
        directory.add(name, "person", {"role": (name,)}, f"{name}-secret")
    return shop.settings
