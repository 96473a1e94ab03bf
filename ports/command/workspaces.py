"""`outport workspaces`: what is of each, what it may use, what it has used. Reads their file, catalog and ledger."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Annotated

import orjson
import typer

from gateway import limits, ticking
from gateway.accounting.ledger import Ledger
from gateway.accounting.observations import KIND, Minute
from gateway.contracts import workspaces
from gateway.contracts.workspaces import Workspace
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from ports.command import show
from ports.command.flags import PLACES, with_settings

_HEADS = ("workspace", "title", "owners", "products", "limits", "queries", "computed")


@with_settings(*PLACES)
def command(
    *, as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False, settings: Settings
) -> None:
    """Show every workspace: its products, its limits, and what was used in the last window of budgets.

    What computes now is told by /metrics and, to who manages its products, by GET /-/workspaces.
    """
    known = workspaces.load(settings.products, settings.environment)
    for finding in known.findings:
        show.error(str(finding))
    if known.findings:
        raise typer.Exit(1)
    served = [one.product for one in Catalog(settings.state).current().current]
    queries, computed = _used(settings)
    told = []
    for name, one in sorted(known.by_name.items()):
        products = [product.name for product in served if product.workspace == name]
        spent = sum(queries[product] for product in products), sum(computed[product] for product in products)
        told.append((one, products, *spent))
    if as_json:
        show.line(orjson.dumps([_document(*one) for one in told], option=orjson.OPT_INDENT_2).decode())
        return
    window = f"used in {settings.budget_window_s:g} s"
    show.console().print(show.table(_HEADS, [_row(*one) for one in told], window))
    lost = [product for product in served if product.workspace and known.of(product) is None]
    for product in lost:
        told_of = f"{product.name} is of the workspace {product.workspace}, which does not admit it"
        show.error(f"{told_of}: nobody is answered")
    if lost:
        raise typer.Exit(1)


def _used(settings: Settings) -> tuple[Counter[str], Counter[str]]:
    """Queries, and milliseconds of computing, of each product; a question of several counts for each."""
    queries, computed = Counter[str](), Counter[str]()
    since = ticking.MACHINE.now() - timedelta(seconds=settings.budget_window_s)
    for row in Ledger(settings.state).rows(KIND, since):
        one = Minute.of(row)
        queries[one.counted.product] += one.numbers.queries
        computed[one.counted.product] += round(one.numbers.computed_ms)
    return queries, computed


def _document(one: Workspace, products: list[str], queries: int, computed_ms: int) -> dict[str, object]:
    return {
        "name": one.name,
        "title": one.title,
        "owners": list(one.owners),
        "teams": list(one.teams),
        "products": products,
        "limits": limits.written(one.query.narrowed(one.shared)),
        "queries": queries,
        "computed_s": computed_ms / 1000,
    }


def _row(one: Workspace, products: list[str], queries: int, computed_ms: int) -> tuple[object, ...]:
    written = limits.written(one.query.narrowed(one.shared))
    may = ", ".join(f"{word} {value:,g}" for word, value in written.items())
    owners = ", ".join((*one.owners, *one.teams))
    return one.name, one.title, owners, ", ".join(products) or "none", may, queries, f"{computed_ms / 1000:,.1f} s"
