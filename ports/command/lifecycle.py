"""`outport plan`: what `apply` would change and whom it would break, before anything is done. Publishes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.contracts.contract import ContractError
from gateway.operations import consumers
from gateway.operations.consumers import Consumer
from gateway.operations.lifecycle import AccessChange, Plan, Planned
from gateway.operations.lifecycle import plan as planned
from gateway.publication import bundle
from gateway.settings import Settings
from ports.command import audit, show
from ports.command.flags import PLACES, with_settings
from ports.command.publication import finding

# As `terraform plan -detailed-exitcode` has it: 0 is nothing to do, 1 an error, 2 changes.
_CHANGES = 2
Since = Annotated[str, typer.Option(help="consumers since this time (ISO, UTC), or 24h, 30d ago")]
LATELY = f"{consumers.DAYS}d"


@with_settings(*PLACES)
def plan(
    paths: Annotated[list[Path] | None, typer.Argument(help="product folders, or a folder of them")] = None,
    *,
    new_policies: Annotated[Path | None, typer.Option("--with-policies", help="another folder of policies")] = None,
    since: Since = LATELY,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
    settings: Settings,
) -> None:
    """Tell what `outport apply` would change, by whose version, who sees more or less, and who used what breaks.

    Exit code 0: nothing would change; 2: something would; 1: an error, or `apply` would refuse it.
    """
    folders = bundle.folders(paths or [settings.products])
    moment = audit.moment(since)
    assert moment is not None
    audit.looked(settings, None, "plan", (*(f"product={one.name}" for one in folders), f"since={since}"))
    try:
        found = planned(settings, folders, moment, new_policies)
    except ContractError as error:
        for one in error.findings:
            finding(error.folder or folders[0], one)
        raise typer.Exit(1) from None
    if as_json:
        show.line(json.dumps(found.document, indent=2))
    else:
        _tell(found, moment)
    if found.refused:
        raise typer.Exit(1)
    if found.changes:
        raise typer.Exit(_CHANGES)


def _tell(found: Plan, since: datetime) -> None:
    for one in found.products:
        show.line(_headline(one))
        for told in one.findings:
            show.line(f"    error     {told}")
        for change in one.changes:
            show.line(f"    {change.grade:8}  {change.place}: {change.what}")
        if one.breaking:
            columns = ("what breaks", "consumer", "kind", "queries", "last", "ports")
            show.console().print(show.table(columns, _broken(one), f"used since {show.moment(since)}"))
    if found.access:
        columns = ("principal", "table", "gains", "loses", "changes", "rows")
        show.console().print(show.table(columns, map(_access, found.access), "who sees more, or less"))
    for told in found.policies:
        show.line(f"error     {told}")
    counted = {name: sum(one.action == name for one in found.products) for name in ("new", "change", "rebuild")}
    counted["new"] += sum(one.action == "new major" for one in found.products)
    refused = "; apply would refuse this" if found.refused else ""
    show.line(f"{counted['new']} new, {counted['change']} changed, {counted['rebuild']} to be built anew{refused}")


def _headline(one: Planned) -> str:
    versions = f"{one.before} -> {one.version}" if one.before and one.before != one.version else one.version
    fits = "" if one.fits else f", and the version says less: {one.due} would be right"
    grade = f", a {one.grade} change{fits}" if one.grade is not None else ""
    return f"{one.product} {versions}: {one.action}{grade}, digest {one.digest[:12]}"


def _broken(one: Planned) -> Iterator[tuple[object, ...]]:
    for breaking in one.breaking:
        place = breaking.change.place
        if not breaking.consumers:
            yield place, "nobody", None, 0, None, None
        for consumer in breaking.consumers:
            yield place, *cells(consumer)


def cells(one: Consumer) -> tuple[object, ...]:
    """A consumer as cells of a table."""
    return one.subject, one.kind, one.queries, one.last[:16].replace("T", " "), " ".join(one.ports)


def _access(one: AccessChange) -> tuple[object, ...]:
    counted = [f"{sign}{count:,}" for sign, count in (("+", one.rows_gained), ("-", one.rows_lost)) if count]
    filters = "" if one.rows_before == one.rows_after else f"{one.rows_before or 'all'} -> {one.rows_after or 'all'}"
    rows = " ".join((*counted, filters)).strip()
    return one.subject, one.table, ", ".join(one.gains), ", ".join(one.loses), "; ".join(one.changes), rows
