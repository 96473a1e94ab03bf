"""Snapshots attached and views made in the serving instance, each leased while a query reads it.

Touches the instance that it is given, and the snapshots' files through it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection
from contextlib import suppress
from itertools import islice

from gateway.binding.views import View
from gateway.errors import Expired, Unavailable
from gateway.sql import duck, duck_errors
from gateway.sql.duck import quote

VIEW_LIMIT = 10_000


class Attached:
    """What the instance holds. Thread-safe; unleased views go when there are too many, unleased stale snapshots too."""

    def __init__(self, instance: duck.Connection) -> None:
        self._instance = instance
        self._lock = threading.Lock()
        self._attached: set[str] = set()
        self._stale: set[str] = set()
        self._leases: dict[str, int] = {}
        self._views: OrderedDict[tuple[str, str], int] = OrderedDict()

    def cursor(self) -> duck.Connection:
        """A connection of its own to the instance."""
        return self._instance.cursor()

    def close(self) -> None:
        """Free the instance, as soon as no cursor is open."""
        self._instance.close()

    def keep(self, snapshot_ids: Collection[str]) -> None:
        """Detach every snapshot that is not in `snapshot_ids`, now or when its last lease ends."""
        with self._lock:
            self._stale = self._attached - set(snapshot_ids)
            for snapshot_id in list(self._stale):
                self._detach(snapshot_id)

    def lease(self, views: Collection[View]) -> None:
        """Attach and make what `views` need, and hold it. Raises Expired, Unavailable."""
        with self._lock:
            for view in views:
                self._attach(view)
                if (view.schema, view.name) not in self._views:
                    self._create(view)
            for view in views:
                key = (view.schema, view.name)
                self._views[key] += 1
                self._views.move_to_end(key)
                self._leases[view.snapshot.id] = self._leases.get(view.snapshot.id, 0) + 1
            self._evict()

    def release(self, views: Collection[View]) -> None:
        """Give up one lease of each of `views`."""
        with self._lock:
            for view in views:
                self._views[(view.schema, view.name)] -= 1
                self._leases[view.snapshot.id] -= 1
                if view.snapshot.id in self._stale:
                    self._detach(view.snapshot.id)

    def _attach(self, view: View) -> None:
        snapshot = view.snapshot
        if snapshot.id in self._attached:
            return
        path = str(snapshot.path).replace("'", "''")
        try:
            self._instance.execute(f"ATTACH '{path}' AS {quote('snap_' + snapshot.id)} (READ_ONLY)")
            self._instance.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(view.schema)}")
        except duck.Error as error:
            if not snapshot.path.exists():
                raise Expired("this snapshot is no longer kept: ask again for the present one") from error
            raise duck_errors.logged(Unavailable("a snapshot cannot be read", reason="snapshot"), error) from error
        self._attached.add(snapshot.id)

    def _create(self, view: View) -> None:
        kind = "SECURE VIEW" if view.secure else "VIEW"
        name = ".".join(quote(part) for part in view.path)
        try:
            self._instance.execute(f"CREATE {kind} {name} AS {view.create}")
        except duck.Error as error:
            raise duck_errors.logged(Unavailable("a table cannot be served", reason="view"), error) from error
        self._views[(view.schema, view.name)] = 0

    def _evict(self) -> None:
        surplus = len(self._views) - VIEW_LIMIT
        if surplus <= 0:
            return
        for key in list(islice((key for key, leases in self._views.items() if leases == 0), surplus)):
            self._instance.execute(f"DROP VIEW memory.{quote(key[0])}.{quote(key[1])}")
            del self._views[key]

    def _detach(self, snapshot_id: str) -> None:
        if self._leases.get(snapshot_id, 0) > 0:
            return
        schema = f"gov_{snapshot_id}"
        with suppress(duck.Error):
            self._instance.execute(f"DROP SCHEMA IF EXISTS memory.{quote(schema)} CASCADE")
            self._instance.execute(f"DETACH {quote('snap_' + snapshot_id)}")
        self._attached.discard(snapshot_id)
        self._stale.discard(snapshot_id)
        for key in [key for key in self._views if key[0] == schema]:
            del self._views[key]
        self._leases.pop(snapshot_id, None)
