"""The demo's publication: every declared product, small ones first, while the doors are already open."""

from __future__ import annotations

import threading
import time

from gateway.publish import publish

from gateway.catalog import Catalog
from gateway.contract import ContractError
from gateway.errors import GatewayError
from gateway.settings import Settings
from ports.command import declared, show

QUESTION = "SELECT sum(lifetime_value) FROM customer_360.customers"


class Publisher:
    """Publishes in a thread of its own what is declared and not served as declared; says how it goes."""

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def _run(self) -> None:
        reading = declared.read(declared.folders([self._settings.products]))
        for _, finding in reading.findings:
            show.note(str(finding))
        catalog = Catalog(self._settings.state)
        served = {snapshot.product.name: snapshot.product.digest for snapshot in catalog.current().snapshots}
        due = [one for one in declared.in_order(reading.products) if served.get(one.product.name) != one.product.digest]
        failed = bool(reading.findings)
        for number, one in enumerate(due, start=1):
            if self._stop.is_set():
                return
            failed |= not self._publish(one, f"[{number}/{len(due)}]")
        if not failed:
            show.line(f"ready       all {len(reading.products)} declared products are served")

    def _publish(self, one: declared.Declared, progress: str) -> bool:
        show.line(f"{progress} publishing {one.product.name} from {one.size_bytes / 1e6:.0f} MB ...")
        started = time.monotonic()
        try:
            snapshot = publish(self._settings, one.folder)
        except ContractError as error:
            for finding in error.findings:
                show.note(str(finding))
            return False
        except GatewayError as error:
            show.error(f"{one.product.name}: {error.message}", error.hint)
            return False
        rows = sum(snapshot.row_counts.values())
        took = f"{rows:,} rows in {time.monotonic() - started:.1f} s"
        show.line(f"{progress} {one.product.name} {one.product.version} is served: {took}")
        return True
