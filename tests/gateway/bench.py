"""A workbench for the rooms behind the front door: a snapshot made by hand, a decision made by hand, one engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from gateway.binding.bind import Binder, Query
from gateway.binding.views import Grant
from gateway.decision import Decision, Treatment, unknown_relation
from gateway.limits import Limits
from gateway.product import Column, Product, Table
from gateway.serving.catalog import Snapshot
from gateway.serving.engine import Engine
from gateway.serving.forms import Form
from gateway.serving.stream import Provenance, Result, Summary
from gateway.sql.scope import Path as Name
from gateway.sql.scope import Users

USERS = Users("tester", "tester")
NOWHERE = Provenance("test", (), "")
LIMITS = Limits(20, 20, None)


def product(name: str, table: Table, barrier: Any = "plain") -> Product:
    """A product of one table."""
    return Product(
        name,
        name,
        "1.0.0",
        "active",
        None,
        "",
        "",
        "",
        "",
        "",
        (),
        (table,),
        (),
        (),
        (),
        (),
        None,
        barrier,
        600,
        "",
        {},
    )


def table(name: str, columns: dict[str, str], key: tuple[str, ...] = ()) -> Table:
    """A table of public columns: name -> type."""
    made = tuple(Column(n, kind, False, False, "public", frozenset(), "", "") for n, kind in columns.items())
    return Table(name, "", "", made, key, (), (), (), None)


def grant(snapshot: Snapshot, rows: str | None = None, **treatments: Treatment) -> Grant:
    """A grant on the snapshot's only table: raw but for `treatments`."""
    (only,) = snapshot.product.tables
    raw = {c.name: Treatment("raw", f'"{c.name}"', "", ("r",)) for c in only.columns}
    decision = Decision(snapshot.product.name, only.name, ("r",), rows, {**raw, **treatments}, float("inf"), (), {})
    return Grant(snapshot, only, decision)


class Bench:
    """One engine over a folder of snapshots; `names` are the relations that a query may name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.binder = Binder()
        self.engine = Engine(
            snapshots=folder / "snapshots",
            spill=folder / "spill",
            threads=2,
            memory_limit="1GB",
            running_limit=4,
            queue_s=1,
        )
        self.names: dict[Name, Grant] = {}
        self.summaries: list[Summary] = []

    def snapshot(self, identifier: str, made: Product, select: str) -> Snapshot:
        """A snapshot file whose one table holds the rows of `select`; an identifier names one snapshot for ever."""
        path = self.folder / "snapshots" / identifier / "core.duckdb"
        path.parent.mkdir(parents=True)
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH '{path}' AS made")
            connection.execute("CREATE SCHEMA made.core")
            connection.execute(f'CREATE TABLE made.core."{made.tables[0].name}" AS {select}')
        return Snapshot(identifier, made, path, datetime.now(UTC), None, {}, (), frozenset())

    def resolve(self, path: Name) -> Grant:
        """The grant on a relation. Raises NotFound."""
        found = self.names.get(tuple(part.lower() for part in path))
        if found is None:
            raise unknown_relation(".".join(path))
        return found

    def start(self, text: str, parameters: Any = (), form: Form = "arrow", limits: Limits = LIMITS) -> Result:
        """The running query."""
        plan = self.binder.bind(Query(text, parameters), USERS, (), self.resolve)
        return self.engine.run(plan, form, limits, 2048, float("inf"), NOWHERE, self.summaries.append, lambda: None)

    def batches(self, text: str, parameters: Any = (), form: Form = "arrow") -> Iterator[pa.RecordBatch]:
        """The answer's batches."""
        with self.start(text, parameters, form) as result:
            yield from result.batches()

    def table(self, text: str, parameters: Any = (), form: Form = "arrow") -> pa.Table:
        """The whole answer."""
        with self.start(text, parameters, form) as result:
            return pa.Table.from_batches(list(result.batches()), result.schema)

    def rows(self, text: str, parameters: Any = (), form: Form = "arrow") -> list[dict[str, Any]]:
        """The whole answer as dictionaries."""
        rows: list[dict[str, Any]] = self.table(text, parameters, form).to_pylist()
        return rows
