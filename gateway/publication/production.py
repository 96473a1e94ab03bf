"""One product -> a complete snapshot on the shelf, checked against its contract and not yet served.

Draws the build from the product's folder, the policies and what it reads, and waits for the child that runs it.
Writes one folder of the shelf; knows nothing of the manifest but what it says.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from gateway.access import keys
from gateway.contracts import clock as data_clock
from gateway.contracts import contract, input_secrets, workspaces
from gateway.contracts.contract import ContractError
from gateway.contracts.input_secrets import SecretMissing
from gateway.document import Finding
from gateway.inputs import compaction
from gateway.inputs.job import Built, Order
from gateway.policies import inheritance, policy, pseudonym
from gateway.policies.policy import PolicySet
from gateway.policies.policy_file import read_folder
from gateway.policies.policy_rules import PolicyError
from gateway.product import Inherited, Product, Pseudonym
from gateway.publication import blueprint, breaks, build_inputs, child
from gateway.publication.blueprint import Blueprint
from gateway.publication.breaks import Permit
from gateway.publication.child import Refused
from gateway.publication.mock import Mock
from gateway.publication.progress import Listener, Step, Warned
from gateway.serving import record, shelf
from gateway.serving.engine import default_threads
from gateway.serving.manifest import Manifest
from gateway.serving.record import Record, RecordError
from gateway.settings import Settings
from gateway.snapshot import Deployment, Mocked, Snapshot
from gateway.ticking import Clock

FINDINGS = "findings.txt"
_MEMORY_LIMIT = "2GB"
_log = logging.getLogger("outport.publish")


@dataclass(frozen=True)
class Terms:
    """How products are made: under the publication lock `held`, told to `listener`; `force` builds what is the same.

    With a `permit` readers may be broken; with `mock`, rows are made up from the contract alone; where it is `lenient`,
    broken rules are told and stop nothing.
    """

    settings: Settings
    held: int
    listener: Listener
    force: bool
    permit: Permit | None
    mock: Mock | None
    clock: Clock
    lenient: bool = False


@dataclass(frozen=True)
class Made:
    """The snapshot of a product: `fresh`, or the one that serves it; `broken` is the one whose readers it breaks."""

    snapshot: Snapshot
    fresh: bool
    broken: Snapshot | None


def made(
    terms: Terms, product: Product, folder: Path, deployment: Deployment, known: Manifest, ahead: Sequence[Product]
) -> Made:
    """The snapshot that is to serve `product`, which reads what `deployment` holds.

    `ahead` are the products that are published with it and come after it: policies are read with them. Raises
    ContractError with every finding, Unavailable (build).
    """
    progress = terms.listener
    progress(Step(product.name, "contract", product.version, None))
    compaction.compact(terms.settings.state, product)
    drawn = prepared(terms.settings, product, folder, deployment, known, ahead, terms.mock)
    for finding in drawn.warnings:
        progress(Warned(product.name, finding))
    if drawn.same is not None and not terms.force:
        return Made(drawn.same, False, None)
    product, readers = drawn.product, drawn.readers
    broken = breaks.broken(readers, product, terms.permit, lambda finding: progress(Warned(product.name, finding)))
    snapshot = _built(terms, drawn)
    return Made(snapshot, True, readers if broken else None)


@dataclass(frozen=True)
class Prepared:
    """What is to be built, checked as far as it can be without data; `same` serves it already.

    `product` has what its columns inherit; `readers` is what serves its major now, None where that is a mock. `made_of`
    are the snapshots that it reads, and all that these were made of.
    `generated`: its rows are made up, or some of those that it is made of.
    """

    product: Product
    inherited: tuple[Inherited, ...]
    blueprint: Blueprint
    fingerprint: str
    same: Snapshot | None
    readers: Snapshot | None
    warnings: tuple[Finding, ...]
    pseudonyms: frozenset[Pseudonym]
    made_of: tuple[str, ...]
    generated: bool


def prepared(
    settings: Settings,
    product: Product,
    folder: Path,
    deployment: Deployment,
    known: Manifest,
    ahead: Sequence[Product],
    mock: Mock | None,
) -> Prepared:
    """What `made` would build. Raises ContractError with every finding."""
    unfit = workspaces.load(settings.products, settings.environment).doubts(product)
    if unfit:
        raise ContractError(unfit)
    inherited, doubts = _inherited(settings, product, deployment)
    product = inheritance.applied(product, inherited)
    served = deployment.find(f"{product.name}_v{product.major}")
    if mock is not None and served is not None and served.mock is None:
        raise ContractError([_real(product)])
    policies = _policies(settings, product, deployment, ahead)
    drawn = _drawn(settings, product, folder, deployment, mock, policies)
    fingerprint = drawn.fingerprint(product.identity)
    readers = None if served is None or served.mock is not None else served
    return Prepared(
        product,
        inherited,
        drawn,
        fingerprint,
        _same(settings.state, known, product, fingerprint) if drawn.lasting else None,
        readers,
        (*doubts, *drawn.warnings),
        frozenset(policies.pseudonyms(product)),
        _made_of(drawn, deployment),
        _generated(product, deployment),
    )


def _made_of(drawn: Blueprint, deployment: Deployment) -> tuple[str, ...]:
    read = {one.alias for one in drawn.job.attachments}
    found = [one for one in deployment.snapshots if f"{blueprint.ATTACHED}{one.id}" in read]
    return tuple(sorted({one.id for one in found}.union(*(one.made_of for one in found))))


def _generated(product: Product, deployment: Deployment) -> bool:
    majors = {f"{one.product}_v{one.version.split('.')[0]}" for one in product.inputs if one.product is not None}
    read = [one for one in map(deployment.find, majors) if one is not None]
    return bool(product.generated) or any(one.generated or one.mock is not None for one in read)


def deployment(state: Path, known: Manifest) -> Deployment:
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
        raise _of_policies(error) from error
    return inheritance.inherited(product, deployment, policies.rules)


def _of_policies(error: PolicyError) -> ContractError:
    return ContractError([replace(one, policy=True) for one in error.findings])


def _real(product: Product) -> Finding:
    problem = f"{product.name} {product.major} is served with real data, which no mock replaces"
    return Finding("", 0, product.name, problem, "another major version, or a deployment of its own (--state)")


def _policies(settings: Settings, product: Product, deployment: Deployment, ahead: Sequence[Product]) -> PolicySet:
    """The policies over all that is to be served. Raises ContractError."""
    told = {_key(one) for one in (*ahead, product)}
    others = [*ahead, *(one.product for one in deployment.snapshots if _key(one.product) not in told)]
    try:
        return policy.load(settings.policies, [*others, product])
    except PolicyError as error:
        raise _of_policies(error) from error


def _drawn(
    settings: Settings,
    product: Product,
    folder: Path,
    deployment: Deployment,
    mock: Mock | None,
    policies: PolicySet,
) -> Blueprint:
    secret = keys.load(settings) if policies.pseudonyms(product) else None
    if mock is not None:
        return blueprint.made_up(product, mock, data_clock.moment(product.data_clock), deployment, policies, secret)
    return blueprint.drawn(product, folder, settings.state, deployment, policies, secret)


def _key(product: Product) -> tuple[str, int]:
    return (product.name, product.major)


def secrets_of(settings: Settings, drawn: Blueprint, workspace: str) -> dict[str, str]:
    """The secrets of the build's sources, by name: those of its workspace where it has one, and no other's.

    Raises ContractError where one is not there.
    """
    folder = settings.secrets / workspace if settings.secrets is not None and workspace else settings.secrets
    fetches = [one.fetch for one in drawn.job.relations if one.fetch is not None]
    found: dict[str, str] = {}
    for fetch in fetches:
        for name in input_secrets.named(fetch.uri):
            try:
                found[name] = input_secrets.value(folder, name)
            except SecretMissing as error:
                file, _, path = fetch.where.partition(" ")
                raise ContractError([Finding(file, 0, path, str(error), "a file of that name")]) from error
    return found


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
    terms: Terms,
    drawn: Prepared,
) -> Snapshot:
    """A complete folder on the shelf, not yet served. Raises Refused, Unavailable."""
    product, served = drawn.product, drawn.readers
    if drawn.pseudonyms:
        pseudonym.pin(terms.settings.mask_keys, keys.load(terms.settings))
    settings, progress, mock = terms.settings, terms.listener, terms.mock
    started, now = time.monotonic(), terms.clock.now()
    secrets = secrets_of(settings, drawn.blueprint, product.workspace)
    snapshot_id = shelf.new_id(product.name, now)
    folder = shelf.begin(settings.state.resolve(), snapshot_id)
    order = Order(
        job=replace(drawn.blueprint.job, lenient=terms.lenient),
        folder=str(folder),
        threads=settings.threads or default_threads(),
        memory_limit=settings.memory_limit or _MEMORY_LIMIT,
        now=now,
        before=() if served is None else served.arrived,
        secrets=secrets,
        source_s=settings.source_s,
        build_s=settings.build_s,
    )
    try:
        built = child.run(
            order, terms.held, lambda said: progress(Step(product.name, said.step, said.subject, said.fraction))
        )
        if drawn.blueprint.fingerprint(product.identity) != drawn.fingerprint:
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
    (folder / build_inputs.LOG).unlink(missing_ok=True)
    made = _record(product, snapshot_id, now, built, folder, time.monotonic() - started, drawn.fingerprint)
    lineage = replace(made, inherited=drawn.inherited, made_of=drawn.made_of, generated=drawn.generated)
    record.write(folder, replace(lineage, mock=_mocked(mock, built)))
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
        checked=record.outcomes(built.checked),
    )
