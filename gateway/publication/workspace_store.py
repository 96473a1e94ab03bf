"""The present workspaces: reads their file again when it changes. Touches that file only.

A bad edit is refused as a whole and the last good ones stay; before there are any, what names one is not answered.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from gateway.contracts import workspaces
from gateway.contracts.workspaces import FILE, Workspace, Workspaces
from gateway.errors import Unavailable
from gateway.policies.policy_store import STAT_S
from gateway.product import Product

_log = logging.getLogger("outport.workspaces")


class WorkspaceStore:
    """Hot reload of one file. Thread-safe; `problems` tells why the last edit is not in force."""

    def __init__(self, products: Path, environment: str | None) -> None:
        self._folder, self._environment = products, environment
        self._lock = threading.Lock()
        self._good = Workspaces()
        self._stamp: tuple[int, int, int] | None = None
        self._looked_at = float("-inf")
        self.problems: tuple[str, ...] = ()

    def current(self) -> Workspaces:
        """The workspaces in force. Never raises: a file that cannot be used leaves the last good ones."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked_at < STAT_S:
                return self._good
            self._looked_at = now
            stamp = self._stat()
            if stamp != self._stamp:
                self._stamp = stamp
                self._reload()
            return self._good

    def named(self, products: Iterable[Product]) -> tuple[Workspace, ...]:
        """The workspaces of products, each once. Raises Unavailable (workspace) where one is not to be had."""
        found: dict[str, Workspace] = {}
        for product in products:
            if product.workspace:
                one = self.current().of(product)
                if one is None:
                    told = f"the workspace of {product.name} is not defined now"
                    raise Unavailable(told, reason="workspace", hint="its operators know: outport workspaces")
                found[one.name] = one
        return tuple(found.values())

    def _stat(self) -> tuple[int, int, int]:
        try:
            found = (self._folder / FILE).stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_size, found.st_mtime_ns, found.st_ino)

    def _reload(self) -> None:
        read = workspaces.load(self._folder, self._environment)
        self.problems = tuple(str(one) for one in read.findings)
        if not read.findings:
            self._good = read
        for problem in self.problems:
            _log.error("workspaces are as they were: %s", problem)
