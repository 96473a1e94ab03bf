"""`outport projection`: what consumers have made of products: defined, told and taken back. On record."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
import yaml

from gateway import Gateway, Session
from gateway.accounting.operator import Act, recorded
from gateway.desks.projections import broken, state, without
from gateway.errors import BadQuery, NotFound
from gateway.reach.projected import over
from gateway.serving.catalog import Catalog
from gateway.serving.projection import ROLE, ProjectedTable, ProjectionError
from gateway.serving.projection_shelf import Defined
from gateway.settings import Settings
from gateway.snapshot import Deployment
from ports.command import account, show
from ports.command.access import opened
from ports.command.flags import PLACES, with_settings

app = typer.Typer(no_args_is_help=True, help="Consumers' projections: columns under other names, or a grain.")
As = Annotated[str, typer.Option("--as", help="the subject whose they are, and as whom the product is seen")]
Name = Annotated[str, typer.Argument(help="the projection")]


@app.command("apply")
@with_settings(*PLACES)
def apply(
    files: Annotated[list[Path], typer.Argument(help="files that declare one each", exists=True, dir_okay=False)],
    *,
    subject: As = "",
    settings: Settings,
) -> None:
    """Define what files declare, all or nothing: over what its owner sees, under names of its own."""
    texts = [(file.name, file.read_text(encoding="utf-8")) for file in files]
    with opened(settings) as gateway:
        try:
            for one in gateway.projections.define(_session(gateway, subject or _owner(texts)), texts):
                show.line(f"{one.declared.name} over {one.declared.of}: {_tables(one.declared.tables)}")
        except BadQuery as error:
            if not isinstance(error.__cause__, ProjectionError):
                raise
            for finding in error.__cause__.findings:
                show.error(str(finding))
            raise typer.Exit(1) from error


@app.command("list")
@with_settings(*PLACES)
def list_all(*, settings: Settings) -> None:
    """List every projection: whose it is, over what, and what has become of it."""
    catalog = Catalog(settings.state)
    deployment = catalog.current()
    shelved = catalog.projections.current()
    rows = [
        (
            one.projection.name,
            one.projection.of,
            one.projection.owner,
            _tables(one.projection.tables),
            ", ".join(one.projection.consumers),
            _became(deployment, one),
        )
        for one in shelved.every
    ]
    rows += [(one.name, "", one.owner, "", "", f"not fit: {'; '.join(one.findings)}") for one in shelved.unfit]
    show.console().print(show.table(("projection", "over", "owner", "tables", "consumers", "state"), rows))


@app.command("show")
@with_settings(*PLACES)
def show_one(name: Name, *, settings: Settings) -> None:
    """Show one as it is declared; what its origin no longer has is told on standard error."""
    catalog = Catalog(settings.state)
    found, unfit = catalog.projections.current().find(name.lower()), catalog.projections.current().refused(name.lower())
    if found is None and unfit is not None:
        show.line(yaml.safe_dump(unfit.value["declared"], sort_keys=False, allow_unicode=True).rstrip())
        show.note(f"{unfit.name}: not fit: {'; '.join(unfit.findings)}")
        return
    if found is None:
        raise _absent(name)
    show.line(yaml.safe_dump(found.projection.document, sort_keys=False, allow_unicode=True).rstrip())
    became = _became(catalog.current(), found)
    if became != "served":
        show.note(f"{found.projection.name}: {became}")


@app.command("delete")
@with_settings(*PLACES)
def delete(name: Name, *, settings: Settings) -> None:
    """Take a projection back, whoever owns it and whether or not its owner is there."""
    shelved = Catalog(settings.state).projections.current()
    found, unfit = shelved.find(name.lower()), shelved.refused(name.lower())
    if found is None and unfit is None:
        raise _absent(name)
    gone, products = (found.projection.name, (found.projection.product,)) if found is not None else (name.lower(), ())
    recorded(settings, Act(account.name(), "delete projection", gone), products)
    Catalog(settings.state).projections.changed(lambda before: without(before, gone))
    show.line(f"{gone} is taken back")


def _session(gateway: Gateway, subject: str) -> Session:
    return replace(gateway.impersonate(subject, "command"), account=account.name())


def _owner(texts: list[tuple[str, str]]) -> str:
    """The one subject that all of the files name as their owner. Raises BadQuery."""
    named = set()
    for _, text in texts:
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            value = None
        named.add(str(value.get("owner", "")) if isinstance(value, dict) else "")
    (owner, *others) = sorted(named)
    if others or not owner or owner.startswith(ROLE):
        raise BadQuery("whose are they? --as SUBJECT", reason="value", hint="a subject, be it for a role that it has")
    return owner


def _became(deployment: Deployment, one: Defined) -> str:
    found = state(deployment, one.projection)
    gone = broken(deployment, one.projection) if found == "served" else ()
    there = {table.name for made in over(deployment, [one.projection]).projected for table in made.product.tables}
    absent = [table.name for table in one.projection.tables if table.name not in there] if gone else []
    without = f"; not there: {', '.join(absent)}" if absent else ""
    return f"without {', '.join(gone)}{without}" if gone else found


def _tables(tables: tuple[ProjectedTable, ...]) -> str:
    return ", ".join(one.name for one in tables)


def _absent(name: str) -> NotFound:
    return NotFound(f"there is no projection {name:.100}", reason="product", hint="outport projection list")
