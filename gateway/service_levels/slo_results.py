"""What a look at an objective has found: its value now, since when it is broken, a result and its row. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

from gateway.accounting import latencies
from gateway.accounting.ledger import Scalar
from gateway.objective import OF_INCIDENTS, WINDOW_DAYS, Objective
from gateway.service_levels import freshness
from gateway.service_levels.incidents import Incident
from gateway.service_levels.outages import Outage
from gateway.service_levels.slo import WHOLE, Series, Standing, Window
from gateway.service_levels.slo_series import Measured
from gateway.snapshot import Snapshot


def looked_at(
    snapshot: Snapshot, objective: Objective, incidents: Iterable[Incident], now: datetime
) -> tuple[bool | None, float | None]:
    """(whether a promise is broken now, what was seen); None where it is counted, or was not measured.

    `incidents` are all of the last WINDOW_DAYS, of any product.
    """
    if objective.kind == "freshness":
        age = freshness.age_s(snapshot, objective, now)
        return (None, None) if age is None else (age > objective.target, None if age == float("inf") else age)
    if objective.kind == "quality":
        rules = [one for one in snapshot.outcomes if objective.table in {"", one.table}]
        if not rules:
            return None, None
        share = sum(one.holds for one in rules) / len(rules)
        return share < objective.target, share
    if objective.kind in OF_INCIDENTS:
        times = list(_times(snapshot.product.name, objective, incidents, now))
        mean = sum(times) / len(times) if times else None
        return None if mean is None else mean > objective.target, mean
    return None, None


def _times(product: str, objective: Objective, incidents: Iterable[Incident], now: datetime) -> Iterator[float]:
    """Seconds that it took to notice, or to repair, what was opened in WINDOW_DAYS.

    One that goes on counts once it has taken longer than is promised.
    """
    for one in incidents:
        if one.product != product or one.opened <= now - timedelta(days=WINDOW_DAYS):
            continue
        if objective.kind == "detection":
            yield one.detect_s
        elif one.repair_s is not None:
            yield one.repair_s
        elif one.closed is None and (so_far := (now - one.opened).total_seconds()) > objective.target:
            yield so_far


def counted(objective: Objective, measured: Measured, name: str, port: str, stands: Standing) -> float | None:
    """What was counted in the last hour: milliseconds, or a share of the questions."""
    if objective.kind == "availability":
        return stands.windows["1h"].adherence
    numbers = measured.present(name, port)
    if objective.kind == "latency":
        return latencies.quantile(numbers.latency, objective.share)
    valid = numbers.queries - numbers.theirs
    return (numbers.lacking + numbers.failed) / valid if valid else None


def first_bad(
    snapshot: Snapshot, objective: Objective, series: Series, outage: Outage | None, now: datetime
) -> datetime:
    """When it began: data passed the age that is promised; of questions, the first bad one of the last hour.

    Of an outage that is new, or within that hour, its first minute.
    """
    if objective.kind == "freshness":
        age = freshness.age_s(snapshot, objective, now)
        over = (age or 0.0) - objective.target
        known = age is not None and age != float("inf") and not snapshot.clock_stands
        return max(snapshot.published_at, now - timedelta(seconds=over)) if known else snapshot.published_at
    if objective.kind == "quality":
        return snapshot.published_at
    present = int(now.timestamp()) // 60
    minutes = [] if (found := series.first_bad(present, 60)) is None else [found]
    if outage is not None and (outage.new or outage.last > present - 60):
        minutes.append(outage.first)
    return datetime.fromtimestamp(60 * min(minutes), UTC) if minutes else now


def recovered(objective: Objective, series: Series, opened: datetime, calm: datetime) -> datetime:
    """Since when a promise is kept again that is `calm` since then: of questions, once the last bad one was over."""
    last = None if objective.is_state else series.last_bad(int(calm.timestamp()) // 60)
    return calm if last is None else min(calm, max(opened, datetime.fromtimestamp(60 * (last + 1), UTC)))


def result(
    snapshot: Snapshot, objective: Objective, port: str, stands: Standing, value: float | None, series: Series
) -> dict[str, object]:
    """All that is told of an objective at a door."""
    return {
        "product": snapshot.product.name,
        "major": snapshot.product.major,
        "objective": objective.id,
        "kind": objective.kind,
        "promise": objective.promise,
        "port": port,
        "table": objective.table,
        "column": objective.column,
        "reads": objective.reads,
        "whole": objective.of_the_whole,
        "target": objective.target,
        "share": objective.share,
        "description": objective.description,
        "value": value,
        "state": stands.state,
        "adherence": stands.adherence,
        "budget": stands.budget,
        "alert": stands.alert,
        "windows": stands.windows,
        "days": [
            {"day": f"{datetime.fromtimestamp(86_400 * day, UTC):%Y-%m-%d}", "good": one.good, "bad": one.bad}
            for day, one in series.days()
        ],
    }


def row(found: Mapping[str, object]) -> dict[str, Scalar]:
    """A result as the ledger keeps it."""
    names = ("product", "major", "objective", "port", "kind", "promise", "state", "value", "target", "share")
    kept = {name: cast(Scalar, found[name]) for name in (*names, "adherence", "budget")}
    windows = cast("Mapping[str, Window]", found["windows"])
    whole = windows[WHOLE]
    reads = cast(Scalar, found["reads"])
    told: dict[str, Scalar] = {
        "good": whole.good,
        "bad": whole.bad,
        "reads": reads,
        "whole": cast(bool, found["whole"]),
    }
    return kept | told | {"burn": windows["1h"].burn}
