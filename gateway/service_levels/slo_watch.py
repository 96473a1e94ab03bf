"""The one look at every objective now and then: samples, standings, incidents, and what is told of them.

Touches the ledger, the deployment's manifest by reading, and <state>/slo.json, which every process of it tells from.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway import ticking
from gateway.accounting.ledger import Ledger
from gateway.errors import GatewayError, Unavailable
from gateway.objective import OF_INCIDENTS, Objective
from gateway.service_levels import incidents, lineage_causes, slo_results
from gateway.service_levels.incidents import Incident
from gateway.service_levels.outages import Outage
from gateway.service_levels.slo import Series, Standing, standing
from gateway.service_levels.slo_series import Measured, Reader
from gateway.service_levels.slo_told import write
from gateway.serving import manifest
from gateway.serving.manifest import ManifestError
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
# Why an incident is over though nobody has kept the promise again.
WITHDRAWN = "it is promised no more"
UNMEASURED = "it can be measured no more"
_log = logging.getLogger("outport.slo")
Told = Callable[[str, Incident], None]
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
        tell: Told = lambda event, incident: None,
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
        self._promised: dict[str, Snapshot] = {}
        self._untold: list[tuple[str, str]] = []

    def look(self) -> None:
        """Read what is new, judge every objective, open and close incidents, and write what is so now.

        Raises Unavailable where the state folder cannot be read or written.
        """
        now, deployment = self._clock.now(), self._deployment()
        current = self._promised = self._promising(deployment)
        objectives = {name: one.product.objectives for name, one in current.items()}
        measured = self._reader.read(objectives, now, {name: one.published_at for name, one in current.items()})
        self._hear(now)
        for name, event in self._untold:
            if name in self._incidents:
                self._told(event, self._incidents[name])
        results = [
            result
            for name, snapshot in sorted(current.items())
            for objective in snapshot.product.objectives
            if objective.kind == "availability" or deployment.find(name) is not None
            for result in self._judged(deployment, measured, name, snapshot, objective, now)
        ]
        self._forget(current, now)
        self._reader.file(now)
        self._keep(results, now)
        self._write(now, results)

    def close(self) -> None:
        """Put on file what was sampled last."""
        with suppress(Unavailable):
            self._reader.close()

    def _promising(self, deployment: Deployment) -> dict[str, Snapshot]:
        """What makes promises: what is served, and what was until it could not be, though nobody has retired it."""
        served = {one.product.name: one for one in deployment.current}
        try:
            listed = {one.product for one in manifest.read(self._state).served}
        except ManifestError:
            listed = set()
        return {name: one for name, one in self._promised.items() if name in listed} | served

    def _hear(self, now: datetime) -> None:
        """Incidents and refreshes that are on file since the last look."""
        since = now - timedelta(days=KEPT_DAYS)
        # All of them: one that goes on was opened whenever.
        rows = self._ledger.follow(incidents.KIND, self._places)
        self._incidents = incidents.replayed(self._incidents, rows)
        self._untold = incidents.untold(self._untold, rows)
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
        broken, value = slo_results.looked_at(snapshot, objective, self._incidents.values(), now)
        if broken is not None:
            self._reader.sample(name, objective, not broken, now)
        for port in dict.fromkeys((objective.port, *measured.ports(name, objective))):
            series = measured.of(name, objective, port)
            stands = standing(objective, series, minute, broken)
            if port == objective.port and objective.kind not in OF_INCIDENTS:
                self._incident(deployment, measured, name, snapshot, objective, series, stands, broken, now)
            if not objective.is_state:
                value = slo_results.counted(objective, measured, name, port, stands)
            found.append(slo_results.result(snapshot, objective, port, stands, value, series))
        return found

    def _incident(
        self, deployment: Deployment, measured: Measured, name: str, snapshot: Snapshot, objective: Objective,
        series: Series, stands: Standing, broken: bool | None, now: datetime,
    ) -> None:  # fmt: skip
        """Open one where the promise is broken for long enough; close it where it is kept for long enough."""
        key = (name, objective.id, objective.port)
        open_one = next((one for one in self._incidents.values() if _key(one) == key and one.closed is None), None)
        outage = measured.outages.get(key)
        bad = broken if objective.is_state else _burns(objective, series, stands, outage, open_one)
        if bad:
            self._calm.pop(key, None)
            first = slo_results.first_bad(snapshot, objective, series, outage, now)
            if open_one is None and (not objective.is_state or (now - first).total_seconds() >= BROKEN_S):
                self._open(deployment, measured, snapshot, objective, first, now)
            return
        since = self._calm.setdefault(key, now)
        if open_one is not None and (now - since).total_seconds() >= (CALM_S if objective.is_state else QUIET_S):
            causes = (*open_one.causes, *lineage_causes.causes(deployment, name, self._failing, now))
            again = slo_results.recovered(objective, series, open_one.opened, since)
            ended = replace(open_one, recovered=again, closed=now, causes=tuple(dict.fromkeys(causes)))
            if bad is None:
                ended = replace(ended, recovered=None, reason=UNMEASURED)
            self._close(ended)

    def _open(
        self, deployment: Deployment, measured: Measured, snapshot: Snapshot, objective: Objective, first: datetime,
        now: datetime,
    ) -> None:  # fmt: skip
        name = snapshot.product.name
        seen = measured.consumers.get(name, {})
        outage = measured.outages.get((name, objective.id, objective.port))
        causes = lineage_causes.causes(deployment, name, self._failing, now)
        if outage is not None and outage.new:
            causes = (*causes, f"{name}: for {outage.last - outage.first + 1} min nobody could ask")
        made = Incident(
            id=uuid.uuid4().hex[:12],
            product=name,
            major=snapshot.product.major,
            objective=objective.id,
            port=objective.port,
            # To the microsecond it would tell the newest value of a table to who may not see that row.
            first_bad=first.replace(second=0, microsecond=0) if objective.kind == "freshness" else first,
            opened=now,
            causes=causes,
            consumers=tuple(sorted(seen, key=lambda name: -seen[name].queries)),
            consumed_by=len(seen),
            downstream=lineage_causes.downstream(deployment, name),
        )
        self._ledger.append(incidents.KIND, [incidents.opened(made, objective.reads, whole=objective.of_the_whole)])
        self._incidents[made.id] = made
        _log.warning("%s: %s is broken (incident %s)", made.product, made.objective, made.id)
        self._told("opened", made)

    def _close(self, ended: Incident) -> None:
        self._ledger.append(incidents.KIND, [incidents.closed(ended)])
        self._incidents[ended.id] = ended
        _log.warning("%s: %s is over (incident %s)", ended.product, ended.objective, ended.id)
        self._told("closed", ended)

    def _told(self, event: str, incident: Incident) -> None:
        """Raise its alert; where that fails, or is cut off, the next look does: the ledger says which are due."""
        try:
            self._tell(event, incident)
            self._ledger.append(incidents.KIND, [incidents.told(incident, event, self._clock.now())])
        except GatewayError as error:
            _log.error("an incident was not told: %s", error.message)

    def _forget(self, current: Mapping[str, Snapshot], now: datetime) -> None:
        """Close what is no longer promised; forget what was over long ago."""
        promised = {(name, one.id, one.port) for name, made in current.items() for one in made.product.objectives}
        for one in list(self._incidents.values()):
            if one.closed is None and _key(one) not in promised:
                self._close(replace(one, closed=now, reason=WITHDRAWN))
            elif one.closed is not None and (now - one.closed).days >= KEPT_DAYS:
                del self._incidents[one.id]

    def _keep(self, results: list[dict[str, object]], now: datetime) -> None:
        """Once an hour, how everything stands."""
        hour = int(now.timestamp()) // 3600
        if self._kept is None:
            told = self._ledger.rows(RESULTS, now - timedelta(hours=2))
            self._kept = max((int(ticking.read(str(row["at"])).timestamp()) // 3600 for row in told), default=0)
        if hour > self._kept:
            at = ticking.text(datetime.fromtimestamp(3600 * hour, UTC))
            self._ledger.append(RESULTS, [slo_results.row(one) | {"at": at} for one in results])
            self._kept = hour

    def _write(self, now: datetime, results: list[dict[str, object]]) -> None:
        every = sorted(self._incidents.values(), key=lambda one: one.opened, reverse=True)
        told = [one.document for one in every]
        windows = [asdict(one) for one in self._reader.windows if one.ends > now]
        document = {"at": ticking.text(now), "results": results, "incidents": told, "maintenance": windows}
        write(self._state, document)


def _burns(
    objective: Objective, series: Series, stands: Standing, outage: Outage | None, going_on: Incident | None
) -> bool:
    """Whether questions burn the budget too fast: now, or in an outage of which nobody knew, at its end."""
    if stands.alert == "page" or (going_on is not None and (stands.windows["5m"].burn or 0) >= 1):
        return True
    return outage is not None and outage.new and standing(objective, series, outage.last).alert == "page"


def _key(incident: Incident) -> Key:
    return incident.product, incident.objective, incident.port
