"""`outport diff OLD NEW`: what a change of a product means for its readers, and whether its version says so.

Reads two folders of descriptors; touches no snapshot and no policy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.contracts import contract
from gateway.contracts.contract import ContractError
from gateway.contracts.grading import graded
from gateway.product import Product
from ports.command import show
from ports.command.publication import finding


def diff(
    old: Annotated[Path, typer.Argument(help="The folder of the product as it was.")],
    new: Annotated[Path, typer.Argument(help="The folder of the product as it is to be.")],
    *,
    environment: Annotated[str | None, typer.Option(help="whose variables fill both")] = None,
) -> None:
    """Grade every difference by Semantic Versioning; exit 1 where the version says less than has changed."""
    before, after = _loaded(old, environment), _loaded(new, environment)
    found = graded(before, after)
    for one in found.changes:
        show.line(f"{one.grade.upper():5}  {one.place}: {one.what}")
    if found.grade is None:
        show.line("nothing has changed")
        return
    step = f"{before.version} -> {after.version}"
    if not found.bound:
        said = f"{before.name} {before.version} ({before.status})"
        show.line(f"a {found.grade} change, and {said} promises nothing yet")
        return
    if found.fits:
        show.line(f"a {found.grade} change, and {step} says so")
        return
    show.error(f"a {found.grade} change, and {step} is less", f"version: {found.due}")
    raise typer.Exit(1)


def _loaded(folder: Path, environment: str | None) -> Product:
    try:
        return contract.load(folder, environment)
    except ContractError as error:
        for one in error.findings:
            finding(folder, one)
        raise typer.Exit(1) from None
