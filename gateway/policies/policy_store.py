"""The present policies: reloads the folder when its files or the served products change. Touches that folder only.

A bad edit is refused as a whole and the last good set stays; before there is any, nothing is granted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path

from gateway.document import Documents
from gateway.policies.agreements import FOLDER
from gateway.policies.policy import PolicySet, load
from gateway.policies.policy_rules import Policies, PolicyError
from gateway.product import Product

# A stat of each file costs 2 us; this bounds it to a few hundred a second, and a change shows within a third of one.
STAT_S = 0.3
Stamp = tuple[tuple[str, int, int, int], ...]


class PolicyStore:
    """Hot reload of one folder. Thread-safe; `problems` tells why the last edit is not in force."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._good = PolicySet(Policies((), {}, {}, {}, "none", Documents({}), (), ()), (), ())
        self._seen: tuple[Stamp, frozenset[tuple[str, str]]] | None = None
        self._stamp: Stamp = ()
        self._looked_at = float("-inf")
        self.problems: tuple[str, ...] = ()

    def current(self, products: Iterable[Product]) -> PolicySet:
        """The policies in force over `products`. Never raises: what cannot be loaded leaves the last good set."""
        known = tuple(products)
        digests = frozenset((product.name, product.identity) for product in known)
        with self._lock:
            now = time.monotonic()
            if now - self._looked_at >= STAT_S:
                self._stamp = _stamp(self._folder)
                self._looked_at = now
            if self._seen != (self._stamp, digests):
                self._reload(known)
                self._seen = (self._stamp, digests)
            return self._good

    def _reload(self, products: tuple[Product, ...]) -> None:
        try:
            self._good = load(self._folder, products)
            self.problems = ()
        except PolicyError as error:
            self.problems = tuple(str(finding) for finding in error.findings if finding.severity == "error")


def _stamp(folder: Path) -> Stamp:
    """Name, size, time and inode of each policy file: whatever a change of any moves."""
    try:
        every = [*folder.iterdir(), *((folder / FOLDER).iterdir() if (folder / FOLDER).exists() else ())]
        entries = [(str(path), path.stat()) for path in every if path.suffix in {".yaml", ".yml"}]
    except OSError:
        return (("", 0, 0, 0),)
    return tuple(sorted((name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in entries))
