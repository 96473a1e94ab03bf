"""A publication as the ledger keeps it: that it began, how it ended, and what each quality rule gave.

Touches the ledger, by appending, and raises alerts. What cannot be written there is logged: it stops no publication.
"""

from __future__ import annotations

import logging
import math
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from gateway import ticking
from gateway.accounting.ledger import ITSELF, Ledger, Row, Scalar
from gateway.contracts.contract import ContractError
from gateway.document import POLICIES, Finding
from gateway.errors import GatewayError, Unavailable
from gateway.product import Product, QualityRule
from gateway.publication.child import Refused
from gateway.service_levels import quality
from gateway.service_levels.alerts import Alert, Event, raise_alert
from gateway.settings import Settings
from gateway.snapshot import RuleOutcome, Snapshot
from gateway.ticking import Clock

QUALITY = "quality"
REFRESH = "refresh"
Trigger = Literal["apply", "schedule", "request", "upstream", "arrival"]
Ending = Literal["published", "unchanged", "refused", "failed", "killed"]
_FINDING_LIMIT = 400
_log = logging.getLogger("outport.publish")


def new_id() -> str:
    """An id for a run."""
    return secrets.token_hex(8)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a product is published now: by what `trigger`, as which `run`, for whom ("" for nobody), the which time."""

    trigger: Trigger = "apply"
    run: str = field(default_factory=new_id)
    by: str = ""
    attempt: int = 1


class Run:
    """One publication under way. Where it is `fit`, it waits for those that it is published together with."""

    def __init__(self, settings: Settings, cause: Cause, name: str, clock: Clock) -> None:
        self._ledger, self._cause, self._clock = Ledger(settings.state, clock), cause, clock
        self._settings = settings
        self._begun = ticking.text(clock.now())
        self.product: Product | None = None
        self.fit = False
        self._name = name

    def begin(self) -> None:
        """On record before anything is done."""
        self._keep(REFRESH, [self._row("begun")])

    def of(self, product: Product) -> None:
        """It is this product's."""
        self.product, self._name = product, product.name

    def published(self, snapshot: Snapshot) -> Snapshot:
        """It is served. The snapshot."""
        if self.product is not None:
            outcomes = (*snapshot.outcomes, *snapshot.checked)
            self._rules(self.product, outcomes, snapshot.id, mock=snapshot.mock is not None)
            if self.product.status == "deprecated" or self.product.deprecated_on is not None:
                self._alert("product.deprecated", self.product.version, {"version": self.product.version})
        self._end("published", snapshot.id, "")
        return snapshot

    def unchanged(self, snapshot: Snapshot) -> Snapshot:
        """It is served already. The snapshot."""
        self._end("unchanged", snapshot.id, "")
        return snapshot

    def failed(self, error: BaseException) -> None:
        """It is not served, and what was is served on."""
        if isinstance(error, Refused) and self.product is not None and not self.fit:
            self._rules(self.product, error.outcomes, None, mock=False)
        ending: Ending = "refused" if isinstance(error, ContractError) else "failed"
        self._end(ending, None, _finding(error))

    def killed(self) -> None:
        """It ended with its process, which could not say so."""
        self._end("killed", None, "the process ended before the run did")

    def _rules(self, product: Product, outcomes: Iterable[RuleOutcome], snapshot: str | None, *, mock: bool) -> None:
        told: dict[str, Scalar] = {"run": self._cause.run, "attempt": self._cause.attempt, "mock": mock}
        rows = quality_rows(product, outcomes, snapshot)
        self._keep(QUALITY, [told | row for row in rows])
        for row in rows if not mock else ():
            if not row["holds"]:
                named = {name: row[name] for name in ("version", "snapshot", "table", "rule", "dimension", "severity")}
                self._alert("quality.failed", f"{row['table']}.{row['rule']}", named | {"run": self._cause.run})

    def _end(self, outcome: Ending, snapshot: str | None, finding: str) -> None:
        self._keep(REFRESH, [self._row("ended") | {"outcome": outcome, "snapshot": snapshot, "finding": finding}])
        # Who publishes by hand is told on the spot.
        if outcome not in {"published", "unchanged"} and self._cause.trigger != "apply":
            cause = self._cause
            told: dict[str, Scalar] = {"run": cause.run, "attempt": cause.attempt, "trigger": cause.trigger}
            self._alert("refresh.failed", outcome, told | {"outcome": outcome})

    def _alert(self, event: Event, key: str, data: Mapping[str, Scalar]) -> None:
        if self._name != ITSELF:
            raise_alert(self._settings, Alert(event, self._name, key, data), self._clock)

    def _row(self, phase: str) -> dict[str, Scalar]:
        cause = self._cause
        return {
            "run": cause.run,
            "product": self._name,
            "major": None if self.product is None else self.product.major,
            "trigger": cause.trigger,
            "by": cause.by,
            "attempt": cause.attempt,
            "phase": phase,
            "begun": self._begun,
        }

    def _keep(self, kind: str, rows: Iterable[Row]) -> None:
        if self._name == ITSELF:
            return
        try:
            self._ledger.append(kind, rows)
        except (Unavailable, ValueError) as error:
            _log.warning("not in the ledger: %s of %s: %s", kind, self._name, error)


@contextmanager
def kept(settings: Settings, name: str, cause: Cause, clock: Clock) -> Iterator[Run]:
    """A publication of the folder `name`, on record from its begin to its end, however that comes."""
    run = Run(settings, cause, name, clock)
    run.begin()
    try:
        yield run
    except BaseException as error:
        run.failed(error)
        raise


def killed(settings: Settings, name: str, cause: Cause, clock: Clock) -> None:
    """Put on record that a run ended with its process."""
    Run(settings, cause, name, clock).killed()


def quality_rows(product: Product, outcomes: Iterable[RuleOutcome], snapshot: str | None) -> list[dict[str, Scalar]]:
    """What rules gave, as rows of the ledger; `snapshot` is None where the publication was refused."""
    rules = {(table.name, rule.id): rule for table in product.tables for rule in table.quality}
    for source in product.inputs:
        rules |= {(f"{source.name}.{table.name}", rule.id): rule for table in source.tables for rule in table.quality}
    found: list[dict[str, Scalar]] = []
    for one in outcomes:
        rule = rules.get((one.table, one.rule))
        found.append(
            {
                "product": product.name,
                "version": product.version,
                "snapshot": snapshot,
                "table": one.table,
                "rule": one.rule,
                "name": rule.name if rule is not None else one.rule,
                "dimension": one.dimension,
                "severity": one.severity,
                "holds": one.holds,
                "value": one.value if math.isfinite(one.value) else None,
                "expected": one.expected,
                "unit": rule.unit if rule is not None else "rows",
                "reads": reads(product, one.table, rule),
            }
        )
    return found


def reads(product: Product, table: str, rule: QualityRule | None) -> list[str]:
    """What a rule of `table` speaks of, as `table` and `table.column`: whatever its texts mention as words.

    That is too much rather than too little; a rule that is not known speaks of all of its table. One of an input's
    contract speaks of that input, which is no table of the product.
    """
    if quality.is_input(table):
        return [quality.of_input(table)]
    said = quality.words(f"{rule.id} {rule.name} {rule.query} {rule.where}") if rule is not None else set()
    found = [table]
    for one in product.tables:
        if one.name != table and one.name not in said:
            continue
        found += [] if one.name == table else [one.name]
        found += [f"{one.name}.{column.name}" for column in one.columns if rule is None or column.name in said]
    return found


def _finding(error: BaseException) -> str:
    """The first finding, or the message that may be shown; no path of this machine."""
    if isinstance(error, ContractError):
        first = next(iter(error.findings), None)
        if first is not None and first.policy:
            _log.warning("not published: %s", first)
            return POLICIES
        more = f"; and {len(error.findings) - 1} more" if len(error.findings) > 1 else ""
        return _plain(_said(first) + more) if first is not None else ""
    return _plain(error.message) if isinstance(error, GatewayError) else "the publication was interrupted"


def _said(finding: Finding) -> str:
    return f"{finding.path}: {finding.problem}" if finding.path else finding.problem


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)[:_FINDING_LIMIT]
