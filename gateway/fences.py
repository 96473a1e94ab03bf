"""What a query may use before it runs: the deployment's limits, narrowed by products and by the principal's rules.

Asks the pin's policies and what has been spent; an answer's own limits are kept by its Result.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import replace

from gateway import cost
from gateway.bind import Plan
from gateway.limits import Limits, size
from gateway.principal import Environment
from gateway.running import Asker
from gateway.session import Pin, Session
from gateway.settings import Settings
from gateway.siblings import Siblings
from gateway.spending import Spending
from gateway.stream import Summary


class Fences:
    """The limits of one process's queries. Thread-safe."""

    def __init__(self, settings: Settings, siblings: Siblings) -> None:
        self._limits = Limits(
            settings.compute_s,
            settings.idle_s,
            settings.max_rows,
            bytes=size(settings.max_bytes),
            memory_bytes=size(settings.query_memory),
            cost=settings.cost_limit or None,
            running=settings.principal_concurrency,
            queries=settings.budget_queries,
            budget_s=settings.budget_compute_s,
        )
        self._spending = Spending(settings.budget_window_s, siblings)
        self._processes = siblings.count

    def admitted(self, session: Session, pin: Pin, plan: Plan, asked: Limits | None) -> Limits:
        """What the query of `plan` may use: the least that anybody says, `asked` too, which may not widen anything.

        It counts against its principal's budget. Raises Exhausted (budget), BadQuery (limit) for what would cost more.
        """
        products = (grant.snapshot.product.limits for grant in plan.grants)
        limits = self._limits.narrowed(self._ruled(session, pin), *products, asked)
        if limits.cost is not None and plan.estimate.rows > limits.cost:
            raise cost.refusal(plan.estimate, limits.cost)
        if limits.queries is not None or limits.budget_s is not None:
            self._spending.take(_subjects(session), limits)
        return limits

    def of_catalog(self, session: Session, pin: Pin, asked: Limits | None) -> Limits:
        """The same for what a catalog tells: however many rows that are."""
        narrowed = self._limits.narrowed(self._ruled(session, pin), asked)
        return replace(narrowed, rows=None, bytes=None, memory_bytes=None)

    def ended(self, session: Session, limits: Limits, summary: Summary) -> None:
        """Count what a query has computed, where `limits` ask for that."""
        if limits.budget_s is not None:
            self._spending.computed(_subjects(session), summary.computed_ms)

    def asker(self, session: Session, limits: Limits) -> Asker:
        """For whom a query takes its turns, and this process's share of those that its principal may have."""
        share = None if limits.running is None else math.ceil(limits.running / self._processes)
        return Asker("\0".join(_subjects(session)), share)

    def close(self) -> None:
        """End what tells other processes."""
        self._spending.close()

    def _ruled(self, session: Session, pin: Pin) -> Limits | None:
        environment = Environment(session.port, session.purpose, "query", time.time())
        return pin.policies.limits(session.principal, environment)


def _subjects(session: Session) -> Iterable[str]:
    return [one.subject for one in session.principal.both]
