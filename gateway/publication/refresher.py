"""Makes products anew: what their schedules say, what somebody asked for, what follows an upstream product.

Publishes by publish.py, takes requests from refresh.py; one process of a deployment has one, in one thread. A moment
is the clock's that it is given.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from gateway import ticking
from gateway.accounting.ledger import ITSELF, Ledger
from gateway.contracts import clock, contract, schedule
from gateway.contracts.contract import ContractError
from gateway.document import Finding
from gateway.errors import GatewayError, Unavailable
from gateway.product import Product, Schedule
from gateway.publication import own_product, refresh, runs
from gateway.publication.publish import publish
from gateway.publication.refresh import Request
from gateway.publication.runs import Trigger
from gateway.publication.workspace_store import WorkspaceStore
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from gateway.snapshot import Deployment, Snapshot
from gateway.ticking import Clock

_LONGEST_S = 3600.0
_BUSY_S = 2.0
_SWEEP = timedelta(hours=1)
_RECENT = timedelta(days=30)
_log = logging.getLogger("outport.refresh")


class _Unlike(ContractError):
    """The folder declares something else than what is served."""


class Refresher:
    """Used by one thread, of the process that holds `refresh.writer`. `chance` gives 0..1, for the jitter."""

    def __init__(
        self, settings: Settings, clock: Clock = ticking.MACHINE, chance: Callable[[], float] = random.random
    ) -> None:
        self._settings, self._clock, self._chance = settings, clock, chance
        self._state = settings.state
        self._catalog = Catalog(settings.state)
        self._workspaces = WorkspaceStore(settings.products, settings.environment)
        self._ledger = Ledger(settings.state, clock)
        self._since: dict[str, datetime] = {}
        self._followed: dict[str, frozenset[str]] = {}
        self._swept: datetime | None = None
        self._itself: tuple[datetime, str] | None = None

    def recover(self) -> tuple[Request, ...]:
        """Tell of the runs that were killed, and ask for them again; which they are. Before anything else."""
        killed = []
        for one in refresh.running(self._state):
            if not self._has_ended(one):
                killed.append(one)
                runs.killed(self._settings, one.product, one.cause, self._clock)
            more = one in killed and one.attempt < self._settings.refresh_attempts
            refresh.ended(self._state, one, one.again(self._clock.now(), one.attempt + 1) if more else None)
        return tuple(killed)

    def tick(self) -> Request | None:
        """Ask for what is due, and run the first of all requests that is; the one that was run."""
        self._due(self._catalog.current())
        self._swept_by_now()
        self._due_itself()
        one = refresh.take(self._state, self._clock.now())
        if one is not None:
            refresh.ended(self._state, one, self._run(one))
        return one

    def _due(self, served: Deployment) -> None:
        """Ask for the products whose schedule says so, and for those that follow what was published."""
        for snapshot in served.current:
            product = snapshot.product
            timed = product.schedule or self._default(product)
            if timed is None or snapshot.mock is not None:
                continue
            since = self._since.setdefault(product.name, snapshot.published_at)
            then = schedule.after(timed, since)
            if then is not None and then <= self._clock.now():
                self._since[product.name] = self._clock.now()
                self._ask(product.name, "schedule")
            newer = _newer(snapshot, served) if timed.upstream else frozenset()
            if newer and newer != self._followed.get(product.name):
                self._followed[product.name] = newer
                self._ask(product.name, "upstream")

    def _default(self, product: Product) -> Schedule | None:
        """What the product's workspace says of products that say nothing."""
        space = self._workspaces.current().of(product)
        return None if space is None else space.schedule

    def _due_itself(self) -> None:
        """Ask for the product of the ledger where that has something new, and its time has come."""
        now = self._clock.now()
        if self._itself is not None and (now - self._itself[0]).total_seconds() < self._settings.outport_s:
            return
        mark = self._ledger.mark()
        new = self._ledger.is_any and (self._itself is None or self._itself[1] != mark)
        self._itself = (now, mark)
        if new and own_product.wanted(self._settings):
            self._ask(ITSELF, "schedule")

    def _ask(self, product: str, trigger: Trigger) -> None:
        try:
            refresh.request(self._state, product, trigger, clock=self._clock)
        except Unavailable as error:
            _log.warning("%s is not refreshed now: %s", product, error.message)

    def _run(self, one: Request) -> Request | None:
        """Publish; what to ask for again where that failed and another time may help."""
        now = self._clock.now
        try:
            if one.product == ITSELF:
                own_product.publish_itself(self._settings, one.cause, self._clock)
                return None
            finding = self._unlike(one)
            if finding is not None:
                with runs.kept(self._settings, one.product, one.cause, self._clock):
                    raise _Unlike([finding])
            publish(
                self._settings,
                self._settings.products / one.product,
                force=self._moves(one.product),
                cause=one.cause,
                clock=self._clock,
            )
        except _Unlike as error:
            _log.error("%s is not refreshed: %s", one.product, error)
        except ContractError as error:
            _log.warning("%s was not refreshed: %d findings", one.product, len(error.findings))
            return self._again(one)
        except GatewayError as error:
            _log.warning("%s was not refreshed: %s", one.product, error.message)
            # While somebody publishes by hand, it is not even an attempt.
            busy = one.again(now() + timedelta(seconds=_BUSY_S), one.attempt)
            return busy if error.reason == "busy" else self._again(one)
        return None

    def _again(self, one: Request) -> Request | None:
        if one.attempt >= self._settings.refresh_attempts:
            _log.error("%s has failed %d times and is not tried again", one.product, one.attempt)
            return None
        return one.again(self._clock.now() + timedelta(seconds=self._pause_s(one.attempt)), one.attempt + 1)

    def _unlike(self, one: Request) -> Finding | None:
        """What keeps the folder from being what is served: a refresh brings data, and no edit of a contract."""
        try:
            product = contract.load(self._settings.products / one.product, self._settings.environment)
        except ContractError:
            return None  # told by the publication
        served = self._catalog.current().find(f"{product.name}_v{product.major}")
        if served is not None and served.product.digest == product.digest:
            return None
        problem = "the folder declares what is not served" if served is not None else "it is not served"
        return Finding("", 0, one.product, problem, f"outport apply, which publishes {product.name} {product.version}")

    def _moves(self, product: str) -> bool:
        """Whether its models give other rows as time goes on, whatever its inputs hold."""
        served = self._catalog.current().find(product)
        return served is not None and clock.tells_time(table.model for table in served.product.tables)

    def _pause_s(self, attempt: int) -> float:
        """Exponential, of which the jitter takes up to a half."""
        longest = min(_LONGEST_S, self._settings.refresh_backoff_s * 2.0 ** (attempt - 1))
        return longest * (1 - self._chance() / 2)

    def _has_ended(self, one: Request) -> bool:
        rows = self._ledger.rows(runs.REFRESH, self._clock.now() - _RECENT)
        return any(
            row.get("run") == one.run and row.get("phase") == "ended" and row.get("attempt") == one.attempt
            for row in rows
        )

    def _swept_by_now(self) -> None:
        now = self._clock.now()
        if self._swept is None or abs(now - self._swept) >= _SWEEP:  # the clock may be set back
            self._swept = now
            try:
                self._ledger.sweep(self._settings.ledger_days, own_product.BRIEFS)
            except Unavailable as error:
                _log.info("%s", error.message)


def _newer(snapshot: Snapshot, served: Deployment) -> frozenset[str]:
    """The ids of the snapshots that the product reads and that were made after its own, none if none was."""
    majors = {(one.product, one.version.split(".")[0]) for one in snapshot.product.inputs if one.product is not None}
    found = [served.find(f"{name}_v{major}") for name, major in majors]
    return frozenset(one.id for one in found if one is not None and one.published_at > snapshot.published_at)
