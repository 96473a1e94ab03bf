"""What must not appear: raw values of the deployment, read from its snapshots and kept in this process.

The one room of the command that reads past a policy. It takes the decisions as explain-access tells them and works out
for itself what they leave visible, so that a fault in binding, engine or doors does not hide itself. Prints nothing.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.binding.bind import Binder, Query, Value
from gateway.binding.views import Grant
from gateway.decision import Decision, Treatment, unknown_relation
from gateway.errors import GatewayError
from gateway.limits import Limits
from gateway.product import Table
from gateway.serving.catalog import Snapshot
from gateway.serving.engine import Engine
from gateway.serving.stream import Provenance
from gateway.settings import Settings
from gateway.sql import duck
from gateway.sql.scope import Path as Name
from gateway.sql.scope import Users

_LIMITS = Limits(60.0, 60.0, None)
_USERS = Users("security-test", "security-test")
_SAMPLE = 40
# What a canary may be made of: a value of which nobody writes another by chance.
_TEXT = re.compile(r"[^\x00-\x1f\"'\\]{6,200}")
_NUMBER = re.compile(r"-?\d{6,}(\.\d+)?|-?\d{4,}\.\d{2,}")
_PLAIN = re.compile(r"-?\d+(\.\d+)?")
_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL", "DOUBLE", "FLOAT")
Path2 = tuple[str, str]


@dataclass(frozen=True)
class Secret:
    """One raw value that the principal may not see, as text and as SQL literal."""

    text: str = field(repr=False)
    literal: str = field(repr=False)


@dataclass(frozen=True)
class Canary:
    """A distinctive value, and of what kind it is: it stands in no answer to the principal, whatever it asks."""

    text: str = field(repr=False)
    kind: str

    def within(self, data: bytes) -> bool:
        """Whether `data` shows it as a word of its own."""
        wanted = self.text.encode()
        return (
            wanted in data
            and re.search(rb"(?<![A-Za-z0-9])" + re.escape(wanted) + rb"(?![A-Za-z0-9])", data) is not None
        )


class Oracle:
    """The raw rows of every served table."""

    def __init__(self, settings: Settings, snapshots: Iterable[Snapshot], spill: Path) -> None:
        self._tables = {
            (one.product.name, table.name): (one, table) for one in snapshots for table in one.product.tables
        }
        self._binder = Binder()
        self._engine = Engine(
            snapshots=settings.state / "snapshots",
            spill=spill,
            threads=settings.threads or 2,
            memory_limit=settings.memory_limit or "1GB",
            running_limit=2,
            queue_s=5.0,
        )

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()

    def count(self, path: Path2, rows: str | None) -> int:
        """How many rows the filter `rows` leaves."""
        found = self._texts(path[0], f"SELECT count(*) FROM {_from(path)}{_where(rows)}")
        return int(found[0])

    def secret(
        self, path: Path2, column: str, shown: str | None, rows: str | None = None, *, hidden_rows: bool = False
    ) -> Secret | None:
        """A raw value of `column` that is no value of what is shown of it; None where there is none.

        It comes from the rows that the filter leaves, or with `hidden_rows` from the others.
        """
        kind = self._tables[path][1].column(column).type
        among = _where(rows) if not hidden_rows else f" WHERE ({rows}) IS NOT TRUE"
        name = duck.quote(column)
        sample = f"SELECT {name} AS v FROM {_from(path)}{among}"
        try:
            values = self._texts(path[0], _sampled(sample))
            if shown is not None:
                seen = set(self._among(path, shown, rows, values))
                values = [value for value in values if value not in seen]
        except GatewayError:
            return None
        usable = sorted(value for value in values if _literal(value, kind) is not None)
        return Secret(usable[0], _literal(usable[0], kind) or "") if usable else None

    def candidates(self, path: Path2, column: str, rows: str | None = None, *, hidden_rows: bool = False) -> list[str]:
        """Distinctive raw values of `column`, a sample."""
        among = _where(rows) if not hidden_rows else f" WHERE ({rows}) IS NOT TRUE"
        sample = f"SELECT {duck.quote(column)} AS v FROM {_from(path)}{among}"
        try:
            return [value for value in self._texts(path[0], _sampled(sample)) if distinctive(value)]
        except GatewayError:
            return []

    def shown(self, path: Path2, expression: str, rows: str | None, values: Sequence[str]) -> set[str]:
        """Which of `values` stand in what is shown as `expression`, whole or as a part of a text.

        All of them where that cannot be worked out: a canary that may be visible is none.
        """
        if not values:
            return set()
        try:
            return {*self._among(path, expression, rows, values), *self._parts(path, expression, rows, values)}
        except GatewayError:
            return set() if "$" in expression else set(values)

    def _among(self, path: Path2, expression: str, rows: str | None, values: Sequence[str]) -> list[str]:
        text = (
            f"SELECT DISTINCT v FROM (SELECT CAST(({expression}) AS VARCHAR) AS v FROM {_from(path)}{_where(rows)}) "
            "WHERE v IN (SELECT unnest($1::VARCHAR[]))"
        )
        return self._texts(path[0], text, list(values))

    def _parts(self, path: Path2, expression: str, rows: str | None, values: Sequence[str]) -> list[str]:
        kinds = {column.name: column.type for column in self._tables[path][1].columns}
        kind = kinds.get(expression.strip('"'), "VARCHAR")
        if kind.startswith((*_NUMERIC, "DATE", "TIMESTAMP", "BOOLEAN")):
            return []
        pattern = "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))
        text = (
            "SELECT DISTINCT unnest(regexp_extract_all(v, $1)) FROM "
            f"(SELECT CAST(({expression}) AS VARCHAR) AS v FROM {_from(path)}{_where(rows)})"
        )
        return self._texts(path[0], text, pattern)

    def _texts(self, product: str, text: str, *parameters: Value) -> list[str]:
        """The first column of an answer over raw rows. Raises GatewayError."""
        plan = self._binder.bind(Query(text, parameters), _USERS, (product,), self._grant(product))
        with self._engine.run(
            plan, "arrow", _LIMITS, 8192, float("inf"), Provenance("", (), ""), lambda _: None, lambda: None
        ) as answer:
            return [str(cell) for batch in answer.batches() for cell in batch.column(0).to_pylist() if cell is not None]

    def _grant(self, product: str) -> Callable[[Name], Grant]:
        def resolve(path: Name) -> Grant:
            found = self._tables.get((path[-2] if len(path) > 1 else product, path[-1]))
            if found is None:
                raise unknown_relation(".".join(path))
            return Grant(*found, _everything(*found))

        return resolve


@contextmanager
def opened(settings: Settings, snapshots: Iterable[Snapshot]) -> Iterator[Oracle]:
    """An oracle with an engine of its own; a broken query of a hidden row's text is no leak here."""
    with tempfile.TemporaryDirectory() as folder:
        made = Oracle(settings, snapshots, Path(folder))
        try:
            yield made
        finally:
            made.close()


def distinctive(value: str) -> bool:
    """Whether `value` is unlikely to stand anywhere by chance."""
    if _PLAIN.fullmatch(value):
        return _NUMBER.fullmatch(value) is not None
    letters = sum(one.isalpha() for one in value)
    return _TEXT.fullmatch(value) is not None and (
        len(value) >= 10 or (letters > 0 and any(c.isdigit() for c in value))
    )


def _everything(snapshot: Snapshot, table: Table) -> Decision:
    raw = {one.name: Treatment("raw", duck.quote(one.name), "", ()) for one in table.columns}
    return Decision(snapshot.product.name, table.name, ("security-test",), None, raw, float("inf"), (), {})


def _sampled(text: str) -> str:
    """Some of the values `v` of a query, as texts."""
    rows = f"(SELECT * FROM ({text}) USING SAMPLE {_SAMPLE} ROWS)"
    return f"SELECT DISTINCT CAST(v AS VARCHAR) FROM {rows} WHERE v IS NOT NULL"


def _from(path: Path2) -> str:
    return f"{duck.quote(path[0])}.{duck.quote(path[1])} AS {duck.quote(path[1])}"


def _where(rows: str | None) -> str:
    return "" if rows is None else f" WHERE ({rows}) IS TRUE"


def _literal(value: str, kind: str) -> str | None:
    """`value` as SQL of its type; None for what has no plain one."""
    if "\\" in value or "\x00" in value or len(value) > 200:
        return None
    if kind == "VARCHAR":
        return "'" + value.replace("'", "''") + "'"
    if kind.startswith(_NUMERIC):
        return value if _PLAIN.fullmatch(value) else None
    if kind in {"DATE", "TIMESTAMP"}:
        return f"{kind} '{value}'"
    return None
