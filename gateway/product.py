"""What a compiled data product is: frozen values only. Touches no file, no engine.

`contract.py` makes them from descriptors; everything else reads them. Names match `[a-z][a-z0-9_]{0,62}`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from gateway.limits import Limits
from gateway.objective import Objective

Classification = Literal["public", "internal", "confidential", "restricted"]
CLASSES: tuple[Classification, ...] = ("public", "internal", "confidential", "restricted")
Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. `type` is DuckDB's canonical type text, such as `DECIMAL(18,2)` or `VARCHAR`.

    `classification` is None where the contract declares none: it then counts as restricted, and no `*` grant covers it
    below that class. `physical_name` is the column's name in the source file where that differs, "" otherwise.
    `declassified` is the policy's rule that may keep it from inheriting the class and tags of what it is made of.
    """

    name: str
    type: str
    required: bool
    unique: bool
    classification: Classification | None
    tags: frozenset[str]
    description: str
    business_name: str
    physical_name: str = ""
    declassified: str = ""

    @property
    def effective_class(self) -> Classification:
        """The declared class; restricted where none is."""
        return self.classification or "restricted"


@dataclass(frozen=True, slots=True)
class Relationship:
    """A foreign key: `columns` of this table name `to_columns` of `to_table` in the same product (or `to_product`)."""

    columns: tuple[str, ...]
    to_product: str
    to_table: str
    to_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QualityRule:
    """One ODCS quality rule. `query` is one SELECT of one value; the rule holds if the value satisfies `comparison`.

    `comparison` is an ODCS operator with its operand(s), such as ("mustBe", (0,)) or ("mustBeBetween", (0, 10)).
    `unit` "percent" means that the value is 100 * rows that break the rule / rows. `condition` is that of the rows it
    counts, by what each holds in `column`; both are "" where it is not about single rows.
    """

    id: str
    name: str
    dimension: str
    severity: Severity
    query: str
    comparison: tuple[str, tuple[float, ...]]
    unit: Literal["rows", "percent"]
    where: str
    condition: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class MetricTree:
    """What drives a measure: `formula` is arithmetic of measures of the same table, "" where none is declared."""

    north_star: bool
    drivers: tuple[str, ...]
    formula: str


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another measure of the table that was proposed for the same name, by whom, and why it was not chosen."""

    measure: str
    proposed_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Semantic:
    """A measure or dimension: `expression` is SQL over the table's columns (and, for measures, other measures).

    `additive` is whether the values of parts of the rows add up to that of all. `grains` are the steps of time that a
    dimension is meant for, in its `zone`; `reads` the columns that a dimension is computed of.
    """

    name: str
    kind: Literal["measure", "dimension"]
    expression: str
    type: str
    description: str
    synonyms: tuple[str, ...]
    title: str = ""
    additive: bool = False
    unit: str = ""
    format: str = ""
    grains: tuple[str, ...] = ()
    zone: str = ""
    tree: MetricTree | None = None
    alternatives: tuple[Alternative, ...] = ()
    reads: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a product; `model` is its SELECT over the inputs, None where the table is a source file as it is.

    `python` is the text of its model where that is in Python.
    """

    name: str
    description: str
    granularity: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    relationships: tuple[Relationship, ...]
    quality: tuple[QualityRule, ...]
    semantics: tuple[Semantic, ...]
    model: str | None
    python: str | None = None

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def identified_by(self, columns: Collection[str]) -> bool:
        """Whether a row is the only one with its values of `columns`: they hold the key, which publication verifies."""
        return bool(self.key) and set(self.key) <= set(columns)


@dataclass(frozen=True, slots=True)
class OutputPort:
    """A declared door: `type` is rest, graphql, postgres, flightsql or mcp; an untyped one of a draft is all."""

    name: str
    type: str | None
    version: str
    contract_id: str
    description: str
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class FileSource:
    """A local file that feeds one table or one input: `format` is parquet, csv or json.

    `path` is relative to the product's folder, or to the installed Python package `package` where one is named.
    """

    path: str
    format: Literal["parquet", "csv", "json"]
    package: str | None


@dataclass(frozen=True, slots=True)
class PushSource:
    """Rows that clients push: each push adds to those before, or, by `upsert`, takes the place of rows of its keys."""

    mode: Literal["append", "upsert"]


@dataclass(frozen=True, slots=True)
class Watermark:
    """The column of a source that grows with each change; `lookback` seconds or steps are read again for late rows."""

    column: str
    lookback: int


@dataclass(frozen=True, slots=True)
class DatabaseSource:
    """A table of another database, by its ADBC `driver`; `uri` refers to secrets by name, `where` is its declaration.

    The `file` of an embedded one is relative to the product's folder, "" for a server.
    """

    driver: str
    uri: str
    file: str
    schema: str
    table: str
    where: str
    watermark: Watermark | None = None


@dataclass(frozen=True, slots=True)
class LakeSource:
    """A Delta or an Iceberg table: its folder, relative to the product's; of the latter also a metadata file in it."""

    path: str
    format: Literal["delta", "iceberg"] = "delta"


Feed = PushSource | DatabaseSource | LakeSource


@dataclass(frozen=True, slots=True)
class RowRule:
    """What each row of an input keeps to; `broken` is the condition over its typed `column` under which it does not."""

    id: str
    broken: str
    where: str
    column: str


@dataclass(frozen=True, slots=True)
class KeyRule:
    """Columns of an input's table of whose values no two rows have the same; where one is NULL there are none.

    `id` is what rows that do are set aside by, such as `id.primaryKey`.
    """

    id: str
    columns: tuple[str, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """What an input's contract says of the rows of one table, each rule at its place in the contract.

    Rows that break it are set aside, up to `limit` of them (`unit` percent: of 100 rows); beyond it nothing goes on.
    `required` are the columns that hold no NULL; `places` are (column, its name at the source, where it is declared).
    `keys` are looked at once a row keeps to all `rules`, one after the other.
    """

    rules: tuple[RowRule, ...]
    required: tuple[str, ...]
    limit: float
    unit: Literal["rows", "percent"]
    where: str
    places: tuple[tuple[str, str, str], ...]
    keys: tuple[KeyRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Input:
    """What models may read as `<name>.<table>`: another product (source None) or files by table name.

    `arrivals` are what the contract says of rows that arrive, by table; `feeds` are the tables that no file feeds.
    """

    name: str
    version: str
    product: str | None
    files: tuple[tuple[str, FileSource], ...]
    tables: tuple[Table, ...]
    arrivals: tuple[tuple[str, Arrival], ...] = ()
    feeds: tuple[tuple[str, Feed], ...] = ()


@dataclass(frozen=True, slots=True)
class Sla:
    """One ODCS SLA property, as declared."""

    property: str
    value: str | int | float
    unit: str
    element: str
    description: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """`cron` in `zone`, "" where there is none; `upstream`: also when a product that it reads is published."""

    cron: str
    zone: str
    upstream: bool


@dataclass(frozen=True, slots=True)
class Product:
    """One compiled data product. `digest` is the hash of its documents and models: its identity.

    `documents` maps file name -> parsed descriptor, vendor properties included, so that it round-trips.
    `data_clock` is the source's own "now" as an ISO timestamp or an SQL scalar over the inputs, None for real time.
    `sources` maps table -> the file that it is read from, for tables without a model. `retain_s` is how long a replaced
    snapshot stays, None where the deployment's setting says it. `lineage` is the hash of what columns have inherited.
    `limits` narrow those of the deployment for whatever reads the product, and those of its `workspace`, "" for none.
    `schedule` is when it is made anew.
    `generated` says how its rows were made up, "" where nobody says that they were.
    """

    name: str
    title: str
    version: str
    status: str
    kind: Literal["sourceAligned", "aggregate", "consumerAligned"] | None
    domain: str
    owner: str
    purpose: str
    usage: str
    limitations: str
    tags: tuple[str, ...]
    tables: tuple[Table, ...]
    inputs: tuple[Input, ...]
    sources: tuple[tuple[str, FileSource], ...]
    ports: tuple[OutputPort, ...]
    sla: tuple[Sla, ...]
    data_clock: str | None
    barrier: Literal["plain", "secure"]
    retain_s: int | None
    digest: str
    documents: Mapping[str, Any]
    deprecated_on: datetime | None = None
    sunset_on: datetime | None = None
    agreement_required: bool = False
    lineage: str = ""
    limits: Limits | None = None
    workspace: str = ""
    objectives: tuple[Objective, ...] = ()
    schedule: Schedule | None = None
    generated: str = ""

    @property
    def identity(self) -> str:
        """The hash of all that policies look at: its documents, and what its columns have inherited."""
        return f"{self.digest}.{self.lineage}"

    @property
    def major(self) -> int:
        """The major version: 1 of 1.2.0."""
        return int(self.version.split(".")[0])

    def table(self, name: str) -> Table:
        """The table of that name. Raises KeyError."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)

    def serves(self, port: str) -> bool:
        """Whether the descriptor declares the door `port` (rest, graphql, postgres, flightsql, mcp)."""
        return bool(self._at(port))

    def ends(self, port: str) -> bool:
        """Whether all that it declares of the door `port` is deprecated there."""
        declared = self._at(port)
        return bool(declared) and all(one.deprecated for one in declared)

    def _at(self, port: str) -> tuple[OutputPort, ...]:
        return tuple(one for one in self.ports if one.type is None or one.type == port)


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """A keyed hash of one column, published in the snapshot as the column `physical`, joinable within `link`."""

    table: str
    column: str
    link: str

    @property
    def physical(self) -> str:
        """The column's name in the snapshot: `$` keeps it out of the reach of any contract identifier."""
        return f"{self.column}${self.link}"


@dataclass(frozen=True, slots=True)
class Inherited:
    """What one column of a model is served as: its class and tags, and the columns `sources` that it is made of.

    `rule` is the policy's rule that declassifies it, "" where it has inherited; it is then served as the contract says.
    """

    table: str
    column: str
    classification: Classification | None
    tags: tuple[str, ...]
    sources: tuple[str, ...]
    rule: str
