"""What a query may use before it runs: the deployment's limits, narrowed by products, workspaces and rules.

Asks the pin's policies, the workspaces and what has been spent; an answer's own limits are kept by its Result.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

from gateway.binding import cost
from gateway.binding.bind import Plan
from gateway.limits import Limits, size
from gateway.principal import Environment
from gateway.publication.workspace_store import WorkspaceStore
from gateway.reach.spending import Spending
from gateway.serving.running import NO_WORKSPACE, Asker, Share
from gateway.serving.siblings import Siblings
from gateway.serving.stream import Summary
from gateway.session import Pin, Session
from gateway.settings import Settings


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
        self.window_s = settings.budget_window_s
        self.spending = Spending(settings.budget_window_s, siblings)
        self.workspaces = WorkspaceStore(settings.products, settings.environment)
        self._processes = siblings.count

    def admitted(self, session: Session, pin: Pin, plan: Plan, asked: Limits | None) -> Limits:
        """What the query of `plan` may use: the least that anybody says, `asked` too, which may not widen anything.

        It counts against its principal's budget, and that of each workspace that it reads. Raises Exhausted (budget),
        BadQuery (limit) for what would cost more, Unavailable where a workspace is not to be had.
        """
        products = [grant.snapshot.product for grant in plan.grants]
        spaces = self.workspaces.named(products)
        own = (one.limits for one in products)
        limits = self._limits.narrowed(self._ruled(session, pin), *own, *(one.query for one in spaces), asked)
        if limits.cost is not None and plan.estimate.rows > limits.cost:
            raise cost.refusal(plan.estimate, limits.cost)
        if spaces or limits.queries is not None or limits.budget_s is not None:
            self.spending.take(_subjects(session), limits, {one.name: one.shared for one in spaces})
        return limits

    def of_catalog(self, session: Session, pin: Pin, asked: Limits | None) -> Limits:
        """The same for what a catalog tells: however many rows that are."""
        narrowed = self._limits.narrowed(self._ruled(session, pin), asked)
        return replace(narrowed, rows=None, bytes=None, memory_bytes=None)

    def ended(self, session: Session, plan: Plan, limits: Limits, summary: Summary) -> None:
        """Count what a query has computed, where `limits` ask for that, and for each workspace that it has read."""
        spaces = _spaces(plan)
        if spaces or limits.budget_s is not None:
            self.spending.computed(_subjects(session), summary.computed_ms, spaces)

    def asker(self, session: Session, plan: Plan, limits: Limits) -> Asker:
        """For whom a query takes its turns, and this process's share of those that may be had."""
        known = self.workspaces.current().by_name
        caps = {name: known[name].shared.running if name in known else None for name in _spaces(plan)}
        shares = tuple(Share(name, self._share(cap)) for name, cap in caps.items()) or NO_WORKSPACE
        return Asker("\0".join(_subjects(session)), self._share(limits.running), shares)

    def close(self) -> None:
        """End what tells other processes."""
        self.spending.close()

    def _share(self, running: int | None) -> int | None:
        return None if running is None else math.ceil(running / self._processes)

    def _ruled(self, session: Session, pin: Pin) -> Limits | None:
        environment = Environment(session.port, session.purpose, "query", time.time())
        return pin.policies.limits(session.principal, environment)


def _spaces(plan: Plan) -> tuple[str, ...]:
    """The workspaces of what is read."""
    return tuple(dict.fromkeys(one for grant in plan.grants if (one := grant.snapshot.product.workspace)))


def _subjects(session: Session) -> tuple[str, ...]:
    return tuple(one.subject for one in session.principal.both)
