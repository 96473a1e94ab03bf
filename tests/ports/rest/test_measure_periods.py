"""Measures by steps of time: in the zone that the contract says, and beside other periods, as plain Python counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.doors import web
from tests.order_world import build, rows

ZONES = {"placed_at": "Europe/Vienna", "placed_west": "America/Los_Angeles", "placed_east": "Pacific/Auckland"}
Cells = dict[tuple[datetime, Any], Decimal]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with web(build(tmp_path_factory.mktemp("trade"))) as opened:
        yield opened


def data(client: httpx.Client, path: str) -> Any:
    answer = client.get(f"/products/trade/-/{path}", auth=("steward", "steward-secret"))
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def begin(moment: datetime, grain: str) -> datetime:
    """The beginning of the step of `grain` that a wall clock's time lies in."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    match grain:
        case "hour":
            return moment.replace(minute=0, second=0, microsecond=0)
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(day=1, month=(day.month - 1) // 3 * 3 + 1)
        case "year":
            return day.replace(day=1, month=1)
    return day


def earlier(moment: datetime, grain: str, comparison: str) -> datetime:
    months = {"month": 1, "quarter": 3, "year": 12}.get(grain, 0)
    if comparison == "previous_year":
        months = 0 if grain == "week" else 12
        if not months:
            return moment - timedelta(days=364)
    if months:
        number = moment.year * 12 + moment.month - 1 - months
        return moment.replace(year=number // 12, month=number % 12 + 1, day=min(moment.day, 28) if months == 12 else 1)
    return moment - {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}[grain]


def counted(zone: str, grain: str, fits: Callable[[dict[str, Any]], bool] = lambda _: True, by: str = "") -> Cells:
    """Revenue by period and `by`, counted row by row."""
    found: dict[tuple[datetime, Any], Decimal] = defaultdict(Decimal)
    for row in rows()["orders"].to_pylist():
        if fits(row):
            local = row["placed_at"].astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            found[begin(local, grain), row[by] if by else None] += row["amount"] or 0
    return found


def asked(client: httpx.Client, path: str, time: str, by: str = "") -> dict[tuple[datetime, Any], dict[str, Any]]:
    found = data(client, path)
    cells = {(datetime.fromisoformat(row[time]), row[by] if by else None): row for row in found}
    assert len(cells) == len(found)
    return cells


@pytest.mark.parametrize("grain", ["hour", "day", "week", "month", "quarter", "year"])
@pytest.mark.parametrize("time", ZONES)
def test_a_grain_is_a_step_of_the_clock_that_the_contract_names(client: httpx.Client, time: str, grain: str) -> None:
    found = asked(client, f"measures/revenue?by={time}&grain={grain}", time)
    assert {key: Decimal(str(row["revenue"] or 0)) for key, row in found.items()} == counted(ZONES[time], grain)


SINCE = datetime(2017, 4, 1, tzinfo=ZoneInfo("Europe/Vienna"))
UNTIL = datetime(2018, 9, 1, tzinfo=ZoneInfo("Europe/Vienna"))


@pytest.mark.parametrize("by", ["", "billing_id"])
@pytest.mark.parametrize("grain", ["day", "week", "month", "quarter"])
@pytest.mark.parametrize("comparison", ["previous_period", "previous_year"])
def test_a_period_is_compared_with_rows_that_its_filter_cuts_off(
    client: httpx.Client, grain: str, comparison: str, by: str
) -> None:
    bounds = [moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (SINCE, UNTIL)]
    where = f"and=(placed_at.gte.{bounds[0]},placed_at.lt.{bounds[1]})&customer_id=lt.7&by=placed_at{by and ',' + by}"
    cells = asked(client, f"measures/revenue?{where}&grain={grain}&compare={comparison}", "placed_at", by)

    def kept(row: dict[str, Any]) -> bool:
        return row["customer_id"] is not None and row["customer_id"] < 7

    shown = counted("Europe/Vienna", grain, lambda row: kept(row) and SINCE <= row["placed_at"] < UNTIL, by)
    whole = counted("Europe/Vienna", grain, kept, by)
    assert cells.keys() == shown.keys()
    met = 0
    for (time, other), row in cells.items():
        before = whole.get((earlier(time, grain, comparison), other))
        now = Decimal(str(row["revenue"] or 0))
        assert now == shown[time, other]
        if before is None or row["revenue"] is None or row["revenue_previous"] is None:
            assert row["revenue_change"] is None
            continue
        met += 1
        assert Decimal(str(row["revenue_previous"])) == before
        assert Decimal(str(row["revenue_change"])) == now - before
        if before:
            assert row["revenue_change_percent"] == pytest.approx(float(100 * (now - before) / before))
        else:
            assert row["revenue_change_percent"] is None
    first = min(cells, key=lambda one: one[0])
    if grain == "month" and not by:
        assert (comparison == "previous_year") == (cells[first]["revenue_previous"] is None)
    assert met > 0 or grain == "day"


def test_what_stands_beside_a_measure_can_be_asked_for(client: httpx.Client) -> None:
    rising = data(client, "measures/revenue?grain=quarter&by=placed_at&compare=previous_period&revenue_change=gt.0")
    assert rising
    assert all(row["revenue_change"] > 0 for row in rising)
    ordered = data(
        client, "measures/revenue?grain=quarter&by=placed_at&compare=previous_period&order=revenue_change_percent"
    )
    known = [row["revenue_change_percent"] for row in ordered if row["revenue_change_percent"] is not None]
    assert known == sorted(known)
