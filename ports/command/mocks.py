"""`outport mock`: a product served from its contract before there is data. Publishes by the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from gateway.product import Product
from gateway.publication import bundle
from gateway.publication.mock import ROWS, SEED, Mock
from gateway.publication.mock_draws import FORMS, Draw, DrawError, parse
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from gateway.snapshot import Mocked
from ports.command import show
from ports.command.flags import PLACES, with_settings
from ports.command.publication import finding, publication

Values = Mapping[str, float | None]


@with_settings(*PLACES)
def mock(
    folder: Annotated[Path, typer.Argument(help="the product's folder")],
    *,
    rows: Annotated[int, typer.Option(min=0, max=1_000_000, help="of tables that nothing refers to")] = ROWS,
    seed: Annotated[int, typer.Option(min=0, help="the same seed makes the same rows")] = SEED,
    draws: Annotated[
        list[str] | None, typer.Option("--set", help=f"TABLE.COLUMN=distribution: {', '.join(FORMS)}")
    ] = None,
    settings: Settings,
) -> None:
    """Serve a product from its contract alone: made-up rows, the same doors and policies; replaced by `apply`."""
    made = Mock(seed, rows, tuple(_draw(text) for text in draws or ()))
    reading = bundle.read(bundle.folders([folder]), settings.environment)
    for place, found in reading.findings:
        finding(place, found)
    if reading.findings or len(reading.products) != 1:
        show.error("nothing was mocked", "the folder of one product")
        raise typer.Exit(1)
    product = reading.products[0].product
    before = _served(settings, product)
    if not publication(settings, reading.products, mock=made):
        show.error(f"not mocked: {product.name}")
        raise typer.Exit(1)
    _measures(before, _served(settings, product), product)


def _draw(text: str) -> tuple[str, str, Draw]:
    place, _, drawn = text.partition("=")
    table, dot, column = place.strip().partition(".")
    if not dot or not drawn:
        raise typer.BadParameter(f"{text}: TABLE.COLUMN=distribution, such as orders.amount=normal(20, 5)")
    try:
        return table, column, parse(drawn)
    except DrawError as error:
        raise typer.BadParameter(str(error)) from None


def _served(settings: Settings, product: Product) -> Mocked | None:
    found = Catalog(settings.state).current().find(f"{product.name}_v{product.major}")
    return found.mock if found is not None else None


def _measures(before: Mocked | None, after: Mocked | None, product: Product) -> None:
    """What the measures give on the mock, beside what they gave on the one before; what drives others first."""
    old: Values = before.measures if before is not None else {}
    new: Values = after.measures if after is not None else {}
    trees = {f"{table.name}.{one.name}": one.tree for table in product.tables for one in table.semantics}
    stars = {name for name, tree in trees.items() if tree is not None and tree.north_star}
    rows = []
    for name in sorted(new, key=lambda name: (name not in stars, name)):
        shown = f"{name} (north star)" if name in stars else name
        rows.append((shown, _number(old.get(name)), _number(new[name]), _change(old.get(name), new[name])))
    if rows:
        show.console().print(show.table(("measure", "before", "now", "change"), rows))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4f}".rstrip("0").rstrip(".")


def _change(old: float | None, new: float | None) -> str:
    return f"{new / old - 1:+.1%}" if old and new is not None else ""
