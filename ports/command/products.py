"""`outport apply`, `get` and `new`: products from folder to snapshot. Reads descriptors, publishes by the gateway."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gateway.contracts.contract import ContractError
from gateway.contracts.grading import breaks
from gateway.errors import NotFound
from gateway.operations import scaffold
from gateway.product import Product
from gateway.publication import bundle
from gateway.publication.breaks import Permit
from gateway.serving.catalog import Catalog, Snapshot
from gateway.settings import Settings
from ports.command import account, kept, show
from ports.command.flags import PLACES, with_settings
from ports.command.publication import finding, publication, quality
from ports.command.publication import rows as rows_of

_REMEDY = (
    'say so by the version, which is then served beside the other; or --allow-break "REASON", which goes on record'
)


@with_settings(*PLACES)
def apply(
    paths: Annotated[list[Path], typer.Argument(help="product folders, or a folder of them")],
    *,
    allow_break: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="publish what breaks readers though its version does not say so"),
    ] = None,
    settings: Settings,
) -> None:
    """Check and publish products, all at one moment or none: a new snapshot of each that has changed.

    Each is built from the others' new state where it reads them, and checked before any is served. What would break
    the readers of what is served, under a version that does not say so, is refused; with --allow-break it is not, and
    the audit has the reason.
    """
    if allow_break is not None and not (allow_break.strip() and allow_break.isprintable() and len(allow_break) <= 500):
        raise typer.BadParameter("--allow-break takes a reason of at most 500 characters, in one line")
    permit = Permit(account.name(), allow_break.strip()) if allow_break is not None else None
    reading = bundle.read(bundle.folders(paths), settings.environment)
    findings = list(reading.findings)
    served = Catalog(settings.state).current()
    for one in reading.products if permit is None else ():
        old = served.find(f"{one.product.name}_v{one.product.major}")
        told = breaks(old.product, one.product) if old is not None else ()
        findings += [(one.folder, found) for found in told if found.severity == "error"]
    for folder, found in findings:
        finding(folder, found)
    if findings:
        show.error(f"nothing was published: {len(findings)} findings", _REMEDY if not reading.findings else "")
        raise typer.Exit(1)
    retired = {one.snapshot.product.digest for one in served.retired}
    for one in reading.products:
        if one.product.digest in retired:
            show.note(
                f"{one.product.name} {one.product.version} is retired and left out; another version brings it back"
            )
    reading = replace(reading, products=tuple(one for one in reading.products if one.product.digest not in retired))
    known = Catalog(settings.state).projections.current()
    for one in reading.products:
        if served.find(one.product.name) is None and known.find(one.product.name) is not None:
            show.note(f"the projection {one.product.name} is served no more: a product has its name")
    if reading.products and not publication(settings, bundle.in_order(reading.products), permit=permit):
        names = ", ".join(one.product.name for one in reading.products)
        show.error(f"not published: {names}; what was served before is still served")
        raise typer.Exit(1)


@with_settings(*PLACES)
def get(
    what: Annotated[str, typer.Argument(help="products, snapshots, or the name of one product")] = "products",
    product: Annotated[str | None, typer.Argument(help="after snapshots: only this product's")] = None,
    *,
    subject: Annotated[str | None, typer.Option("--as", help="snapshots as this principal sees them")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="snapshots for machines")] = False,
    settings: Settings,
) -> None:
    """Show what is served, or the snapshots that are kept."""
    if what != "snapshots" and (product is not None or subject is not None or as_json):
        raise typer.BadParameter("a product, --as and --json go with snapshots: outport get snapshots NAME --json")
    catalog = Catalog(settings.state)
    match what:
        case "products":
            now = catalog.current()
            _products(settings, now.snapshots, {one.snapshot.product.name for one in now.retired})
        case "snapshots":
            kept.show_all(settings, product, subject, as_json=as_json)
        case name:
            found = catalog.current().find(name)
            if found is None:
                raise NotFound(
                    f"{name} is not served", reason="product", hint=f"outport apply {settings.products / name}"
                )
            _product(found)


@with_settings(*PLACES)
def new(
    name: Annotated[str, typer.Argument(help="the product's name: lower case letters, digits and _")],
    *,
    table: Annotated[Path, typer.Option("--from-table", help="a parquet, CSV or JSON file")],
    settings: Settings,
) -> None:
    """Write a product from one data file: types, classes, key, a policy and its test, ready to apply."""
    try:
        written = scaffold.new(name, table, settings.products, settings.policies)
    except ContractError as error:
        for found in error.findings:
            finding(table.parent, found)
        raise typer.Exit(1) from None
    for path in written:
        show.line(str(path))
    show.note("next, with nothing edited; later confirm what is marked `# confirm`:")
    show.note(f"  outport apply {settings.products / name}")
    show.note(f"  outport principal add {name}-owner --role {name}_owner")
    show.note(f"  outport connect curl --as {name}-owner")


def _products(settings: Settings, served: Sequence[Snapshot], ended: Collection[str]) -> None:
    folders = bundle.folders([settings.products])
    every = [one.product for one in bundle.read(folders, settings.environment).products]
    declared = {(one.name, one.major): one.digest for one in every}
    rows = [
        (
            one.product.name,
            one.product.version,
            one.product.owner,
            rows_of(one),
            show.moment(one.data_time),
            f"{quality(one)}{', mock' if one.mock is not None else ', generated' if one.generated else ''}",
            _drift(one.product, declared),
            one.product.digest[:12],
        )
        for one in sorted(served, key=lambda one: one.product.name)
    ]
    names = {one.product.name for one in served}
    left = [one.name for one in folders if one.name not in names and one != settings.products]
    rows += [(name, "", "", "", "", "", "not published" if name not in ended else "retired", "") for name in left]
    titles = ("product", "version", "owner", "rows", "data time", "quality", "folder", "digest")
    show.console().print(show.table(titles, rows))


def _drift(product: Product, declared: Mapping[tuple[str, int], str]) -> str:
    """How the product's folder stands to what is served."""
    digest = declared.get((product.name, product.major))
    if digest is None:
        return "gone, or cannot be read"
    return "unchanged" if digest == product.digest else "edited"


def _product(snapshot: Snapshot) -> None:
    product = snapshot.product
    show.line(f"{product.name} {product.version} ({product.status}), {product.owner or 'no owner'}")
    show.line(f"{product.purpose}".strip())
    show.line(f"digest {product.digest}")
    show.line(f"snapshot {snapshot.id}, published {show.moment(snapshot.published_at)}, {quality(snapshot)}")
    for table in product.tables:
        rows = [
            (column.name, column.type, column.classification or "unclassified", " ".join(sorted(column.tags)),
             "key" if column.name in table.key else "")
            for column in table.columns
        ]  # fmt: skip
        title = f"{product.name}.{table.name}: {snapshot.row_counts.get(table.name, 0):,} rows"
        show.console().print(show.table(("column", "type", "class", "tags", ""), rows, title))
