"""Runs of a product's publication, as who manages it asks for them and reads of them. Asks managers, ledger, requests.

Both are on record. What stands in a run's finding is for who manages the product: it may name any column of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.accounting.ledger import Ledger, Scalar
from gateway.errors import Unavailable
from gateway.publication import refresh, runs
from gateway.publication.refresh import Request
from gateway.reach.managers import Managers
from gateway.session import Session

_log = logging.getLogger("outport.refresh")


@dataclass(frozen=True)
class Refreshed:
    """One attempt of a run. `outcome` is waiting or running until it has ended; `ended` is None until then.

    The others are published, unchanged (it was served already), refused (it does not hold its contract), failed and
    killed.
    """

    run: str
    product: str
    trigger: str
    by: str
    attempt: int
    begun: str | None
    ended: str | None
    outcome: str
    finding: str
    snapshot: str | None

    @property
    def document(self) -> dict[str, object]:
        """As JSON."""
        return asdict(self)


class Refreshes:
    """Takes requests at the doors, and tells of runs there. Thread-safe."""

    def __init__(self, state: Path, managers: Managers) -> None:
        self._state, self._managers = state, managers

    def request(self, session: Session, name: str) -> Request:
        """Ask for a product to be made anew. Raises NotFound, Forbidden, Unavailable."""
        visible = self._managers.check(session, name)
        self._managers.record(session, visible.product.name, "refresh")
        return refresh.request(self._state, visible.product.name, "request", session.principal.subject)

    def arrived(self, product: str, _: str) -> None:
        """Rows were pushed to an input of the product, and are kept: it is made anew with them."""
        try:
            refresh.request(self._state, product, "arrival")
        except Unavailable as error:
            _log.warning("%s is not made anew with what was pushed: %s", product, error.message)

    def history(self, session: Session, name: str, limit: int) -> list[Refreshed]:
        """The last runs of a product, the newest first. Raises NotFound, Forbidden, Unavailable."""
        visible = self._managers.check(session, name)
        return history(self._state, visible.product.name, limit)


def history(state: Path, product: str, limit: int) -> list[Refreshed]:
    """The last runs of a product, the newest first: those that wait, and those of the ledger."""
    ended: list[Refreshed] = []
    rows: list[Mapping[str, Scalar]] = []
    for part in Ledger(state).back(runs.REFRESH, holding=product):
        if not part:
            continue
        rows = [*part, *rows]
        ended = told(sorted(rows, key=lambda row: str(row["at"])), product)
        if len(ended) >= limit:
            break
    known = {(one.run, one.attempt) for one in ended}
    open_ = [_waiting(one, "waiting") for one in refresh.waiting(state) if one.product == product]
    open_ += [_waiting(one, "running") for one in refresh.running(state) if one.product == product]
    return [*(one for one in open_ if (one.run, one.attempt) not in known), *ended][:limit]


def told(rows: Iterable[Mapping[str, Scalar]], product: str = "") -> list[Refreshed]:
    """The runs that rows of the ledger tell of, the newest first; of one product where it is named."""
    found: dict[tuple[str, Scalar], Refreshed] = {}
    for row in rows:
        if product in {"", row.get("product")}:
            one = _of(row)
            # A run that was begun again, and one that has ended, stand in place of how they began.
            found.pop((one.run, one.attempt), None)
            found[(one.run, one.attempt)] = one
    return list(found.values())[::-1]


def _of(row: Mapping[str, Scalar]) -> Refreshed:
    ended = row.get("phase") == "ended"
    attempt, snapshot = row.get("attempt"), row.get("snapshot")
    return Refreshed(
        run=str(row.get("run", "")),
        product=str(row.get("product", "")),
        trigger=str(row.get("trigger", "")),
        by=str(row.get("by", "")),
        attempt=attempt if isinstance(attempt, int) else 1,
        begun=str(row.get("begun", "")),
        ended=str(row["at"]) if ended else None,
        outcome=str(row.get("outcome", "")) if ended else "running",
        finding=str(row.get("finding", "")),
        snapshot=snapshot if isinstance(snapshot, str) else None,
    )


def _waiting(one: Request, outcome: str) -> Refreshed:
    return Refreshed(one.run, one.product, one.trigger, one.by, one.attempt, None, None, outcome, "", None)
