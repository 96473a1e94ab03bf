"""`outport fork` and `suggest`: what there is already, before something is modelled anew. Asks the gateway."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.contracts import contract, workspaces
from gateway.contracts.contract import ContractError
from gateway.operations.fork import fork as forked
from gateway.settings import Settings
from ports.command import show
from ports.command.access import opened
from ports.command.flags import PLACES, with_settings
from ports.command.publication import finding
from ports.http.finding import suggestions


@with_settings(*PLACES)
def fork(
    product: Annotated[str, typer.Argument(help="the product, or its folder")],
    name: Annotated[str, typer.Argument(help="the name of the copy")],
    *,
    settings: Settings,
) -> None:
    """Copy a product's folder under another name: a draft at 0.1.0 that says what it is derived from."""
    folder = Path(product) if Path(product).is_dir() else settings.products / product
    try:
        made = forked(folder, name, settings.environment)
    except ContractError as error:
        for one in error.findings:
            finding(folder, one)
        raise typer.Exit(1) from None
    show.line(f"{folder.with_name(name)} is {made.name} {made.version}, a draft derived from {folder.name}")
    for doubt in workspaces.load(settings.products, settings.environment).doubts(made):
        show.note(f"before it is applied: {doubt.problem} ({doubt.remedy})")
    show.note("nobody is granted it yet: write its policy, and grants for what its models read")


@with_settings(*PLACES)
def suggest(
    names: Annotated[list[str] | None, typer.Argument(help="columns, entities or measures that are wanted")] = None,
    *,
    subject: Annotated[str, typer.Option("--as", help="only what this principal may see")],
    folder: Annotated[Path | None, typer.Option(help="all columns and measures of a product's folder")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
    settings: Settings,
) -> None:
    """Tell which served products have a column, an entity or a measure already: by name, synonym and description."""
    wanted = [*(names or ()), *(_declared(folder, settings.environment) if folder is not None else ())]
    if not wanted:
        raise typer.BadParameter("what is wanted? Names, or --folder")
    with opened(settings) as gateway:
        visible = gateway.products(gateway.impersonate(subject, "command"))
    found = suggestions(visible, wanted)
    if as_json:
        show.line(json.dumps([one.__dict__ for one in found], indent=2))
        return
    rows = [(one.wanted, one.place, one.kind, f"{one.points:.0f}", one.about[:100]) for one in found]
    show.console().print(show.table(("wanted", "there is", "kind", "points", "about"), rows))


def _declared(folder: Path, environment: str | None) -> list[str]:
    """The names of a folder's tables, measures and columns, the plain keys of others left in."""
    try:
        product = contract.load(folder, environment)
    except ContractError as error:
        for one in error.findings:
            finding(folder, one)
        raise typer.Exit(1) from None
    found: list[str] = []
    for table in product.tables:
        found += [table.name, *(one.name for one in table.semantics), *(one.name for one in table.columns)]
    return found
