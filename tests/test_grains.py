"""Steps of time in the zone that the contract names: the same at every door, whatever a client's own zone is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from gateway import BadQuery, Gateway, Password, Query
from ports.postgres.server import PostgresPort
from tests.doors import DOORS, Door, GraphQLDoor
from tests.order_world import build, rows
from tests.ports.rest.test_measure_periods import ZONES, begin, earlier

GRAINS = ("hour", "day", "week", "month", "quarter", "year")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    found = Gateway(build(tmp_path_factory.mktemp("trade")))
    yield found
    found.close()


@pytest.fixture(scope="module", params=list(DOORS))
def door(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[Door]:
    opened: Door = DOORS[request.param](gateway)
    yield opened
    opened.close()


def counted(time: str, grain: str) -> dict[datetime, int]:
    found: dict[datetime, int] = defaultdict(int)
    for row in rows()["orders"].to_pylist():
        found[begin(row["placed_at"].astimezone(ZoneInfo(ZONES[time])).replace(tzinfo=None), grain)] += 1
    return dict(found)


def sums(time: str, grain: str, kept: Callable[[dict[str, Any]], bool]) -> dict[datetime, Decimal]:
    found: dict[datetime, Decimal] = defaultdict(Decimal)
    for row in rows()["orders"].to_pylist():
        if kept(row):
            local = row["placed_at"].astimezone(ZoneInfo(ZONES[time])).replace(tzinfo=None)
            found[begin(local, grain)] += row["amount"] or 0
    return dict(found)


def read(told: list[dict[str, Any]], name: str, count: str) -> dict[datetime, int]:
    assert len({str(row[name]) for row in told}) == len(told)
    return {datetime.fromisoformat(str(row[name])).replace(tzinfo=None): int(Decimal(row[count])) for row in told}


@pytest.mark.parametrize("time", ZONES)
def test_sql_names_a_step_as_the_time_and_its_grain(door: Door, time: str) -> None:
    for grain in GRAINS:
        text = f"SELECT {time}__{grain} AS step, MEASURE(order_count) AS n FROM trade.orders o GROUP BY 1"
        assert read(door.ask("steward", text).to_pylist(), "step", "n") == counted(time, grain), grain


@pytest.fixture(scope="module")
def graphql(gateway: Gateway) -> Iterator[GraphQLDoor]:
    opened = GraphQLDoor(gateway)
    yield opened
    opened.close()


@pytest.mark.parametrize("time", ZONES)
def test_graphql_has_the_same_steps(graphql: GraphQLDoor, time: str) -> None:
    for grain in GRAINS:
        asked = f"{{ trade {{ ordersMeasures(limit: 1000) {{ {time}(grain: {grain.upper()}) order_count }} }} }}"
        told = graphql.ask("steward", asked)["trade"]["ordersMeasures"]
        assert read(told, time, "order_count") == counted(time, grain), grain


@pytest.mark.parametrize("grain", ["MONTH", "QUARTER", "WEEK"])
@pytest.mark.parametrize(
    "where",
    [
        '{placed_at: {_gte: "2017-03-31T22:00:00Z"}}',
        '{_and: [{placed_at: {_gte: "2017-03-31T22:00:00Z"}}, {customer_id: {_lt: 7}}]}',
        "{customer_id: {_lt: 7}}",
    ],
)
def test_graphql_compares_with_the_whole_period_before(graphql: GraphQLDoor, grain: str, where: str) -> None:
    def kept(row: dict[str, Any]) -> bool:
        return "customer_id" not in where or (row["customer_id"] is not None and row["customer_id"] < 7)

    whole = sums("placed_at", grain.lower(), kept)
    items = f"placed_at(grain: {grain}) revenue before: revenue(compare: PREVIOUS)"
    told = graphql.ask("steward", f"{{ trade {{ ordersMeasures(limit: 1000, where: {where}) {{ {items} }} }} }}")
    met = 0
    for row in told["trade"]["ordersMeasures"]:
        period = datetime.fromisoformat(row["placed_at"])
        before = whole.get(earlier(period, grain.lower(), "previous_period"))
        assert Decimal(row["before"] or 0) == (before or 0), (period, row)
        met += before is not None
    assert met > 3


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles", "UTC"])
def test_the_zone_of_a_session_moves_no_step(gateway: Gateway, zone: str) -> None:
    port = PostgresPort(gateway)
    port.start()
    host, number = port.address
    with psycopg.connect(
        host=host, port=number, user="steward", password="steward-secret", dbname="outport", autocommit=True
    ) as connection:
        connection.execute(f"SET TIME ZONE '{zone}'".encode())
        for time in ZONES:
            later = f"{time}__year >= DATE '2016-01-01'"
            text = f"SELECT {time}__day, MEASURE(order_count) FROM trade.orders WHERE {later} GROUP BY 1"
            assert dict(connection.execute(text.encode()).fetchall()) == counted(time, "day")
    port.stop()


def test_only_the_grains_of_the_contract_are_names(gateway: Gateway) -> None:
    session = gateway.open(Password("steward", "steward-secret"), "python")
    for name in ("placed_at__minute", "placed_at__eon", "amount__day", "order_id__day"):
        with pytest.raises(BadQuery, match="does not exist"):
            gateway.describe(session, Query(f"SELECT {name}, MEASURE(order_count) FROM trade.orders GROUP BY 1"))
