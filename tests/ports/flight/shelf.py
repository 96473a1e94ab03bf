"""A deployment of its own, whose products are published again: two products, `one` and `two`, behind a Flight door."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.flight.server import FlightPort
from tests.ports.flight.conftest import Flight, Spied
from tests.workshop import KEY, STEWARD, Workshop, column

TABLE = {"id": {**KEY}, "who": column("VARCHAR"), "stamp": column("INTEGER")}
ROWS = 1_000
MANY = 300_000  # three row groups


def stamped(stamp: int, rows: int = ROWS) -> pa.Table:
    """Rows that all hold `stamp`."""
    return pa.table(
        {
            "id": pa.array(range(rows), pa.int64()),
            "who": [f"p{number % 97}" for number in range(rows)],
            "stamp": pa.array([stamp] * rows, pa.int32()),
        }
    )


class Shelf:
    """The folders, the gateway and the open door."""

    def __init__(self, folder: Path, rows: int = ROWS, **settings: Any) -> None:
        self.stamps = {"one": 0, "two": 0}
        self.made = Workshop(folder, flight_port=0, **settings)
        scope = {"product": "one"}
        odd = {"id": "odd", "on": scope, "to": {"role": "analyst"}, "grant": {"columns": ["*"], "rows": "id % 2 = 1"}}
        self.made.allow(STEWARD, odd)
        for product in ("one", "two"):
            self.made.declare(product, {"t": TABLE}, data={"t": stamped(0, rows if product == "one" else ROWS)})
        self.made.settings.state.mkdir()
        directory = Directory(self.made.settings.principals, load(self.made.settings))
        for subject in ("steward", "analyst", "stranger"):
            directory.add(subject, "person", {"role": (subject,)}, f"{subject}-secret")
        for product in ("one", "two"):
            self.made.publish(product)
        self.gateway = Gateway(self.made.settings)
        self._port = FlightPort(Spied(self.gateway))  # type: ignore[arg-type]
        self._port.start()
        self.flight = Flight(Spied(self.gateway), self._port)

    def serve(self, product: str, rows: int = ROWS) -> str:
        """Publish `product` anew, with the next stamp; the id of its snapshot."""
        self.stamps[product] += 1
        self.made.fill(product, "t", stamped(self.stamps[product], rows))
        return self.made.publish(product).id

    def close(self) -> None:
        """Close the door and the gateway."""
        self.flight.close()
        self._port.stop()
        self.gateway.close()


@contextmanager
def opened(folder: Path, rows: int = ROWS, **settings: Any) -> Iterator[Shelf]:
    """A shelf that is closed at the end; `one` has so many rows at first."""
    shelf = Shelf(folder, rows, **settings)
    try:
        yield shelf
    finally:
        shelf.close()
