"""`outport try` and `outport explain-access`: what a principal gets, by which rule. Asks the gateway as that one."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated

import pyarrow as pa
import typer
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from gateway import Access, Gateway, Query, Session, Supposed
from gateway.errors import Forbidden, GatewayError
from gateway.policies.explain import ColumnAccess, TableAccess, explain
from gateway.policies.policy_reasons import Reason
from gateway.principal import Environment
from gateway.reach.projected import ProjectedSnapshot
from gateway.serving.catalog import Snapshot
from gateway.settings import Settings
from gateway.sql import duck, scope, tree
from ports.command import account, show
from ports.command.flags import PLACES, with_settings

Door = Annotated[str, typer.Option("--port", help="the door that the question comes through")]
Purpose = Annotated[str | None, typer.Option(help="the purpose that is stated")]
Behalf = Annotated[str | None, typer.Option(help="a principal on whose behalf is asked: what both may see")]


@with_settings(*PLACES)
def attempt(
    query: Annotated[str, typer.Argument(help="any SELECT over product names")],
    *,
    subjects: Annotated[str, typer.Option("--as", help="principals, with commas between")],
    rows: Annotated[int, typer.Option(min=1, max=1000, help="rows shown at most")] = 20,
    port: Door = "rest",
    purpose: Purpose = None,
    on_behalf_of: Behalf = None,
    settings: Settings,
) -> None:
    """Ask one query as several principals: answers, column treatments and rules side by side."""
    names = [name.strip() for name in subjects.split(",") if name.strip()]
    with opened(settings) as gateway:
        panels = [
            _panel(partial(_session, gateway, name, port, purpose, on_behalf_of), gateway, name, query, rows)
            for name in names
        ]
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
    on_behalf_of: Behalf = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
    settings: Settings,
) -> None:
    """Say what a principal gets of a product: rows, columns, and why each rule matches or does not. On record."""
    with opened(settings) as gateway:
        found = gateway.stewards.explain_to_account(
            account.name(), Supposed(subject, product, port, purpose, on_behalf_of)
        )
    if as_json:
        show.line(json.dumps(found.document, indent=2))
    else:
        _tell(found)


def accesses(gateway: Gateway, session: Session, snapshot: Snapshot) -> tuple[TableAccess, ...]:
    """What the session's principal may see of each table of `snapshot`, and by which rule."""
    product, principal = snapshot.product, session.principal
    if not product.serves(session.port):
        absent = f"{product.name} is not served at {session.port}"
        return tuple(TableAccess(table.name, absent, (), None, (), ()) for table in product.tables)
    environment = Environment(session.port, session.purpose, "query", time.time())
    policies = gateway.pin().policies
    return explain(policies, principal, product, environment, snapshot.pseudonyms, snapshot.inherited)


@contextmanager
def opened(settings: Settings) -> Iterator[Gateway]:
    """A gateway of this command's own, closed at the end."""
    gateway = Gateway(settings)
    try:
        yield gateway
    finally:
        gateway.close()


def _session(gateway: Gateway, subject: str, port: str, purpose: str | None, on_behalf_of: str | None) -> Session:
    session = gateway.impersonate(subject, port)
    granted = session.principal.attributes["purpose"]
    if purpose is not None and not (isinstance(granted, tuple) and purpose in granted):
        raise Forbidden(f"purpose {purpose:.64} is not granted to {subject}", reason="purpose")
    stated = replace(session, purpose=purpose, account=account.name())
    return stated if on_behalf_of is None else gateway.on_behalf_of(stated, on_behalf_of)


def _panel(opened: Callable[[], Session], gateway: Gateway, subject: str, query: str, rows: int) -> RenderableType:
    try:
        session = opened()
        with gateway.answer(session, Query(query), form="text", batch_rows=rows) as result:
            answer = _answer(result.schema.names, result.batches(), rows)
        used = _named(query)
        lines = [
            (f"{table.table}.{one.column}", treatment(one), ", ".join(one.rules or table.rules))
            for table in _asked(gateway, session, query)
            for one in table.columns
            if used is None or one.column in used
        ]
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


def _asked(gateway: Gateway, session: Session, query: str) -> tuple[TableAccess, ...]:
    """The access to each table that `query` names, in its order."""
    deployment = gateway.pin().deployment
    found: list[TableAccess] = []
    for path in scope.relations(duck.parse(query)):
        snapshot, name = deployment.find(path[-2].lower()) if len(path) > 1 else None, path[-1].lower()
        if isinstance(snapshot, ProjectedSnapshot):
            declared = snapshot.declared.table(name)
            snapshot, name = snapshot.source, declared.of if declared is not None else ""
        tables = accesses(gateway, session, snapshot) if snapshot is not None else ()
        found += [table for table in tables if table.table == name]
    return tuple(found)


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


def treatment(one: ColumnAccess) -> str:
    """What is done to a column, in a few words."""
    words = one.treatment if one.mask in ("", one.treatment) else f"{one.treatment} ({one.mask})"
    words += f", only for {one.use}" if one.use else ""
    return f"{words}, declassified by {one.declassified}" if one.declassified else words


def _tell(found: Access) -> None:
    """All of it as text: what bears on the product, then table by table."""
    asked = found.supposed
    asking = asked.subject if asked.on_behalf_of is None else f"{asked.subject} on behalf of {asked.on_behalf_of}"
    stated = f"purpose {asked.purpose}" if asked.purpose else "no purpose stated"
    granted = f" (granted: {', '.join(found.purposes)})" if found.purposes else ""
    show.line(f"{asking} at {asked.port}, {stated}{granted}" + (f", by {found.permit}" if found.permit else ""))
    if found.agreement_required or found.agreements:
        show.line(f"{asked.product} {'asks for an agreement' if found.agreement_required else 'asks for no agreement'}")
    if found.agreements:
        show.console().print(_reasons(found.agreements))
    for table in found.tables:
        _explain(asking, asked.product, asked.port, table)


def _reasons(reasons: Iterable[Reason]) -> Grid:
    lines = [(one.subject, one.rule, one.effect, "yes" if one.matches else "no", one.why, one.rows) for one in reasons]
    return show.table(("for", "rule", "effect", "matches", "why", "rows or condition"), lines)


def _explain(subject: str, product: str, port: str, table: TableAccess) -> None:
    if table.refusal:
        show.line(f"{product}.{table.table} does not exist for {subject} at {port}: {table.refusal}")
        if table.reasons:
            show.console().print(_reasons(table.reasons))
        return
    show.line(f"{product}.{table.table} for {subject} at {port}, by {', '.join(table.rules)}")
    show.line(f"rows: {table.words}")
    show.line(f"filter: {_bare(table.rows) if table.rows else 'none'}")
    columns = [(one.column, treatment(one), ", ".join(one.rules or table.rules)) for one in table.columns]
    show.console().print(show.table(("column", "treatment", "rules"), columns))
    show.console().print(_reasons(table.reasons))
    if table.pending:
        show.note(f"NULL until the next publication: {', '.join(table.pending)} (outport apply)")


def _bare(expression: str) -> str:
    """`expression` without the brackets around the whole of it."""
    inner = expression[1:-1]
    depth = 0
    for text in re.findall(r"'[^']*'|\"[^\"]*\"|[()]", inner):
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth < 0:
            return expression
    return _bare(inner) if expression.startswith("(") and expression.endswith(")") else expression
