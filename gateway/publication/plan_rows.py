"""How many rows of what is served one row filter leaves and another does not: for a plan, which the operator reads.

Opens served snapshots read-only, in an instance of its own. What is counted is what is served now: rows that are to be
built are in no file yet.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from gateway.errors import BadQuery
from gateway.inputs.duck_writer import WriteError, Writer
from gateway.inputs.job import Attachment
from gateway.publication.blueprint import ATTACHED
from gateway.serving.engine import default_threads
from gateway.settings import Settings
from gateway.snapshot import Snapshot
from gateway.sql import duck, scope

_MEMORY_LIMIT = "1GB"
# A filter of nobody's rows, and one of all.
NOBODY, EVERYBODY = "false", "true"


class RowCounts:
    """Counts rows, each pair of filters of a table once. A context manager; nothing is opened before it is needed."""

    def __init__(self, settings: Settings, served: Iterable[Snapshot]) -> None:
        self._threads = settings.threads or default_threads()
        self._served = {one.product.name: one for one in served}
        self._known: dict[tuple[str, str, str, str], int | None] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._writer: Writer | None = None

    def __enter__(self) -> RowCounts:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._folder is not None:
            self._folder.cleanup()

    def only(self, product: str, table: str, these: str, others: str) -> int | None:
        """The rows of a table that `these` leaves and `others` does not; None where what is served cannot tell."""
        if these == others:
            return 0
        asked = (product, table, these, others)
        if asked not in self._known:
            self._known[asked] = self._counted(*asked)
        return self._known[asked]

    def _counted(self, product: str, table: str, these: str, others: str) -> int | None:
        snapshot = self._served.get(product)
        if snapshot is None or table not in snapshot.row_counts:
            return None
        name = duck.quote(table)
        condition = f"coalesce(({these}), false) AND NOT coalesce(({others}), false)"
        try:
            statement = duck.parse(f"SELECT count(*) FROM {name} AS {name} WHERE {condition}")
            scope.resolve(statement, lambda path, _: (f"{ATTACHED}{snapshot.id}", "core", path[-1]))
            found = self._opened().number(duck.deparse(statement))
        except (BadQuery, WriteError):
            return None  # it names what is not served yet
        return None if found is None else int(found)

    def _opened(self) -> Writer:
        if self._writer is None:
            self._folder = tempfile.TemporaryDirectory(prefix="outport-plan-")
            attached = [Attachment(f"{ATTACHED}{one.id}", str(one.path.resolve())) for one in self._served.values()]
            self._writer = Writer(
                Path(self._folder.name), threads=self._threads, memory_limit=_MEMORY_LIMIT, files=(), attached=attached
            )
        return self._writer
