"""Which state a question is answered from: what is served and in force now, with the snapshots that a session names.

Touches the catalog and the policy folder by asking them; tells the engine and the audit what has changed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from gateway.accounting.observe import Observer, PolicyLoaded, PolicyRefused, SnapshotServed
from gateway.errors import BadQuery, Expired
from gateway.policies.policy_store import PolicyStore
from gateway.reach.grants import sees
from gateway.reach.projected import over
from gateway.serving import shelf
from gateway.serving.catalog import Catalog, Deployment, Kept, Snapshot, unknown_snapshot
from gateway.serving.engine import Engine
from gateway.serving.projection_shelf import Shelved
from gateway.session import Pin, Readiness, Session

# Of chosen snapshots, each with the projections over them. With 200 projections a pin of them takes 0.45 ms CPU worked
# out anew, and 0.05 so.
REMEMBERED = 64


class Pins:
    """Makes pins. Thread-safe."""

    def __init__(self, catalog: Catalog, policies: PolicyStore, engine: Engine, audit: Observer) -> None:
        self._catalog, self._policies = catalog, policies
        self._engine, self._audit = engine, audit
        self._deployment: Deployment | None = None
        self._version = ""
        self._problems: tuple[str, ...] = ()
        self._projected: tuple[Deployment, Shelved, Deployment] | None = None
        self._lock = threading.Lock()
        self._chosen: OrderedDict[tuple[str, ...], tuple[Deployment, Shelved, Deployment]] = OrderedDict()

    def pin(self, session: Session | None) -> Pin:
        """The present state, with the session's snapshots in it.

        Raises NotFound for a snapshot that is unknown or of a product that the session does not see, Expired for one
        that is no longer kept, BadQuery for two of one product and major.
        """
        pin = self.present()
        return pin if session is None or not session.snapshots else self._pinned(session, pin)

    def present(self) -> Pin:
        """What is served and in force now."""
        deployment = self._catalog.current()
        policies = self._policies.current([snapshot.product for snapshot in deployment.snapshots])
        if deployment is not self._deployment:
            self._served(deployment)
        if policies.version != self._version or self._policies.problems != self._problems:
            self._enforced(policies.version)
        return Pin(self._over(deployment), policies)

    def _over(self, deployment: Deployment) -> Deployment:
        """The deployment with the projections over it, the same object while both are the same."""
        shelved, known = self._catalog.projections.current(), self._projected
        if known is None or known[0] is not deployment or known[1] is not shelved:
            made = over(deployment, shelved.projections) if shelved.every else deployment
            known = self._projected = (deployment, shelved, made)
        return known[2]

    def kept(self, session: Session, product: str, major: int | None) -> tuple[Kept, ...]:
        """The snapshots of `product` that the session may name, the newest first."""
        pin = self.present()
        of_major = [one for one in self._catalog.kept(product) if major is None or one.snapshot.product.major == major]
        return tuple(one for one in of_major if sees(session, pin, one.snapshot))

    def ready(self, products: Path, others: tuple[str, ...] = ()) -> Readiness:
        """Whether every product declared in the folder is served; `others` are problems that were found elsewhere."""
        deployment = self._catalog.current()
        self._policies.current([snapshot.product for snapshot in deployment.snapshots])
        self._catalog.projections.current()
        declared = {path.parent.name for path in products.glob("*/*.odps.yaml")}
        served = {snapshot.product.name for snapshot in deployment.snapshots}
        retired = {one.snapshot.product.name for one in deployment.retired}
        missing = tuple(sorted(declared - served - retired))
        shelf = (self._catalog.projections.problem,) if self._catalog.projections.problem else ()
        problems = (*self._policies.problems, *self._catalog.problems, *shelf, *others)
        return Readiness(not missing and bool(served), tuple(sorted(served)), missing, problems)

    def _pinned(self, session: Session, present: Pin) -> Pin:
        chosen: dict[tuple[str, int], Snapshot] = {}
        for snapshot_id in dict.fromkeys(session.snapshots):
            snapshot = self._retained(session, snapshot_id, present)
            key = (snapshot.product.name, snapshot.product.major)
            if key in chosen:
                raise BadQuery(f"two snapshots of {snapshot.product.name} are named; name one", reason="value")
            chosen[key] = snapshot
        return replace(present, deployment=self._pinning(present.deployment, chosen.values()))

    def _pinning(self, present: Deployment, chosen: Collection[Snapshot]) -> Deployment:
        """The deployment with `chosen` and the projections over it: the same object while all of these are the same."""
        shelved, key = self._catalog.projections.current(), tuple(sorted(one.id for one in chosen))
        with self._lock:
            known = self._chosen.get(key)
        if known is None or known[0] is not present or known[1] is not shelved:
            known = (present, shelved, over(present.pinning(chosen), shelved.projections))
            with self._lock:
                self._chosen[key] = known
                if len(self._chosen) > REMEMBERED:
                    self._chosen.popitem(last=False)
        return known[2]

    def _retained(self, session: Session, snapshot_id: str, present: Pin) -> Snapshot:
        """The kept snapshot of that id, if the session may see its product. Raises NotFound, Expired."""
        try:
            snapshot = self._catalog.snapshot(snapshot_id)
        except Expired:
            now = present.deployment.find(shelf.product_of(snapshot_id) or "")
            if now is None or not sees(session, present, now):
                raise unknown_snapshot() from None
            raise
        if not sees(session, present, snapshot):
            raise unknown_snapshot()
        return snapshot

    def _served(self, deployment: Deployment) -> None:
        """Take note of a new deployment: what it no longer serves is detached, what it serves anew is recorded."""
        before = {snapshot.id for snapshot in self._deployment.snapshots} if self._deployment is not None else set()
        self._deployment = deployment
        self._engine.keep(self._catalog.ids)
        for one in deployment.snapshots:
            if one.id not in before:
                self._audit.record(SnapshotServed(one.product.name, one.product.version, one.id))

    def _enforced(self, version: str) -> None:
        """Take note of a policy set that came into force, or of an edit that was refused."""
        if version != self._version:
            self._audit.record(PolicyLoaded(version))
        if self._policies.problems and self._policies.problems != self._problems:
            self._audit.record(PolicyRefused(version, len(self._policies.problems)))
        self._version, self._problems = version, self._policies.problems
