"""What the page shows, as values that a template prints. Pure."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass

from gateway import Semantic, VisibleProduct, VisibleTable
from ports.http import projection
from ports.http.projection import Outcome

_PUBLIC_WORDS = {"raw": "shown", "partial": "partly shown", "bucket": "coarsened", "hash": "pseudonym",
                 "constant": "replaced", "null": "withheld"}  # fmt: skip


@dataclass(frozen=True)
class ColumnView:
    """One column: what it is, and what the policy makes of it for this principal."""

    name: str
    type: str
    classification: str
    tags: tuple[str, ...]
    description: str
    is_key: bool
    treatment: str
    kind: str
    reason: str
    shown: bool


@dataclass(frozen=True)
class MeasureView:
    """One measure or dimension that the principal may use; `expression` is "" where it is a column of that name."""

    name: str
    kind: str
    unit: str
    expression: str
    description: str
    formula: str
    alternatives: tuple[str, ...]


@dataclass(frozen=True)
class TableView:
    """One table with its first rows; `rows` hold one text per column that is shown, None for NULL."""

    name: str
    description: str
    granularity: str
    row_count: int | None
    filtered_by: str
    columns: tuple[ColumnView, ...]
    measures: tuple[MeasureView, ...]
    outcomes: tuple[Outcome, ...]
    rows: tuple[tuple[str | None, ...], ...]

    @property
    def shown(self) -> tuple[ColumnView, ...]:
        """The columns of `rows`."""
        return tuple(column for column in self.columns if column.shown)


@dataclass(frozen=True)
class Line:
    """One way to connect: where it is typed, and what."""

    title: str
    text: str


@dataclass(frozen=True)
class Site:
    """Where the doors are and who is asking; `password` is shown in the demo only, where everybody knows it."""

    base: str
    flight: str | None
    subject: str
    password: str | None


def table(visible: VisibleProduct, one: VisibleTable, rows: tuple[tuple[str | None, ...], ...]) -> TableView:
    """One table as the page shows it."""
    decision = one.decision
    return TableView(
        name=one.table.name,
        description=one.table.description,
        granularity=one.table.granularity,
        row_count=projection.row_count(visible, one),
        filtered_by=", ".join(decision.rules) if decision.rows is not None else "",
        columns=tuple(_column(one, column.name) for column in one.known),
        measures=tuple(_measure(item) for item in one.semantics),
        outcomes=projection.outcomes(visible, one),
        rows=rows,
    )


def _measure(item: Semantic) -> MeasureView:
    return MeasureView(
        name=item.name,
        kind=item.kind,
        unit=item.unit,
        expression="" if item.expression.strip('"') == item.name else item.expression,
        description=item.description,
        formula=item.tree.formula if item.tree is not None else "",
        alternatives=tuple(f"{one.measure}, as {one.proposed_by} proposed: {one.reason}" for one in item.alternatives),
    )


def _column(table: VisibleTable, name: str) -> ColumnView:
    column, treatment = table.table.column(name), table.decision.treatments[name]
    words = treatment.mask or treatment.kind
    rules = ", ".join(treatment.rules) or "no rule of its own"
    use = table.decision.uses.get(name)
    cells = "" if treatment.kind != "raw" or projection.raw(table, name) else " where its row allows"
    told = (_PUBLIC_WORDS[treatment.kind] + cells) if treatment.kind == "raw" else words
    reason = f"{_PUBLIC_WORDS[treatment.kind]}{cells} by rule {rules}"
    return ColumnView(
        name=column.name,
        type=column.type,
        classification=column.effective_class,
        tags=tuple(sorted(column.tags)),
        description=column.description,
        is_key=name in table.key,
        treatment=told if use is None else f"only for {use.words}",
        kind=treatment.kind if use is None else "null",
        reason=reason if use is None else f"used and not shown by rule {', '.join(use.rules)}",
        shown=use is None,
    )


def lines(visible: VisibleProduct, site: Site) -> tuple[Line, ...]:
    """How to connect, one line per door that the product declares."""
    product, first = visible.product, visible.tables[0].table.name
    user = site.subject if site.password is None else f"{site.subject}:{site.password}"
    found: list[Line] = []
    if product.serves("rest"):
        address = f"{site.base}/products/{product.name}/{first}?limit=5"
        found.append(Line("curl", f'curl -u {user} "{address}"'))
    if product.serves("graphql"):
        fields = " ".join(column.name for column in visible.tables[0].columns[:3]) or "__typename"
        body = f'{{"query": "{{ {product.name} {{ {first}(limit: 5) {{ {fields} }} }} }}"}}'
        found.append(Line("GraphQL", f"curl -u {user} --json '{body}' {site.base}/graphql"))
    if product.serves("mcp"):
        proof = "..." if site.password is None else f"Basic {b64encode(user.encode()).decode()}"
        entry = {"type": "http", "url": f"{site.base}/mcp", "headers": {"Authorization": proof}}
        found.append(Line("MCP (agents)", json.dumps({"mcpServers": {"outport": entry}})))
    if product.serves("flightsql") and site.flight is not None:
        secret = site.password or "..."
        arguments = f'{{"username": "{site.subject}", "password": "{secret}"}}'
        found.append(
            Line(
                "Python, ADBC",
                "import adbc_driver_flightsql.dbapi as flight_sql\n"
                f'with flight_sql.connect("{site.flight}", db_kwargs={arguments}, autocommit=True) as connection:\n'
                "    cursor = connection.cursor()\n"
                f'    cursor.execute("SELECT * FROM {product.name}.{first} LIMIT 5")\n'
                "    print(cursor.fetch_arrow_table())",
            )
        )
    return tuple(found)
