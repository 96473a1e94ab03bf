"""A small fixed world for policies: one product of two tables, its rows, and Decisions answered by a real DuckDB.

Every row of `people` has a hidden number (`row$`), so that cells can be told apart whatever masks do to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml

from gateway.binding.bind import Binder, Query
from gateway.binding.views import Grant
from gateway.decision import Decision
from gateway.errors import GatewayError, NotFound
from gateway.policies import policy
from gateway.policies.policy import PolicySet
from gateway.principal import NEVER, Claim, Environment, Principal
from gateway.product import Classification, Column, Product, Pseudonym, Relationship, Semantic, Table
from gateway.snapshot import Snapshot

MASKS = Path(__file__).parent.parent / "policies" / "masks.yaml"
CLAIMS = {"zone": "varchar", "zones": ["varchar"], "store": "integer", "status": "varchar", "grade": "integer"}
NOON = 1_700_049_600.0  # 2023-11-15 12:00:00 UTC


def column(name: str, kind: str, classification: Classification | None, *tags: str, unique: bool = False) -> Column:
    return Column(name, kind, False, unique, classification, frozenset(tags), "", "")


def table(name: str, *columns: Column, key: tuple[str, ...] = ("id",), **more: Any) -> Table:
    parts: dict[str, Any] = {"relationships": (), "semantics": (), **more}
    return Table(name, "", "", columns, key, parts["relationships"], (), parts["semantics"], None)


def product(name: str, *tables: Table, version: str = "1.2.0", digest: str = "") -> Product:
    return Product(
        name=name, title=name, version=version, status="active", kind=None, domain="", owner="", purpose="", usage="",
        limitations="", tags=(), tables=tables, inputs=(), sources=(), ports=(), sla=(), data_clock=None,
        barrier="plain", retain_s=600, digest=digest or f"{name}-{version}", documents={},
    )  # fmt: skip


def measure(name: str, expression: str) -> Semantic:
    return Semantic(name, "measure", expression, "BIGINT", "", ())


def dimension(name: str, expression: str) -> Semantic:
    return Semantic(name, "dimension", expression, "BIGINT", "", ())


PEOPLE = table(
    "people",
    column("id", "BIGINT", "internal", unique=True),
    column("name", "VARCHAR", "confidential", "pii"),
    column("email", "VARCHAR", "confidential", "pii"),
    column("born", "DATE", "confidential", "pii"),
    column("region", "VARCHAR", "internal"),
    column("salary", "INTEGER", "restricted"),
    column("consent", "BOOLEAN", "internal"),
    column("note", "VARCHAR", None),
    semantics=(
        measure("payroll", "sum(salary)"),
        measure("heads", "count(*)"),
        measure("mean_pay", "payroll / heads"),
        dimension("birth_year", "year(born)"),
    ),
)
VISITS = table(
    "visits",
    column("id", "BIGINT", "internal", unique=True),
    column("person_id", "BIGINT", "internal"),
    column("store", "INTEGER", "internal"),
    relationships=(Relationship(("person_id",), "lab", "people", ("id",)),),
)
LAB = product("lab", PEOPLE, VISITS)

PEOPLE_ROWS: tuple[dict[str, Any], ...] = tuple(
    dict(zip((one.name for one in PEOPLE.columns), values, strict=True))
    for values in (
        (1, "Ada", "ada@n.example", date(1980, 5, 1), "N", 50, True, "x"),
        (2, "Bob", "bob@n.example", date(1990, 6, 2), "N", 150, False, None),
        (3, "Cyd", None, None, "S", 70, None, "y"),
        (4, None, "dee@s.example", date(2000, 1, 1), "S", None, True, "x"),
        (5, "Eve", "eve@s.example", date(1975, 12, 31), None, 99, False, "z"),
        (6, "Fay", "nothing", date(1960, 2, 29), "W", -15, None, None),
        (7, "", "@", date(1999, 9, 9), "N", 0, True, "y"),
    )
)
VISIT_ROWS: tuple[dict[str, Any], ...] = tuple(
    {"id": i, "person_id": person, "store": store}
    for i, (person, store) in enumerate(((1, 1), (1, 2), (2, 2), (3, 3), (5, 1), (7, None), (None, 2)), start=1)
)


def pseudonym(value: Any, link: str) -> Any:
    """What the world's publication stores for `value`: any injective function of value and link will do."""
    if isinstance(value, int):
        return value * 1000 + sum(link.encode())
    return None if value is None else f"#{link}:{value}"


def write(folder: Path, rules: Sequence[Mapping[str, Any]], **special: Any) -> Path:
    """`rules` as a folder of policies, with the real masks.yaml; `special` overrides claims or roles."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.yaml").write_text(yaml.safe_dump(list(rules), sort_keys=False))
    (folder / "masks.yaml").write_text(MASKS.read_text())
    (folder / "claims.yaml").write_text(yaml.safe_dump(special.get("claims", CLAIMS)))
    if "roles" in special:
        (folder / "roles.yaml").write_text(yaml.safe_dump(special["roles"]))
    return folder


def load(folder: Path, rules: Sequence[Mapping[str, Any]], *products: Product, **special: Any) -> PolicySet:
    return policy.load(write(folder, rules, **special), products or (LAB,))


def principal(subject: str = "p", kind: Any = "person", until: float = NEVER, **attributes: Claim) -> Principal:
    return Principal(subject, kind, attributes, until)


def at(port: str = "rest", purpose: str | None = None, action: Any = "query", now: float = NOON) -> Environment:
    return Environment(port, purpose, action, now)


@dataclass(frozen=True)
class Answer:
    """Visible columns and, by row number, the cells of each visible row."""

    columns: tuple[str, ...]
    rows: dict[int, tuple[Any, ...]]


class World:
    """Answers Decisions over the rows of LAB, with a pseudonym column for each of `links`."""

    def __init__(self, links: Sequence[str] = ("lab", "other")) -> None:
        self._database = duckdb.connect(":memory:", config={"threads": 1})
        self.pseudonyms = frozenset(
            Pseudonym("people", name, link) for name in ("id", "name", "email", "region", "note") for link in links
        )
        for shape, rows in ((PEOPLE, PEOPLE_ROWS), (VISITS, VISIT_ROWS)):
            self._store(shape, rows)

    def _store(self, shape: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        hashes = sorted((one for one in self.pseudonyms if one.table == shape.name), key=lambda one: one.physical)
        kinds = {one.name: one.type for one in shape.columns}
        body = [f'"{name}" {kind}' for name, kind in kinds.items()]
        body += [f'"{one.physical}" {kinds[one.column]}' for one in hashes]
        self._database.execute(f'CREATE TABLE {shape.name} ("row$" INTEGER, {", ".join(body)})')
        for number, row in enumerate(rows):
            values = [number, *row.values(), *(pseudonym(row[one.column], one.link) for one in hashes)]
            marks = ", ".join("?" for _ in values)
            self._database.execute(f"INSERT INTO {shape.name} VALUES ({marks})", values)

    def answer(self, decision: Decision, shape: Table = PEOPLE) -> Answer:
        """What the decision's view shows. Asserts that each column keeps its contract's type."""
        items = [f'{decision.treatments[name].expression} AS "{name}"' for name in decision.visible]
        where = f" WHERE {decision.rows}" if decision.rows is not None else ""
        text = f'SELECT "row$", {", ".join(items)} FROM {shape.name} AS {shape.name}{where}'
        relation = self._database.sql(text)
        assert [str(kind) for kind in relation.types[1:]] == [shape.column(name).type for name in decision.visible]
        return Answer(decision.visible, {row[0]: row[1:] for row in relation.fetchall()})

    def told(self, policies: PolicySet, who: Principal, text: str) -> list[tuple[Any, ...]] | str:
        """The answer to a bound query over people as `who` asks it, or the class of its refusal."""
        snapshot = Snapshot("w", LAB, Path(), datetime.fromtimestamp(NOON, UTC), None, {}, (), self.pseudonyms)
        decision = policies.decide(who, LAB, PEOPLE, at(), self.pseudonyms)
        try:
            plan = Binder().bind(Query(text), who.subject, (), lambda _: Grant(snapshot, PEOPLE, decision))
        except GatewayError as error:
            return error.code
        cursor = self._database.cursor()
        cursor.execute("ATTACH IF NOT EXISTS ':memory:' AS snap_w")
        cursor.execute("CREATE SCHEMA IF NOT EXISTS snap_w.core; CREATE SCHEMA IF NOT EXISTS memory.gov_w")
        cursor.execute("CREATE OR REPLACE TABLE snap_w.core.people AS FROM memory.main.people")
        for view in plan.views:
            path = ".".join(f'"{part}"' for part in view.path)
            cursor.execute(f"CREATE OR REPLACE VIEW {path} AS {view.create}")
        return cursor.execute(plan.text).fetchall()

    def ask(self, policies: PolicySet, who: Principal, environment: Environment | None = None) -> Answer | None:
        """What `who` sees of people; None where the table does not exist for it."""
        try:
            return self.answer(policies.decide(who, LAB, PEOPLE, environment or at(), self.pseudonyms))
        except NotFound:
            return None
