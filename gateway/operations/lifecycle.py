"""`plan`: what publishing folders, and other policies, would change, and whom it would break. Publishes nothing.

Reads folders, policies, the directory of principals and the audit; opens no data but the heads of files that a contract
is checked against, and what is served where rows are counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from gateway.access import keys
from gateway.access.identity import Directory
from gateway.accounting import audit
from gateway.contracts import grading
from gateway.contracts.contract import ContractError
from gateway.contracts.grading import Change, Grade
from gateway.document import Finding
from gateway.operations import consumers
from gateway.operations.consumers import Consumer, Usage
from gateway.policies import policy
from gateway.policies.explain import explain
from gateway.policies.policy import PolicyError, PolicySet
from gateway.principal import Environment
from gateway.product import Product
from gateway.publication import bundle, child, production
from gateway.publication.bundle import Declared
from gateway.publication.plan_rows import EVERYBODY, NOBODY, RowCounts
from gateway.serving import manifest
from gateway.serving.manifest import Manifest, ManifestError
from gateway.serving.projection import Projection
from gateway.serving.projection_shelf import ProjectionShelf
from gateway.settings import Settings
from gateway.snapshot import Deployment, Snapshot

Action = Literal["new", "new major", "change", "rebuild", "unchanged", "refused"]


@dataclass(frozen=True)
class Breaking:
    """A change that breaks readers, or keeps more from them, and who has used what it is about."""

    change: Change
    consumers: tuple[Consumer, ...]


@dataclass(frozen=True)
class AccessChange:
    """What becomes other for one principal in one table; rows are told by their filter, None is every row.

    `rows_gained` and `rows_lost` are counted in what is served now; None where that cannot tell.
    """

    subject: str
    table: str
    gains: tuple[str, ...]
    loses: tuple[str, ...]
    changes: tuple[str, ...]
    rows_before: str | None
    rows_after: str | None
    rows_gained: int | None
    rows_lost: int | None


@dataclass(frozen=True)
class Planned:
    """What would become of one product. `before` is the version that it is compared with, "" where there is none.

    `fits` is whether its version says as much as has changed; `due` is the version that would.
    """

    product: str
    action: Action
    before: str
    version: str
    digest: str
    served_digest: str
    grade: Grade | None
    fits: bool
    due: str
    changes: tuple[Change, ...]
    breaking: tuple[Breaking, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Plan:
    """All products of it, what becomes other for whom, and since when the audit was asked for consumers."""

    products: tuple[Planned, ...]
    access: tuple[AccessChange, ...]
    policies: tuple[Finding, ...]
    since: datetime

    @property
    def changes(self) -> bool:
        """Whether anything would change."""
        return any(one.action != "unchanged" for one in self.products) or bool(self.access or self.policies)

    @property
    def refused(self) -> bool:
        """Whether `apply` would publish nothing."""
        lesser = any(b.change.breaks for one in self.products if not one.fits for b in one.breaking)
        return lesser or bool(self.policies) or any(one.action == "refused" for one in self.products)

    @property
    def document(self) -> dict[str, Any]:
        """As JSON."""
        told = [{**asdict(one), "findings": [str(found) for found in one.findings]} for one in self.products]
        return {
            "changes": self.changes,
            "refused": self.refused,
            "consumers_since": self.since.astimezone(UTC).isoformat(),
            "products": told,
            "access": [asdict(one) for one in self.access],
            "policies": [str(one) for one in self.policies],
        }


def plan(
    settings: Settings,
    folders: Sequence[Path],
    since: datetime,
    policies: Path | None = None,
    whose: Callable[[str], bool] | None = None,
) -> Plan:
    """What publishing `folders` would change now, under the policies of another folder where one is named.

    `whose` access is looked at: everybody's where it is None, which takes its time where there are many.
    That the audit is read is the caller's to put on record. Raises ContractError for folders that cannot be read.
    """
    child.settled(settings.state)
    reading = bundle.read(folders, settings.environment)
    for folder, finding in reading.findings:
        raise ContractError([finding], folder)
    try:
        known = manifest.read(settings.state)
    except ManifestError:
        known = Manifest()
    served = production.deployment(settings.state, known)
    asked = settings if policies is None else settings.model_copy(update={"policies": policies})
    directory = Directory(settings.principals, keys.load(settings))
    kinds = {name: directory.principal(name).kind for name in directory.subjects()}
    seals = audit.seals(keys.load(settings))
    every = bundle.in_order(reading.products)
    ahead, planned, future = [one.product for one in every], [], served
    for one in every:
        ahead = ahead[1:]
        old = _compared(served, one.product)
        asked_of = None if old is None else consumers.usage(settings.audit, seals, old.product, since, kinds)
        found, snapshot = _planned(asked, one, old, future, known, ahead, asked_of)
        planned.append(found)
        future = future.serving(snapshot) if snapshot is not None else future
    access, doubts = _access(settings, asked, directory, served, future, whose)
    return Plan(tuple(planned), access, doubts, since)


def _compared(served: Deployment, product: Product) -> Snapshot | None:
    """What readers have now: the same major, else the one that the product's name means."""
    found = served.find(f"{product.name}_v{product.major}") or served.find(product.name)
    return None if found is not None and found.mock is not None else found


def _planned(
    settings: Settings,
    one: Declared,
    old: Snapshot | None,
    future: Deployment,
    known: Manifest,
    ahead: Sequence[Product],
    asked: Usage | None,
) -> tuple[Planned, Snapshot | None]:
    """What becomes of one product, and the snapshot that those that read it are planned on; it holds no rows."""
    product = one.product
    action: Action = "unchanged"
    findings: tuple[Finding, ...] = ()
    snapshot: Snapshot | None = None
    try:
        drawn = production.prepared(settings, product, one.folder, future, known, ahead, None)
        product = drawn.product
        snapshot = drawn.same or _shadow(product, drawn.pseudonyms)
        action = "unchanged" if drawn.same is not None else "rebuild"
    except ContractError as error:
        findings, action = error.findings, "refused"
    beside = old is not None and old.product.major != product.major
    graded = grading.graded(old.product, product) if old is not None else None
    if action == "rebuild" and old is None:
        action = "new"
    elif action == "rebuild" and beside:
        action = "new major"
    elif action == "rebuild" and graded is not None and graded.changes:
        action = "change"
    graver = [change for change in graded.changes if change.grade == "major"] if graded is not None else []
    declared = ProjectionShelf(settings.state).current().projections
    breaking = [
        _breaking(change, asked, future, product, declared) for change in graver if asked is not None and not beside
    ]
    if beside and old is not None and product.major > old.product.major:
        breaking = [
            Breaking(change, named)
            for change in graver
            if (named := consumers.projected(_following(declared), old.product, change.place, current=True))
        ]
    taken = [one.name for one in declared if one.name == product.name]
    if old is None and taken:
        told = Change("minor", product.name, "a projection has this name, and is served no more")
        breaking = [Breaking(told, consumers.named(taken))]
    planned = Planned(
        product=product.name,
        action=action,
        before=old.product.version if old is not None else "",
        version=product.version,
        digest=product.digest,
        served_digest=old.product.digest if old is not None and not beside else "",
        grade=graded.grade if graded is not None else None,
        fits=graded is None or graded.fits,
        due=graded.due if graded is not None else product.version,
        changes=graded.changes if graded is not None else (),
        breaking=tuple(breaking),
        findings=findings,
    )
    return planned, snapshot


def _breaking(
    change: Change, asked: Usage, future: Deployment, product: Product, declared: Iterable[Projection]
) -> Breaking:
    served = future.find(product.name)
    current = served is None or served.product.major <= product.major
    told = consumers.projected(declared, product, change.place, current=current)
    return Breaking(change, (*asked.consumers(change.place), *consumers.readers(future, product), *told))


def _following(declared: Iterable[Projection]) -> tuple[Projection, ...]:
    """The projections that a new major is followed by: those that name none."""
    return tuple(one for one in declared if one.major is None)


def _shadow(product: Product, pseudonyms: frozenset[Any]) -> Snapshot:
    """A snapshot of a product that is not built: to be named in plans, never to be opened."""
    now = datetime.now(UTC)
    return Snapshot("planned_" + product.name, product, Path("planned"), now, None, {}, (), pseudonyms)


def _access(
    old: Settings,
    new: Settings,
    directory: Directory,
    served: Deployment,
    future: Deployment,
    whose: Callable[[str], bool] | None,
) -> tuple[tuple[AccessChange, ...], tuple[Finding, ...]]:
    """What each principal of the directory gains and loses; the findings of policies that cannot be used instead."""
    before, after = {one.id for one in served.snapshots}, {one.id for one in future.snapshots}
    if before == after and old.policies == new.policies:
        return (), ()
    try:
        now = policy.load(old.policies, [one.product for one in served.snapshots])
        then = policy.load(new.policies, [one.product for one in future.snapshots])
    except PolicyError as error:
        return (), tuple(one for one in error.findings if one.severity == "error")
    other = None if old.policies != new.policies else before ^ after
    names = {one.product.name for one in (*served.snapshots, *future.snapshots) if other is None or one.id in other}
    found: list[AccessChange] = []
    with RowCounts(old, served.current) as counts:
        for subject in directory.subjects():
            if whose is None or whose(subject):
                before_it = _seen(now, directory, subject, served, names)
                found += _differences(subject, before_it, _seen(then, directory, subject, future, names), counts)
    return tuple(found), ()


_Seen = dict[str, tuple[dict[str, str], str | None]]


def _seen(
    policies: PolicySet, directory: Directory, subject: str, deployment: Deployment, names: Collection[str]
) -> _Seen:
    """Each table of these products that exists for the subject: its columns with their treatment, and the filter of its
    rows."""
    environment = Environment("command", None, "query", time.time())
    found: _Seen = {}
    for snapshot in (one for one in deployment.current if one.product.name in names):
        hashed = frozenset(policies.pseudonyms(snapshot.product))
        principal = directory.principal(subject)
        for table in explain(policies, principal, snapshot.product, environment, hashed, snapshot.inherited):
            if not table.refusal:
                columns = {one.column: one.mask or one.treatment for one in table.columns if one.treatment != "hidden"}
                found[f"{snapshot.product.name}.{table.table}"] = (columns, table.rows)
    return found


def _differences(subject: str, before: _Seen, after: _Seen, counts: RowCounts) -> Iterator[AccessChange]:
    for name in sorted(before.keys() | after.keys()):
        filters = [(seen[name][1] or EVERYBODY) if name in seen else NOBODY for seen in (before, after)]
        product, _, table = name.partition(".")
        (old, rows_before), (new, rows_after) = before.get(name, ({}, None)), after.get(name, ({}, None))
        if (old, rows_before) == (new, rows_after):
            continue
        yield AccessChange(
            subject=subject,
            table=name,
            gains=tuple(one for one in new if one not in old),
            loses=tuple(one for one in old if one not in new),
            changes=tuple(f"{one}: {old[one]} -> {new[one]}" for one in new if one in old and old[one] != new[one]),
            rows_before=rows_before,
            rows_after=rows_after,
            rows_gained=counts.only(product, table, filters[1], filters[0]),
            rows_lost=counts.only(product, table, filters[0], filters[1]),
        )
