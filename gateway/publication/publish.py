"""Folders -> served Snapshots: write, audit, publish. The only writer of snapshots and of the manifest.

Builds run in a child process (build.py); this process draws them, waits, and publishes all of a bundle by one atomic
rename. A kill at any moment leaves what was served before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from gateway import ticking
from gateway.accounting.ledger import ITSELF
from gateway.contracts import contract, workspaces
from gateway.contracts.contract import ContractError
from gateway.contracts.workspaces import Workspaces
from gateway.document import Finding
from gateway.product import Product
from gateway.publication import breaks, bundle, changes, child, production, runs
from gateway.publication.breaks import Permit
from gateway.publication.bundle import Declared
from gateway.publication.mock import Mock
from gateway.publication.production import FINDINGS, Made, Terms
from gateway.publication.progress import Listener, Progress, Step, Warned, silent
from gateway.publication.runs import Cause, Run
from gateway.serving import manifest, shelf
from gateway.serving.manifest import Manifest, ManifestError
from gateway.settings import Settings
from gateway.snapshot import Snapshot
from gateway.ticking import Clock

__all__ = ["FINDINGS", "Progress", "Step", "Warned", "collect", "overdue", "publish", "retain_s", "together"]

_log = logging.getLogger("outport.publish")


def publish(
    settings: Settings,
    folder: Path,
    *,
    progress: Listener = silent,
    force: bool = False,
    permit: Permit | None = None,
    mock: Mock | None = None,
    cause: Cause | None = None,
    clock: Clock = ticking.MACHINE,
) -> Snapshot:
    """Publish the product of `folder`; the snapshot that serves it now, the old one if nothing has changed.

    As `together` does with one folder.
    """
    (snapshot,) = together(
        settings, [folder], progress=progress, force=force, permit=permit, mock=mock, cause=cause, clock=clock
    )
    return snapshot


def together(
    settings: Settings,
    folders: Sequence[Path],
    *,
    progress: Listener = silent,
    force: bool = False,
    permit: Permit | None = None,
    mock: Mock | None = None,
    cause: Cause | None = None,
    clock: Clock = ticking.MACHINE,
    held: int | None = None,
) -> tuple[Snapshot, ...]:
    """Publish the products of `folders`, all at one moment or none; the snapshots that serve them now, in their order.

    Each is built from the others' new snapshots where it reads them; one of which nothing has changed keeps its own.
    `force` builds anew in any case. With `mock`, rows are made up from the contract alone; they replace no real ones.
    `cause` is why, for the ledger; unset: somebody asked for it here. `held` is the publication lock where the caller
    has it.
    Raises ContractError with every finding (descriptors, models, policies, rules, and what breaks readers unless there
    is a `permit`), Unavailable if another publication runs (busy), the build was killed (build), or the permit cannot
    be put on record (audit).
    """
    what = ", ".join(folder.name for folder in folders)
    with child.lock(settings.state, what) if held is None else nullcontext(held) as held, ExitStack() as told:
        causes = _causes(cause or Cause(), len(folders))
        runs_of = {
            folder: told.enter_context(runs.kept(settings, folder.name, why, clock))
            for folder, why in zip(folders, causes, strict=True)
        }
        known = _collected(settings.state)
        every = _declared(folders, settings.environment)
        for declared in every:
            runs_of[declared.folder].of(declared.product)
            _check_name(settings, declared)
        found = _made(Terms(settings, held, progress, force, permit, mock, clock), every, known, runs_of)
        fresh = [one.snapshot for one in found.values() if one.fresh]
        if fresh:
            manifest.write(settings.state, _published(settings, known, fresh))
            changes.keep(settings, known, fresh, clock)
            _collected(settings.state)
        for folder, one in found.items():
            step = Step(one.snapshot.product.name, "published" if one.fresh else "unchanged", one.snapshot.id, 1.0)
            progress(step)
            run = runs_of[folder]
            (run.published if one.fresh else run.unchanged)(one.snapshot)
        return tuple(found[folder].snapshot for folder in folders)


def _causes(cause: Cause, count: int) -> list[Cause]:
    """The cause of each of `count` runs: each has an id of its own."""
    return [cause, *(replace(cause, run=runs.new_id()) for _ in range(count - 1))]


def _declared(folders: Sequence[Path], environment: str | None) -> tuple[Declared, ...]:
    """What the folders declare, each after those of them that it reads. Raises ContractError."""
    if len(folders) == 1:  # whatever it is: its findings are those of its descriptors
        return (Declared(folders[0], contract.load(folders[0], environment), 0),)
    reading = bundle.read(folders, environment)
    for folder, finding in reading.findings:
        raise ContractError([finding], folder)
    seen: dict[tuple[str, int], Path] = {}
    for one in reading.products:
        key = (one.product.name, one.product.major)
        if key in seen:
            problem = f"{one.product.name} {one.product.major} is declared by {seen[key].name} too"
            raise ContractError([Finding("", 0, one.folder.name, problem, "one folder for each major")], one.folder)
        seen[key] = one.folder
    return bundle.in_order(reading.products)


def _check_name(settings: Settings, declared: Declared) -> None:
    """Raises ContractError where a folder takes the name of the product that the deployment makes of its ledger."""
    product = declared.product
    if product.name == ITSELF and declared.folder != settings.state / ITSELF:
        taken = f"the id {product.name} is taken by the doors"
        raise ContractError([Finding(f"{product.name}.odps.yaml", 0, "id", taken, "another id")], declared.folder)


def _made(terms: Terms, every: Sequence[Declared], known: Manifest, runs_of: Mapping[Path, Run]) -> dict[Path, Made]:
    """What each folder is to be served by. Where one is not fit nothing of all is kept, but for inspection."""
    deployment = production.deployment(terms.settings.state, known)
    found: dict[Path, Made] = {}
    try:
        for place, one in enumerate(every):
            ahead = [later.product for later in every[place + 1 :]]
            try:
                new = production.made(terms, one.product, one.folder, deployment, known, ahead)
            except ContractError as error:
                error.folder = one.folder
                raise
            found[one.folder] = new
            runs_of[one.folder].fit = True
            deployment = deployment.serving(new.snapshot)
        for new in found.values():
            if terms.permit is not None and new.broken is not None:
                breaks.recorded(terms.settings, terms.permit, new.broken, new.snapshot)
    except BaseException:
        for new in found.values():
            if new.fresh:
                with suppress(OSError):
                    shelf.remove(new.snapshot.path.parent)
        raise
    return found


def _published(settings: Settings, known: Manifest, fresh: Sequence[Snapshot]) -> Manifest:
    now = time.time()
    for one in fresh:
        known = known.published(one.product.name, one.product.major, one.id, now + retain_s(settings, one.product))
    return known.collected(now)


def collect(settings: Settings, now: float | None = None) -> bool:
    """Remove the snapshots whose time is over at `now`, and what killed publications left; whether any was over.

    Raises Unavailable (busy).
    """
    with child.lock(settings.state, "collect"):
        moment = time.time() if now is None else now
        over = overdue(settings, moment)
        _collected(settings.state, moment)
        return over


def overdue(settings: Settings, now: float) -> bool:
    """Whether a kept snapshot's time is over at `now`; costs one small file to read."""
    try:
        return any(one.until <= now for one in manifest.read(settings.state).retained)
    except ManifestError:
        return False


def retain_s(settings: Settings, product: Product) -> float:
    """Seconds that a replaced snapshot stays: what the product declares, else its workspace, else the deployment."""
    if product.retain_s is not None:
        return product.retain_s
    known = workspaces.load(settings.products, settings.environment) if product.workspace else Workspaces()
    space = known.of(product)
    return settings.retain_s if space is None or space.retain_s is None else space.retain_s


def _collected(state: Path, now: float | None = None) -> Manifest:
    """The manifest once snapshots out of time are forgotten; their folders go after it, never before."""
    try:
        before = manifest.read(state)
        after = before.collected(time.time() if now is None else now)
    except ManifestError:
        before, after = None, shelf.rebuilt(state)
    if after != before:
        manifest.write(state, after)
    shelf.sweep(state, after)
    return after
