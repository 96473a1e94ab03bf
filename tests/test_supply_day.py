"""The scripted day of the supply chain (`make supply-day`), with everything real but the time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import supply_day


@pytest.mark.timeout(600)  # a quarter of a minute where nothing else runs
def test_a_source_goes_stale_somebody_is_told_why_and_it_is_mended(tmp_path: Path) -> None:
    told: list[str] = []
    with supply_day.beginning(tmp_path, told.append) as day:
        assert (day.filled(), day.on_time(), day.freshness()) == (0.8, 1.0, "fresh")
        supply_day.a_scan_arrives(day)
        assert (day.filled(), round(day.on_time(), 3)) == (0.9, 0.889), "near real time: after a minute"

        supply_day.counting_stops(day)
        assert day.freshness() == "breached"
        (broken,) = day.incidents("supply_chain")
        assert (broken["objective"], broken["closed"]) == ("freshness.stock", None)
        assert "inventory: data is breached" in broken["causes"]
        assert broken["consumers"] == ["planner"]
        (source,) = day.incidents("inventory")
        assert source["downstream"] == ["supply_chain"]
        opened = [one["data"]["product"] for one in day.heard if one["type"] == "incident.opened"]
        assert {"inventory", "supply_chain"} <= set(opened)

        supply_day.counting_is_mended(day)
        assert day.freshness() == "fresh"
        closed = [one["data"]["product"] for one in day.heard if one["type"] == "incident.closed"]
        assert {"inventory", "supply_chain"} <= set(closed)
        (mended,) = day.incidents("supply_chain")
        assert mended["recovered"] < mended["closed"]
        card = day.scorecard("supply_chain")
        assert card["incidents"] == 1
        assert 55 * 60 <= card["mttr_s"] <= 70 * 60
    assert told[-1].endswith("mean time to repair 61 minutes")
