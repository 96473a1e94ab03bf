"""The demo's publication: every declared product, while the doors are already open.

What the greeting asks comes first, with what it needs; then small ones before large ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from gateway.publication import bundle
from gateway.publication.bundle import Declared
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from ports.command import show
from ports.command.publication import finding, publication

_LOOK_S = 0.05
PRODUCT = "customer_360"
QUESTION = f"SELECT sum(lifetime_value) FROM {PRODUCT}.customers"


class Publisher:
    """Publishes in a thread of its own what is declared and not served as declared; says how it goes.

    `served` tells whether the doors have taken note of what was published last: only then all is ready.
    """

    def __init__(self, settings: Settings, stop: threading.Event, served: Callable[[], bool]) -> None:
        self._settings, self._served = settings, served
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self.done = threading.Event()

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def _run(self) -> None:
        try:
            self._publish()
        finally:
            self.done.set()

    def _publish(self) -> None:
        reading = bundle.read(bundle.folders([self._settings.products]), self._settings.environment)
        for folder, found in reading.findings:
            finding(folder, found)
        catalog = Catalog(self._settings.state)
        served = {snapshot.product.name: snapshot.product.digest for snapshot in catalog.current().snapshots}
        retired = {one.snapshot.product.digest for one in catalog.current().retired}
        due = [
            one
            for one in _in_order(reading.products)
            if one.product.digest not in {*retired, served.get(one.product.name)}
        ]
        failed = bool(reading.findings)
        for number, one in enumerate(due, start=1):
            if self._stop.is_set():
                return
            show.line(f"[{number}/{len(due)}] publishing {one.product.name} from {one.size_bytes / 1e6:.0f} MB ...")
            failed |= not publication(self._settings, [one], quiet=True)
        while not failed and not self._served():
            if self._stop.wait(_LOOK_S):
                return
        if not failed:
            show.line(f"ready       all {len(reading.products)} declared products are served")


def _in_order(products: Sequence[Declared]) -> list[Declared]:
    ordered = bundle.in_order(products)
    first, found = {PRODUCT}, 0
    while len(first) > found:
        found = len(first)
        first |= {name for one in ordered if one.product.name in first for name in one.needs}
    return sorted(ordered, key=lambda one: one.product.name not in first)
