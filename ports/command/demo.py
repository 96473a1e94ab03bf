"""The demo's publication: every declared product, while the doors are already open.

What the greeting asks comes first, with what it needs; then small ones before large ones. With a product come the
projections of its consumers that stand beside the products, once: whoever takes one back is not given it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import yaml

from gateway import Gateway, GatewayError
from gateway.publication import bundle
from gateway.publication.bundle import Declared
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from ports.command import show
from ports.command.publication import finding, publication

_LOOK_S = 0.05
PRODUCT = "customer_360"
# Beside the folder of the products: files of `outport projection apply`.
PROJECTIONS = "projections"
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
            published = publication(self._settings, [one], quiet=True)
            failed |= not published
            if published and one.product.name not in served:
                projected(self._settings, one.product.name)
        while not failed and not self._served():
            if self._stop.wait(_LOOK_S):
                return
        if not failed:
            show.line(f"ready       all {len(reading.products)} declared products are served")


def projected(settings: Settings, product: str) -> None:
    """Define what stands beside the products as projections over one that is new here, each as its owner."""
    for file in sorted((settings.products.parent / PROJECTIONS).glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        try:
            declared = _declared(text)
            if declared is None or declared[1] != product:
                continue
            gateway = Gateway(settings)
            try:
                gateway.projections.define(gateway.impersonate(declared[0], "command"), [(file.name, text)])
            finally:
                gateway.close()
            show.line(f"{file.stem} over {product} is defined, as {declared[0]}")
        except (GatewayError, yaml.YAMLError) as error:
            show.error(f"{PROJECTIONS}/{file.name}: {error}")


def _declared(text: str) -> tuple[str, str] | None:
    """Owner and origin of a projection's file, None where it does not name them."""
    document = yaml.safe_load(text)
    found = [document.get(name) for name in ("owner", "of")] if isinstance(document, dict) else []
    owner, origin = found or (None, None)
    return (owner, origin.partition("@")[0]) if isinstance(owner, str) and isinstance(origin, str) else None


def _in_order(products: Sequence[Declared]) -> list[Declared]:
    ordered = bundle.in_order(products)
    first, found = {PRODUCT}, 0
    while len(first) > found:
        found = len(first)
        first |= {name for one in ordered if one.product.name in first for name in one.needs}
    return sorted(ordered, key=lambda one: one.product.name not in first)
