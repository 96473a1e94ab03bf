"""One publication as an operator sees it: steps, warnings, findings, outcome. Publishes by the gateway."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from gateway.contracts.contract import ContractError
from gateway.document import Finding
from gateway.errors import GatewayError
from gateway.publication.breaks import Permit
from gateway.publication.bundle import Declared
from gateway.publication.mock import Mock
from gateway.publication.publish import Progress, Step, together
from gateway.serving.catalog import Snapshot
from gateway.settings import Settings
from ports.command import show


def publication(
    settings: Settings,
    every: Sequence[Declared],
    *,
    permit: Permit | None = None,
    mock: Mock | None = None,
    quiet: bool = False,
) -> bool:
    """Publish all of `every` or none, or a mock, and say how it went; whether all are served now as declared.

    To break readers takes a permit. `quiet`: what is doubtful about descriptors is left unsaid.
    """
    began = time.monotonic()
    folders = {one.product.name: one.folder for one in every}

    def progress(event: Progress) -> None:
        if isinstance(event, Step):
            share = "" if event.fraction is None else f" {event.fraction:.0%}"
            show.status(f"{event.product}: {event.step} {event.subject}{share}")
        elif not quiet:
            finding(folders[event.product], event.finding)

    try:
        served = together(settings, [one.folder for one in every], progress=progress, permit=permit, mock=mock)
    except ContractError as error:
        show.status("")
        for found in error.findings:
            finding(error.folder or every[0].folder, found)
        return False
    except GatewayError as error:
        show.status("")
        show.error(error.message if len(every) > 1 else f"{every[0].product.name}: {error.message}", error.hint)
        return False
    show.status("")
    for snapshot in served:
        _served(snapshot, time.monotonic() - began)
    return True


def finding(folder: Path, found: Finding) -> None:
    """One line: the file as the operator can open it, the line, what is wrong and what would be right."""
    inside = bool(found.file) and (folder / found.file).exists()
    show.note(f"{folder}/{found}" if inside else str(found))


def rows(snapshot: Snapshot) -> str:
    """The number of rows of all tables."""
    return f"{sum(snapshot.row_counts.values()):,}"


def quality(snapshot: Snapshot) -> str:
    """How many quality rules hold."""
    held = sum(outcome.holds for outcome in snapshot.outcomes)
    return f"{held} of {len(snapshot.outcomes)} rules hold" if snapshot.outcomes else "no rules"


def _served(snapshot: Snapshot, took_s: float) -> None:
    product = snapshot.product
    kind = "a mock of " if snapshot.mock is not None else ""
    what = f"{kind}{product.name} {product.version} is served: {rows(snapshot)} rows, {quality(snapshot)}"
    show.line(f"{what}, snapshot {snapshot.id}, {took_s:.1f} s")
    for outcome in snapshot.outcomes:
        if not outcome.holds:
            measured = f"{outcome.value:g}, expected {outcome.expected}"
            show.note(f"{outcome.severity}: {product.name}.{outcome.table}: {outcome.rule}: {measured}")
