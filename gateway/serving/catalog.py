"""Which snapshots are served: reads the deployment's manifest and the snapshots' records, never writes.

What was good stays: a manifest or a record that cannot be read is a line in `problems`, and the snapshots served
before are served on.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from gateway.errors import Expired, NotFound, Unavailable
from gateway.serving import manifest, record
from gateway.serving.manifest import Manifest, ManifestError, Served
from gateway.serving.projection_shelf import ProjectionShelf
from gateway.serving.record import RecordError
from gateway.snapshot import Deployment, Ended, Kept, Lifespan, RuleOutcome, Snapshot

__all__ = ["Catalog", "Deployment", "Kept", "Lifespan", "RuleOutcome", "Snapshot"]

SNAPSHOTS = "snapshots"
# Of the manifest's file: inode, modification time (ns), size; None where there is no file.
_Stamp = tuple[int, int, int] | None


class Catalog:
    """The served snapshots of one state folder. Thread-safe; `current` costs one stat while nothing changes."""

    def __init__(self, state: Path) -> None:
        self._state, self.projections = state, ProjectionShelf(state)
        self._path = str(state / manifest.NAME)  # composing it for every look costs more than the look
        self._lock = threading.Lock()
        self._ready = False
        self._seen: _Stamp = None
        self._manifest = Manifest()
        self._loaded: dict[str, Snapshot] = {}
        self._deployment = Deployment(())
        self.problems: tuple[str, ...] = ()

    def current(self) -> Deployment:
        """What is served now. While one thread reads a new manifest, others wait: who was told of it meets no older."""
        if _stamp(self._path) != self._seen or not self._ready:
            with self._lock:
                stamp = _stamp(self._path)
                if stamp != self._seen or not self._ready:
                    self._reload(stamp)
        return self._deployment

    def snapshot(self, snapshot_id: str) -> Snapshot:
        """A served or retained snapshot. Raises Expired if its time is over, NotFound if there never was such a one."""
        served = next((one for one in self.current().snapshots if one.id == snapshot_id), None)
        if served is not None:
            return served
        with self._lock:
            known = self._manifest
            until = next((one.until for one in known.retained if one.snapshot == snapshot_id), None)
            if until is not None and time.time() < until:
                try:
                    return self._load(snapshot_id)
                except RecordError as error:
                    raise Unavailable("this snapshot cannot be read", reason="snapshot") from error
        ended = any(one.snapshot == snapshot_id for one in known.retired)
        if until is not None or ended or snapshot_id in known.expired:
            raise Expired("this snapshot was replaced and is no longer kept", hint="ask again without naming it")
        raise unknown_snapshot()

    @property
    def ids(self) -> frozenset[str]:
        """Every snapshot that can be asked for."""
        now = time.time()
        served = (one.id for one in self.current().snapshots)
        return frozenset([*served, *(one.snapshot for one in self._manifest.retained if now < one.until)])

    def kept(self, product: str) -> tuple[Kept, ...]:
        """The snapshots of `product` that can be asked for, the newest first; what cannot be read is left out."""
        found = [Kept(one, None) for one in self.current().snapshots if one.product.name == product]
        served = {one.snapshot.id for one in found}
        now = time.time()
        with self._lock:
            for one in self._manifest.retained:
                if one.snapshot in served or one.until <= now:
                    continue
                with suppress(RecordError):
                    found.append(Kept(self._load(one.snapshot), datetime.fromtimestamp(one.until, UTC)))
        mine = [one for one in found if one.snapshot.product.name == product]
        return tuple(sorted(mine, key=lambda one: one.snapshot.published_at, reverse=True))

    def _reload(self, stamp: _Stamp) -> None:
        """Read the manifest anew; keep what was served where it, or a snapshot, cannot be read."""
        try:
            lost = stamp is None and not self._manifest.served
            found = Manifest(retired=manifest.retired(self._state)) if lost else manifest.read(self._state)
        except ManifestError as error:
            self.problems = (f"{error}; what was served before is served on",)
            if not self._ready:
                ended = self._ended(Manifest(retired=manifest.retired(self._state)))
                self._deployment = Deployment((), (), tuple(ended))
        else:
            self._manifest = found
            self._deployment, self.problems = self._deployed(found)
            self._loaded = {key: one for key, one in self._loaded.items() if key in found.ids}
        self._seen = stamp
        self._ready = True

    def _deployed(self, found: Manifest) -> tuple[Deployment, tuple[str, ...]]:
        snapshots: list[Snapshot] = []
        problems: list[str] = []
        for entry in found.served:
            try:
                snapshots.append(self._load(entry.snapshot))
            except RecordError as error:
                kept = self._before(entry)
                snapshots += kept
                instead = f"{kept[0].id} is served on" if kept else f"{entry.product} is not served"
                problems.append(f"{error}; {instead}")
        return Deployment(tuple(snapshots), (), tuple(self._ended(found))), tuple(problems)

    def _ended(self, found: Manifest) -> Iterator[Ended]:
        for one in found.retired:
            with suppress(RecordError):  # then its name is like one that never was
                yield Ended(self._load(one.snapshot), datetime.fromtimestamp(one.at, UTC), one.successor)

    def _load(self, snapshot_id: str) -> Snapshot:
        if snapshot_id not in self._loaded:
            self._loaded[snapshot_id] = record.load(self._state / SNAPSHOTS / snapshot_id)
        return self._loaded[snapshot_id]

    def _before(self, entry: Served) -> list[Snapshot]:
        key = (entry.product, entry.major)
        return [one for one in self._deployment.snapshots if (one.product.name, one.product.major) == key]


def unknown_snapshot() -> NotFound:
    """The one refusal for a snapshot that never was, or whose product the principal does not see."""
    return NotFound("this snapshot does not exist", reason="snapshot")


def _stamp(path: str) -> _Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)
