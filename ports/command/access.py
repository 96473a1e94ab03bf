"""`outport try` and `outport explain-access`: what a principal gets, by which rule. Asks the gateway as that one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated

import pyarrow as pa
import typer
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from gateway import Gateway, Query, Session, VisibleTable, duck, scope, tree
from gateway.catalog import Catalog
from gateway.errors import Forbidden, GatewayError, NotFound
from gateway.settings import Settings
from ports.command import show
from ports.command.flags import PLACES, with_settings

Door = Annotated[str, typer.Option("--port", help="the door that the question comes through")]
Purpose = Annotated[str | None, typer.Option(help="the purpose that is stated")]


@dataclass(frozen=True)
class Treated:
    """What is done to one column for one principal: `kind`, the mask's name, the rules, the SQL."""

    column: str
    treatment: str
    rules: tuple[str, ...]
    expression: str


@with_settings(*PLACES)
def attempt(
    query: Annotated[str, typer.Argument(help="any SELECT over product names")],
    *,
    subjects: Annotated[str, typer.Option("--as", help="principals, with commas between")],
    rows: Annotated[int, typer.Option(min=1, max=1000, help="rows shown at most")] = 20,
    port: Door = "rest",
    purpose: Purpose = None,
    settings: Settings,
) -> None:
    """Ask one query as several principals: answers, column treatments and rules side by side."""
    names = [name.strip() for name in subjects.split(",") if name.strip()]
    with opened(settings) as gateway:
        panels = [_panel(gateway, name, query, rows, port, purpose) for name in names]
    grid = Grid.grid(*("" for _ in panels), padding=(0, 1))
    grid.add_row(*panels)
    show.console().print(grid)


@with_settings(*PLACES)
def explain_access(
    subject: Annotated[str, typer.Argument(help="the principal")],
    product: Annotated[str, typer.Argument(help="the product")],
    *,
    port: Door = "rest",
    purpose: Purpose = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
    settings: Settings,
) -> None:
    """Say, for each column of a product, what a principal gets and which rule made it so."""
    if Catalog(settings.state).current().find(product) is None:
        raise NotFound(f"{product} is not served", reason="product", hint="outport get")
    with opened(settings) as gateway:
        try:
            tables = gateway.product(_session(gateway, subject, port, purpose), product).tables
        except NotFound as error:
            if error.reason != "product":
                raise
            tables = ()
    if as_json:
        show.line(json.dumps(_document(subject, product, port, tables), indent=2))
    else:
        _explain(subject, product, port, tables)


@contextmanager
def opened(settings: Settings) -> Iterator[Gateway]:
    """A gateway of this command's own, closed at the end."""
    gateway = Gateway(settings)
    try:
        yield gateway
    finally:
        gateway.close()


def _session(gateway: Gateway, subject: str, port: str, purpose: str | None) -> Session:
    session = gateway.impersonate(subject, port)
    granted = session.principal.attributes["purpose"]
    if purpose is not None and not (isinstance(granted, tuple) and purpose in granted):
        raise Forbidden(f"purpose {purpose:.64} is not granted to {subject}", reason="purpose")
    return replace(session, purpose=purpose)


def _panel(gateway: Gateway, subject: str, query: str, rows: int, port: str, purpose: str | None) -> RenderableType:
    try:
        session = _session(gateway, subject, port, purpose)
        with gateway.answer(session, Query(query), form="text", batch_rows=rows) as result:
            answer = _answer(result.schema.names, result.batches(), rows)
        treated = [one for table in _asked(gateway, session, query) for one in treatments(table)]
        used = _named(query)
        shown = [one for one in treated if used is None or one.column.rpartition(".")[2] in used]
        lines = [(one.column, one.treatment, ", ".join(one.rules)) for one in shown]
        body: RenderableType = Group(answer, Text(), show.table(("column", "treatment", "rules"), lines))
    except GatewayError as error:
        body = Text(f"{error.code}: {error.message}")
    return Panel(body, title=subject, title_align="left", expand=False)


def _answer(names: Sequence[str], batches: Iterator[pa.RecordBatch], limit: int) -> RenderableType:
    rows: list[Sequence[object]] = []
    for batch in batches:
        columns = [column.to_pylist() for column in batch.slice(0, limit - len(rows)).columns]
        rows += zip(*columns, strict=True)
        if len(rows) >= limit:
            break
    return show.table(names, (["NULL" if value is None else value for value in row] for row in rows))


def _asked(gateway: Gateway, session: Session, query: str) -> tuple[VisibleTable, ...]:
    """The tables that `query` names, as the session's principal sees them."""
    wanted = {tuple(part.lower() for part in path[-2:]) for path in scope.relations(duck.parse(query))}
    return tuple(
        table
        for visible in gateway.products(session)
        for table in visible.tables
        if wanted & {(name, table.table.name) for name in _spellings(visible.product.name, visible.product.major)}
    )


def _spellings(name: str, major: int) -> tuple[str, str]:
    return name, f"{name}_v{major}"


def _named(query: str) -> frozenset[str] | None:
    """Names of the columns that stand in `query`, in lower case; None where its outermost SELECT takes a star."""
    statement = duck.parse(query)
    if _takes_star(statement["node"]):
        return None
    return frozenset(
        str(name).lower()
        for node in tree.nodes(statement)
        if node.get("class") == "COLUMN_REF"
        for name in node["column_names"]
    )


def _takes_star(select: tree.Node) -> bool:
    if select["type"] == "SET_OPERATION_NODE":
        return any(_takes_star(child) for child in select.get("children", [select.get("left"), select.get("right")]))
    return any(item.get("class") == "STAR" for item in select.get("select_list", ()))


def treatments(table: VisibleTable) -> tuple[Treated, ...]:
    """One entry per column of the contract, in its order, hidden ones included; rules are the table's where raw."""
    decision = table.decision
    return tuple(
        Treated(
            f"{decision.table}.{name}",
            f"{treatment.kind} ({treatment.mask})" if treatment.mask not in ("", treatment.kind) else treatment.kind,
            treatment.rules or decision.rules,
            treatment.expression,
        )
        for name, treatment in decision.treatments.items()
    )


def _explain(subject: str, product: str, port: str, tables: Sequence[VisibleTable]) -> None:
    if not tables:
        show.line(f"{product} does not exist for {subject} at {port}: no rule grants it, or one denies it")
        return
    for table in tables:
        decision = table.decision
        show.line(f"{product}.{decision.table} for {subject} at {port}: by {', '.join(decision.rules)}")
        show.line(f"rows: {_bare(decision.rows) if decision.rows else 'all'}")
        columns = [(one.column.rpartition(".")[2], one.treatment, ", ".join(one.rules)) for one in treatments(table)]
        show.console().print(show.table(("column", "treatment", "rules"), columns))
        if decision.pending:
            show.note(f"not published yet, so NULL: {', '.join(decision.pending)} (outport apply)")


def _bare(expression: str) -> str:
    """`expression` without the brackets around the whole of it."""
    inner = expression[1:-1]
    depth = 0
    for text in re.findall(r"'[^']*'|\"[^\"]*\"|[()]", inner):
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth < 0:
            return expression
    return _bare(inner) if expression.startswith("(") and expression.endswith(")") else expression


def _document(subject: str, product: str, port: str, tables: Sequence[VisibleTable]) -> dict[str, object]:
    return {
        "subject": subject,
        "product": product,
        "port": port,
        "exists": bool(tables),
        "tables": [
            {
                "table": table.decision.table,
                "rules": list(table.decision.rules),
                "rows": table.decision.rows,
                "pending": list(table.decision.pending),
                "columns": [
                    {
                        "column": name,
                        "treatment": treatment.kind,
                        "mask": treatment.mask,
                        "rules": list(treatment.rules or table.decision.rules),
                        "expression": treatment.expression,
                    }
                    for name, treatment in table.decision.treatments.items()
                ],
            }
            for table in tables
        ],
    }
