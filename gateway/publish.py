"""Folder -> served Snapshot: write, audit, publish. The only writer of snapshots and of the manifest.

The build runs in a child process (build.py); this process draws it, waits, and publishes by one atomic rename. A kill
at any moment leaves what was served before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from gateway import (
    blueprint,
    breaks,
    build,
    child,
    contract,
    inheritance,
    keys,
    manifest,
    policy,
    pseudonym,
    record,
    runs,
    shelf,
    ticking,
)
from gateway import clock as data_clock
from gateway.blueprint import Blueprint
from gateway.breaks import Permit
from gateway.child import Refused
from gateway.contract import ContractError
from gateway.document import Finding
from gateway.engine import default_threads
from gateway.job import Built, Order
from gateway.manifest import Manifest, ManifestError
from gateway.mock import Mock
from gateway.policy_file import read_folder
from gateway.policy_rules import PolicyError
from gateway.product import Inherited, Product, Pseudonym
from gateway.record import Record, RecordError
from gateway.runs import Cause
from gateway.settings import Settings
from gateway.snapshot import Deployment, Mocked, Snapshot
from gateway.ticking import Clock

FINDINGS = "findings.txt"
_MEMORY_LIMIT = "2GB"
_log = logging.getLogger("outport.publish")


@dataclass(frozen=True, slots=True)
class Step:
    """Publication of `product` does `step` on `subject` (a table, a rule, a snapshot); `fraction` None: unknown."""

    product: str
    step: Literal["contract", "arrive", "write", "pseudonym", "audit", "published", "unchanged"]
    subject: str
    fraction: float | None


@dataclass(frozen=True, slots=True)
class Warned:
    """A finding that does not stop the publication."""

    product: str
    finding: Finding


Progress = Step | Warned


def _silent(_: Progress) -> None:
    """The default listener."""


def publish(
    settings: Settings,
    folder: Path,
    *,
    progress: Callable[[Progress], None] = _silent,
    force: bool = False,
    permit: Permit | None = None,
    mock: Mock | None = None,
    cause: Cause | None = None,
    clock: Clock = ticking.MACHINE,
) -> Snapshot:
    """Publish the product of `folder`; the snapshot that serves it now, the old one if nothing has changed.

    `force` builds anew in any case. With `mock`, rows are made up from the contract alone; they replace no real ones.
    `cause` is why, for the ledger; unset: somebody asked for it here.
    Raises ContractError with every finding (descriptors, models, policies, rules, and what breaks readers unless there
    is a `permit`), Unavailable if another publication runs (busy), the build was killed (build), or the permit cannot
    be put on record (audit).
    """
    told = runs.kept(settings, folder.name, cause or Cause(), clock)
    with child.lock(settings.state, folder.name) as held, told as run:
        known = _collected(settings.state)
        product = contract.load(folder)
        run.of(product)
        progress(Step(product.name, "contract", product.version, None))
        deployment = _deployment(settings.state, known)
        inherited, doubts = _inherited(settings, product, deployment)
        product = inheritance.applied(product, inherited)
        served = deployment.find(f"{product.name}_v{product.major}")
        if mock is not None and served is not None and served.mock is None:
            raise ContractError([_real(product)])
        drawn = _drawn(settings, product, folder, deployment, mock)
        for finding in (*doubts, *drawn.warnings):
            progress(Warned(product.name, finding))
        fingerprint = drawn.fingerprint(product.identity)
        same = _same(settings.state, known, product, fingerprint)
        if same is not None and not force:
            progress(Step(product.name, "unchanged", same.id, 1.0))
            return run.unchanged(same)
        readers = None if served is None or served.mock is not None else served
        broken = breaks.broken(readers, product, permit, lambda finding: progress(Warned(product.name, finding)))
        snapshot = _built(settings, product, inherited, drawn, fingerprint, held, progress, mock, clock.now(), readers)
        if permit is not None and readers is not None and broken:
            breaks.recorded(settings, permit, readers, snapshot)
        retain_until = time.time() + retain_s(settings, product)
        manifest.write(
            settings.state,
            known.published(product.name, product.major, snapshot.id, retain_until).collected(time.time()),
        )
        _collected(settings.state)
        progress(Step(product.name, "published", snapshot.id, 1.0))
        return run.published(snapshot)


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
    """Seconds that a replaced snapshot stays: what the product declares, else what the deployment is set to."""
    return settings.retain_s if product.retain_s is None else product.retain_s


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


def _deployment(state: Path, known: Manifest) -> Deployment:
    """What is served; a snapshot that cannot be read is left out, so that publishing it anew mends it."""
    found = []
    for entry in known.served:
        try:
            found.append(record.load(shelf.path(state, entry.snapshot)))
        except RecordError as error:
            _log.warning("%s", error)
    return Deployment(tuple(found))


def _inherited(
    settings: Settings, product: Product, deployment: Deployment
) -> tuple[tuple[Inherited, ...], list[Finding]]:
    """What the columns of models are to be served as. What is wrong with the policies is told where they are loaded."""
    try:
        policies, _ = read_folder(settings.policies)
    except PolicyError as error:
        raise ContractError(error.findings) from error
    return inheritance.inherited(product, deployment, policies.rules)


def _real(product: Product) -> Finding:
    problem = f"{product.name} {product.major} is served with real data, which no mock replaces"
    return Finding("", 0, product.name, problem, "another major version, or a deployment of its own (--state)")


def _drawn(settings: Settings, product: Product, folder: Path, deployment: Deployment, mock: Mock | None) -> Blueprint:
    others = [one.product for one in deployment.snapshots if (one.product.name, one.product.major) != _key(product)]
    try:
        policies = policy.load(settings.policies, [*others, product])
    except PolicyError as error:
        raise ContractError(error.findings) from error
    secret = keys.load(settings) if policies.pseudonyms(product) else None
    if secret is not None:
        pseudonym.pin(settings.mask_keys, secret)
    if mock is not None:
        return blueprint.made_up(product, mock, data_clock.moment(product.data_clock), deployment, policies, secret)
    return blueprint.drawn(product, folder, deployment, policies, secret)


def _key(product: Product) -> tuple[str, int]:
    return (product.name, product.major)


def _same(state: Path, known: Manifest, product: Product, fingerprint: str) -> Snapshot | None:
    """The served snapshot of this product if it was built of the same."""
    served = known.serving(*_key(product))
    if served is None:
        return None
    try:
        folder = shelf.path(state, served)
        return record.load(folder) if record.read(folder).fingerprint == fingerprint else None
    except RecordError:
        return None


def _built(
    settings: Settings,
    product: Product,
    inherited: tuple[Inherited, ...],
    drawn: Blueprint,
    fingerprint: str,
    held: int,
    progress: Callable[[Progress], None],
    mock: Mock | None,
    now: datetime,
    served: Snapshot | None,
) -> Snapshot:
    """A complete folder on the shelf, not yet served. Raises Refused, Unavailable."""
    started = time.monotonic()
    snapshot_id = shelf.new_id(product.name, now)
    folder = shelf.begin(settings.state.resolve(), snapshot_id)
    order = Order(
        job=drawn.job,
        folder=str(folder),
        threads=settings.threads or default_threads(),
        memory_limit=settings.memory_limit or _MEMORY_LIMIT,
        before=() if served is None else served.arrived,
    )
    try:
        built = child.run(
            order, held, lambda said: progress(Step(product.name, said.step, said.subject, said.fraction))
        )
        if drawn.fingerprint(product.identity) != fingerprint:
            raise Refused([Finding("", 0, product.name, "a file changed while it was read", "publish again")])
    except Refused as error:
        (folder / FINDINGS).write_text("".join(f"{finding}\n" for finding in error.findings))
        shelf.fail(folder)
        raise
    except BaseException:
        shelf.remove(folder)
        raise
    for finding in built.findings:
        progress(Warned(product.name, finding))
    (folder / build.LOG).unlink(missing_ok=True)
    made = _record(product, snapshot_id, now, built, folder, time.monotonic() - started, fingerprint)
    record.write(folder, replace(made, inherited=inherited, mock=_mocked(mock, built)))
    return record.load(shelf.path(settings.state, shelf.complete(folder).name))


def _mocked(mock: Mock | None, built: Built) -> Mocked | None:
    if mock is None:
        return None
    draws = tuple(f"{table}.{column}={draw.shown}" for table, column, draw in mock.draws)
    return Mocked(mock.seed, mock.rows, draws, built.measures)


def _record(
    product: Product, snapshot_id: str, now: datetime, built: Built, folder: Path, build_s: float, fingerprint: str
) -> Record:
    return Record(
        id=snapshot_id,
        product=product.name,
        major=product.major,
        published_at=now,
        data_time=built.data_time,
        row_counts=built.row_counts,
        outcomes=record.outcomes(built.outcomes),
        pseudonyms=tuple(Pseudonym(*one) for one in built.pseudonyms),
        size_bytes=(folder / record.CORE).stat().st_size,
        build_s=round(build_s, 3),
        fingerprint=fingerprint,
        documents=product.documents,
        models=contract.models_of(product),
        arrived=built.arrived,
    )
