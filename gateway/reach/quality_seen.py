"""The share of quality rules that hold, of those that speak of nothing but what is seen. Pure; remembers what it found.

A rule of what an asker does not see must change nothing that it gets, and so no score in an answer either.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Protocol

from gateway.decision import Decision
from gateway.product import Table
from gateway.publication import runs
from gateway.snapshot import Snapshot

REMEMBERED = 4096
_Rule = tuple[frozenset[str], bool]
_Key = tuple[object, ...]


class Seen(Protocol):
    """A table that is seen, and by which decision."""

    @property
    def table(self) -> Table: ...

    @property
    def decision(self) -> Decision: ...


class Shares:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: OrderedDict[_Key, tuple[_Rule, ...]] = OrderedDict()
        self._shares: OrderedDict[_Key, float] = OrderedDict()

    def of(self, snapshot: Snapshot, seen: Iterable[Seen]) -> float:
        """The share of `snapshot`'s rules that hold, 1.0 where none is seen."""
        decisions = {one.table.name: one.decision for one in seen}
        same = (snapshot.id, snapshot.product.name, snapshot.product.version)
        key = (*same, *((name, one.fingerprint) for name, one in decisions.items()))
        with self._lock:
            found = self._shares.get(key)
            if found is None:
                found = self._shares[key] = _share(self._of(snapshot, same), decisions)
                if len(self._shares) > REMEMBERED:
                    self._shares.popitem(last=False)
            return found

    def _of(self, snapshot: Snapshot, same: _Key) -> tuple[_Rule, ...]:
        found = self._rules.get(same)
        if found is None:
            rows = runs.quality_rows(snapshot.product, snapshot.outcomes, snapshot.id)
            found = self._rules[same] = tuple((_names(row["reads"]), row["holds"] is True) for row in rows)
            if len(self._rules) > REMEMBERED // 16:
                self._rules.popitem(last=False)
        return found


def _names(reads: object) -> frozenset[str]:
    return frozenset(reads) if isinstance(reads, list) else frozenset({""})


def _share(rules: Iterable[_Rule], decisions: Mapping[str, Decision]) -> float:
    columns = {f"{table}.{column}" for table, one in decisions.items() for column in one.visible}
    told = [holds for names, holds in rules if names <= decisions.keys() | columns]
    return sum(told) / len(told) if told else 1.0


_SHARES = Shares()
of = _SHARES.of
