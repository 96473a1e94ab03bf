"""`outport quarantine`: rows of a product's inputs that were set aside, for who operates the deployment. On record."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.access import keys
from gateway.accounting import audit
from gateway.accounting.observe import ProductManaged
from gateway.desks import quarantine
from gateway.errors import NotFound
from gateway.inputs import arriving
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from ports.command import account, show
from ports.command.flags import PLACES, with_settings


@with_settings(*PLACES)
def command(
    product: Annotated[str, typer.Argument(help="the product")],
    *,
    rows: Annotated[bool, typer.Option("--rows", help="the rows as well, as they came")] = False,
    settings: Settings,
) -> None:
    """Show which rows of a product's inputs were set aside, and by which rules of their contracts."""
    snapshot = Catalog(settings.state).current().find(product.lower())
    if snapshot is None:
        raise NotFound(f"product {product:.128} is not served", reason="product", hint="outport get")
    found = tuple(quarantine.everything(settings.state, snapshot, None if rows else ()))
    record = audit.of(settings, keys.load(settings))
    what = "; ".join(f"{one.input}.{one.table}: {one.aside} rows" for one in found)
    told = ProductManaged(
        subject=f"account:{account.name()}", port="command", purpose=None, products=(snapshot.product.name,),
        action="quarantine", what=what,
    )  # fmt: skip
    record.record(told)
    record.close()
    if not found:
        show.line("nothing was set aside")
    for one in found:
        since = "pushes" if one.pushed else f"snapshot {snapshot.id}"
        show.line(f"{one.input}.{one.table}: {one.aside} of {one.rows} rows ({since})")
        for rule, count in one.broken:
            show.note(f"{rule}: {count}")
        if rows:
            heads = (arriving.RULES, *one.shown)
            cells = [[str(row[name] if row[name] is not None else "") for name in heads] for row in one.sample]
            show.console().print(show.table(("breaks", *one.shown), cells))
