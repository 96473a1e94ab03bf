"""What a server answers to a fixture, in a form that two servers can share: names for oids, an order, no own values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from psycopg import pq

from tests.clients.postgres_catalog.fixtures import Fixture

FIRST_OWN_OID = 16384  # PostgreSQL 15, access/transam.h: smaller ones are alike in every database
MASK = "*"
# The types whose values may be oids; those of text are read alike by every client, so they are one.
_INTEGERS = frozenset({20, 21, 23, 26, 2205, 2206, 4089, 24})
TEXTS: Mapping[int, int] = {19: 25, 1043: 25, 1042: 25, 705: 25}


@dataclass(frozen=True)
class Answer:
    """Columns as (name, type oid), and rows as texts; or the SQLSTATE of a refusal."""

    columns: tuple[tuple[str, int], ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    refused: str = ""

    def as_read(self) -> Answer:
        """As a client reads it, for which all types of text are one."""
        columns = tuple((name, TEXTS.get(oid, oid)) for name, oid in self.columns)
        return Answer(columns, self.rows, self.refused)


@dataclass
class Server:
    """A connection to one server, and the oids that names have there."""

    connection: pq.abc.PGconn
    names: dict[int, str] = field(default_factory=dict)

    def learn(self) -> None:
        """Read the oids of relations, schemas, constraints, types, roles and databases, where that is answered."""
        schemas = {row[0]: row[1] for row in self._rows("SELECT oid, nspname FROM pg_catalog.pg_namespace")}
        relations = self._rows("SELECT oid, relname, relnamespace FROM pg_catalog.pg_class")
        paths = {oid: f"{schemas.get(schema)}.{name}" for oid, name, schema in relations}
        found: dict[str | None, str] = {oid: str(name) for oid, name in schemas.items()}
        found |= paths
        for oid, name, owner in self._rows("SELECT oid, conname, conrelid FROM pg_catalog.pg_constraint"):
            found[oid] = f"constraint {paths.get(owner)} {name}"
        for oid, name, schema in self._rows("SELECT oid, typname, typnamespace FROM pg_catalog.pg_type"):
            found[oid] = f"type {schemas.get(schema)}.{name}"
        for table, kind in (("roles", "rolname"), ("database", "datname")):
            for oid, name in self._rows(f"SELECT oid, {kind} FROM pg_catalog.pg_{table}"):
                found[oid] = f"{table} {name}"
        self.names = {int(oid): name for oid, name in found.items() if oid and int(oid) >= FIRST_OWN_OID}

    def ask(self, fixture: Fixture) -> Answer:
        """The answer to a fixture; refused as 42704 where it names what is not known here."""
        try:
            text, given = fixture.asked({name: oid for oid, name in self.names.items()})
        except KeyError:
            return Answer(refused="unknown name")
        if fixture.search_path:
            self._answer(f"SET search_path = {fixture.search_path}", ())
        answer = self._answer(text, given)
        if fixture.search_path:
            self._answer("RESET search_path", ())
        return normalised(answer, self.names, fixture)

    def _answer(self, text: str, given: Sequence[bytes | None]) -> Answer:
        result = self.connection.exec_params(text.encode(), given) if given else self.connection.exec_(text.encode())
        state = result.error_field(pq.DiagnosticField.SQLSTATE)
        if state is not None:
            return Answer(refused=state.decode())
        columns = tuple(((result.fname(i) or b"").decode(), result.ftype(i)) for i in range(result.nfields))
        rows = [
            tuple(None if (cell := result.get_value(row, i)) is None else cell.decode() for i in range(result.nfields))
            for row in range(result.ntuples)
        ]
        return Answer(columns, tuple(rows))

    def _rows(self, text: str) -> tuple[tuple[str | None, ...], ...]:
        return self._answer(text, ()).rows


def normalised(answer: Answer, names: Mapping[int, str], fixture: Fixture) -> Answer:
    """`answer` with names for this server's oids, masked where values are its own, and in an order of its own."""
    columns = [name for name, _ in answer.columns]
    masked = [name in fixture.differs for name in columns]
    oids = [kind in _INTEGERS for _, kind in answer.columns]

    def cell(value: str | None, place: int) -> str | None:
        if value is None or masked[place]:
            return None if value is None else MASK
        if oids[place] and value.isdecimal() and int(value) >= FIRST_OWN_OID:
            return f"@{names.get(int(value), '?')}"
        return value

    rows = [tuple(cell(value, place) for place, value in enumerate(row)) for row in answer.rows]
    if not fixture.ordered:
        rows.sort(key=lambda row: [(one is not None, one or "") for one in row])
    return Answer(answer.columns, tuple(rows), answer.refused)
