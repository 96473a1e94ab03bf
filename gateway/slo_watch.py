"""The one look at every objective now and then: samples, standings, incidents, and what is told of them.

Touches the ledger, the deployment's manifest by reading, and <state>/slo.json, which every process of it tells from.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from gateway import freshness, incidents, latencies, lineage_causes, ticking
from gateway.errors import GatewayError, Unavailable
from gateway.incidents import Incident
from gateway.ledger import Ledger, Scalar
from gateway.objective import Objective
from gateway.slo import WHOLE, Series, Standing, Window, standing
from gateway.slo_series import Measured, Reader
from gateway.slo_told import write
from gateway.snapshot import Deployment, Snapshot
from gateway.ticking import Clock

REFRESH = "refresh"
RESULTS = "slo"
# So long a promise of the data is broken before that is an incident, and kept again before it is over.
BROKEN_S = 60.0
CALM_S = 120.0
# The same of questions: they are calm when the last five minutes do not burn the budget.
QUIET_S = 300.0
KEPT_DAYS = 30
_log = logging.getLogger("outport.slo")
Told = Callable[[str, Incident, Objective], None]
Key = tuple[str, str, str]


class Watch:
    """Looks when it is told to. Used by one thread of one process of a deployment.

    `tell` is called with "opened" or "closed" and the incident, after it is on file.
    """

    def __init__(
        self,
        state: Path,
        deployment: Callable[[], Deployment],
        clock: Clock = ticking.MACHINE,
        tell: Told = lambda event, incident, objective: None,
    ) -> None:
        self._state, self._deployment, self._clock, self._tell = state, deployment, clock, tell
        self._ledger = Ledger(state, clock)
        self._reader = Reader(self._ledger, clock.now())
        self._places: dict[str, int] = {}
        self._refreshes: dict[str, int] = {}
        self._incidents: dict[str, Incident] = {}
        self._failing: dict[str, str] = {}
        self._calm: dict[Key, datetime] = {}
        self._kept: int | None = None

    def look(self) -> None:
        """Read what is new, judge every objective, open and close incidents, and write what is so now.

        Raises Unavailable where the state folder cannot be read or written.
        """
        now, deployment = self._clock.now(), self._deployment()
        current = {one.product.name: one for one in deployment.current}
        objectives = {name: one.product.objectives for name, one in current.items()}
        measured = self._reader.read(objectives, now)
        self._hear(now)
        results = [
            result
            for name, snapshot in sorted(current.items())
            for objective in snapshot.product.objectives
            for result in self._judged(deployment, measured, name, snapshot, objective, now)
        ]
        self._forget(deployment, now)
        self._reader.file(now)
        self._keep(results, now)
        self._write(now, results)

    def close(self) -> None:
        """Put on file what was sampled last."""
        with suppress(Unavailable):
            self._reader.close()

    def _hear(self, now: datetime) -> None:
        """Incidents and refreshes that are on file since the last look."""
        since = now - timedelta(days=KEPT_DAYS)
        rows = self._ledger.follow(incidents.KIND, self._places, since)
        self._incidents = incidents.replayed(self._incidents, rows)
        for row in self._ledger.follow(REFRESH, self._refreshes, since):
            product = str(row.get("product"))
            if row.get("phase") != "ended":
                continue
            if row.get("outcome") in {"failed", "refused", "killed"}:
                self._failing[product] = "its last refresh failed"
            else:
                self._failing.pop(product, None)

    def _judged(
        self,
        deployment: Deployment,
        measured: Measured,
        name: str,
        snapshot: Snapshot,
        objective: Objective,
        now: datetime,
    ) -> list[dict[str, object]]:
        """The results of one objective: for all doors that it holds for, and for each."""
        found: list[dict[str, object]] = []
        minute = int(now.timestamp()) // 60
        broken, value = _looked_at(snapshot, objective, now)
        if broken is not None:
            self._reader.sample(name, objective, not broken, now)
        for port in dict.fromkeys((objective.port, *measured.ports(name, objective))):
            series = measured.of(name, objective, port)
            stands = standing(objective, series, minute, broken)
            if port == objective.port:
                self._incident(deployment, measured, name, snapshot, objective, series, stands, broken, now)
            if not objective.is_state:
                value = _counted(objective, measured, name, port)
            found.append(_result(name, objective, port, stands, value, series))
        return found

    def _incident(
        self, deployment: Deployment, measured: Measured, name: str, snapshot: Snapshot, objective: Objective,
        series: Series, stands: Standing, broken: bool | None, now: datetime,
    ) -> None:  # fmt: skip
        """Open one where the promise is broken for long enough; close it where it is kept for long enough."""
        key = (name, objective.id, objective.port)
        open_one = next((one for one in self._incidents.values() if _key(one) == key and one.closed is None), None)
        fast = stands.windows["5m"].burn
        bad = broken if objective.is_state else stands.alert == "page" or (open_one is not None and (fast or 0) >= 1)
        if bad is None:
            return
        if bad:
            self._calm.pop(key, None)
            first = _first_bad(snapshot, objective, series, now)
            if open_one is None and (not objective.is_state or (now - first).total_seconds() >= BROKEN_S):
                self._open(deployment, measured, objective, key, first, now)
            return
        since = self._calm.setdefault(key, now)
        if open_one is not None and (now - since).total_seconds() >= (CALM_S if objective.is_state else QUIET_S):
            causes = tuple(
                dict.fromkeys((*open_one.causes, *lineage_causes.causes(deployment, name, self._failing, now)))
            )
            ended = replace(open_one, recovered=since, closed=now, causes=causes)
            self._ledger.append(incidents.KIND, [incidents.closed(ended)])
            self._incidents[ended.id] = ended
            self._told("closed", ended, objective)

    def _open(
        self, deployment: Deployment, measured: Measured, objective: Objective, key: Key, first: datetime, now: datetime
    ) -> None:
        seen = measured.consumers.get(key[0], {})
        made = Incident(
            id=uuid.uuid4().hex[:12],
            product=key[0],
            objective=key[1],
            port=key[2],
            # To the microsecond it would tell the newest value of a table to who may not see that row.
            first_bad=first.replace(second=0, microsecond=0) if objective.kind == "freshness" else first,
            opened=now,
            causes=lineage_causes.causes(deployment, key[0], self._failing, now),
            consumers=tuple(sorted(seen, key=lambda name: -seen[name].queries)),
            downstream=lineage_causes.downstream(deployment, key[0]),
        )
        self._ledger.append(incidents.KIND, [incidents.opened(made, objective.reads)])
        self._incidents[made.id] = made
        self._told("opened", made, objective)

    def _told(self, event: str, incident: Incident, objective: Objective) -> None:
        _log.warning("%s: %s is %s (incident %s)", incident.product, incident.objective, event, incident.id)
        try:
            self._tell(event, incident, objective)
        except GatewayError as error:
            _log.error("an incident was not told: %s", error.message)

    def _forget(self, deployment: Deployment, now: datetime) -> None:
        """Close what is no longer promised; forget what was over long ago."""
        promised = {
            (one.product.name, objective.id, objective.port)
            for one in deployment.current
            for objective in one.product.objectives
        }
        for one in list(self._incidents.values()):
            if one.closed is None and _key(one) not in promised:
                ended = replace(one, recovered=now, closed=now)
                self._ledger.append(incidents.KIND, [incidents.closed(ended)])
                self._incidents[one.id] = ended
            elif one.closed is not None and (now - one.closed).days >= KEPT_DAYS:
                del self._incidents[one.id]

    def _keep(self, results: list[dict[str, object]], now: datetime) -> None:
        """Once an hour, how everything stands."""
        hour = int(now.timestamp()) // 3600
        if self._kept is None:
            told = self._ledger.rows(RESULTS, now - timedelta(hours=2))
            self._kept = max((int(ticking.read(str(row["at"])).timestamp()) // 3600 for row in told), default=0)
        if hour > self._kept:
            self._kept = hour
            at = ticking.text(datetime.fromtimestamp(3600 * hour, UTC))
            self._ledger.append(RESULTS, [_row(one) | {"at": at} for one in results])

    def _write(self, now: datetime, results: list[dict[str, object]]) -> None:
        every = sorted(self._incidents.values(), key=lambda one: one.opened, reverse=True)
        told = [one.document for one in every]
        write(self._state, {"at": ticking.text(now), "results": results, "incidents": told})


def _looked_at(snapshot: Snapshot, objective: Objective, now: datetime) -> tuple[bool | None, float | None]:
    """(whether a promise of the data is broken now, what was seen); None where it is counted, or was not measured."""
    if objective.kind == "freshness":
        age = freshness.age_s(snapshot, objective, now)
        return (None, None) if age is None else (age > objective.target, None if age == float("inf") else age)
    if objective.kind == "quality":
        rules = [one for one in snapshot.outcomes if objective.table in {"", one.table}]
        if not rules:
            return None, None
        share = sum(one.holds for one in rules) / len(rules)
        return share < objective.target, share
    return None, None


def _counted(objective: Objective, measured: Measured, name: str, port: str) -> float | None:
    """What was counted in the last hour: milliseconds, or a share of the questions."""
    numbers = measured.present(name, port)
    if objective.kind == "latency":
        return latencies.quantile(numbers.latency, objective.share)
    valid = numbers.queries - numbers.theirs
    if not valid:
        return None
    bad = numbers.lacking + (numbers.failed if objective.kind == "errorRate" else 0)
    return bad / valid if objective.kind == "errorRate" else 1 - bad / valid


def _first_bad(snapshot: Snapshot, objective: Objective, series: Series, now: datetime) -> datetime:
    """When it began: data passed the age that is promised; of questions, the first bad one of the last hour."""
    if objective.kind == "freshness":
        age = freshness.age_s(snapshot, objective, now)
        over = (age or 0.0) - objective.target
        known = age is not None and age != float("inf") and not snapshot.clock_stands
        return max(snapshot.published_at, now - timedelta(seconds=over)) if known else snapshot.published_at
    if objective.kind == "quality":
        return snapshot.published_at
    minute = series.first_bad(int(now.timestamp()) // 60, 60)
    return now if minute is None else datetime.fromtimestamp(60 * minute, UTC)


def _result(
    name: str, objective: Objective, port: str, stands: Standing, value: float | None, series: Series
) -> dict[str, object]:
    return {
        "product": name,
        "objective": objective.id,
        "kind": objective.kind,
        "promise": objective.promise,
        "port": port,
        "table": objective.table,
        "column": objective.column,
        "reads": objective.reads,
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


def _row(result: dict[str, object]) -> dict[str, Scalar]:
    """A result as the ledger keeps it."""
    names = ("product", "objective", "port", "kind", "promise", "state", "value", "target", "share")
    kept = {name: cast(Scalar, result[name]) for name in (*names, "adherence", "budget")}
    windows = cast("Mapping[str, Window]", result["windows"])
    whole = windows[WHOLE]
    reads = cast(Scalar, result["reads"])
    return kept | {"burn": windows["1h"].burn, "good": whole.good, "bad": whole.bad, "reads": reads}


def _key(incident: Incident) -> Key:
    return incident.product, incident.objective, incident.port
