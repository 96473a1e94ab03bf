"""The end of a product: deprecated, served no more, deleted; and its beginning, once its owner has accepted it.

What a product says of itself stands in its descriptor, so that the same bundle means the same everywhere: `deprecate`
and `promote` edit it there and publish. That it is served no more is the deployment's: it stands in the manifest.
Writes the descriptor, the manifest and, of what is deleted, the snapshots; each act is on record before it is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from gateway.access import keys
from gateway.access.identity import Directory
from gateway.accounting import audit
from gateway.contracts import amendment
from gateway.contracts.descriptor import PRODUCT_SUFFIX
from gateway.errors import BadQuery, NotFound
from gateway.operations import consumers
from gateway.operations.consumers import Consumer
from gateway.product import Product
from gateway.publication import amending, bundle, child, production, publish
from gateway.publication.amending import Edit
from gateway.publication.bundle import Declared
from gateway.serving import manifest, record, shelf
from gateway.serving.manifest import Manifest, ManifestError, Retired
from gateway.serving.record import RecordError
from gateway.settings import Settings
from gateway.snapshot import Deployment, Snapshot

# (products, action, what, reason): on record, or it raises Unavailable.
Recorder = Callable[[Sequence[str], str, str, str], None]


def deprecate(
    settings: Settings, name: str, major: int | None, sunset: date, reason: str, on_record: Recorder
) -> Snapshot:
    """Say in the descriptor that the product is deprecated from today and ends at `sunset`, and publish that.

    Raises NotFound, BadQuery where its folder has other changes or the day is past, ContractError, Unavailable.
    """
    if sunset <= datetime.now(UTC).date():
        raise BadQuery("the sunset is a day to come", reason="value", hint="--sunset 2031-01-31")
    with child.lock(settings.state, f"deprecate {name}") as held:
        one = _folder(settings, name, major)
        since = one.product.deprecated_on or datetime.now(UTC)
        on_record([one.product.name], "deprecate", f"{one.product.version}, sunset {sunset}", reason)
        said = {"deprecatedOn": f"{since:%Y-%m-%d}", "sunsetOn": f"{sunset}"}
        return _amended(settings, one, "deprecated", said, held)


def promote(
    settings: Settings, name: str, accepted_by: str, reason: str, on_record: Recorder, major: int | None = None
) -> Snapshot:
    """Make a draft active, as its owner has accepted it; who and when stand in the descriptor, and on record.

    `major` None is the highest one. The owner is that of this major: the caller has asked.

    Raises NotFound, BadQuery where it is no draft or its folder has other changes, ContractError: all that it lacks.
    """
    with child.lock(settings.state, f"promote {name}") as held:
        one = _folder(settings, name, major)
        if one.product.status not in {"draft", "proposed", ""}:
            raise BadQuery(f"{name} {one.product.version} is {one.product.status}, no draft", reason="value")
        on_record([one.product.name], "promote", f"{one.product.version}, accepted by {accepted_by}", reason)
        said = {"acceptedBy": accepted_by, "acceptedOn": f"{datetime.now(UTC):%Y-%m-%d}"}
        return _amended(settings, one, "active", said, held)


def retire(
    settings: Settings, name: str, major: int | None, forced: str, successor: str, on_record: Recorder
) -> tuple[Snapshot, ...]:
    """Serve the product's major (None: all) no more; what was served stays on the shelf until it is deleted.

    `forced` is the reason for doing so before its sunset, or though other products are made of it. Raises NotFound,
    BadQuery.
    """
    with child.lock(settings.state, f"retire {name}"):
        known = _known(settings)
        deployment = production.deployment(settings.state, known)
        found = [one for one in deployment.snapshots if _is(one.product, name, major)]
        if not found:
            raise NotFound(f"{name} is not served", reason="product")
        now = datetime.now(UTC)
        for one in found:
            sunset = one.product.sunset_on
            if not forced and (sunset is None or sunset > now):
                told = f"its sunset is {sunset:%Y-%m-%d}" if sunset is not None else "it has no sunset yet"
                hint = "wait, or say why it must go before: --force REASON"
                raise BadQuery(f"{name} {one.product.version} is not over: {told}", reason="value", hint=hint)
            _unread(deployment, one.product, forced)
        left = [one for one in deployment.current if one.product.name == name and one not in found]
        follows = successor or (name if left else "")
        on_record([name], "retire", ", ".join(one.product.version for one in found), forced)
        retired = [Retired(name, one.product.major, one.id, time.time(), follows) for one in found]
        majors = {one.product.major for one in found}
        over = {one.snapshot for one in known.retained if _major(settings, one.snapshot, name) in majors}
        after = known.without(over | {one.id for one in found}, retired)
        manifest.write(settings.state, after)
        shelf.sweep(settings.state, after)
        return tuple(found)


def delete(settings: Settings, name: str, forced: str, on_record: Recorder) -> int:
    """Remove every snapshot of the product, served or not; how many. Its folder stays: it is its owner's.

    Refused while somebody has used it in the last days, or is made of it, unless `forced` says why. Raises NotFound,
    BadQuery that names them.
    """
    with child.lock(settings.state, f"delete {name}"):
        known = _known(settings)
        ids = {one for one in known.ids if shelf.product_of(one) == name}
        if not ids:
            raise NotFound(f"nothing of {name} is kept", reason="product")
        used = active(settings, name, production.deployment(settings.state, known))
        if used and not forced:
            told = ", ".join(f"{one.subject} ({one.queries} queries)" for one in used[:10])
            more = f" and {len(used) - 10} more" if len(used) > 10 else ""
            hint = "retire it first and wait, or say why it must go now: --force REASON, over the web ?force=REASON"
            raise BadQuery(f"{name} is in use: {told}{more}", reason="value", hint=hint)
        on_record([name], "delete", f"{len(ids)} snapshots, {len(used)} consumers", forced)
        gone = known.without(ids)
        after = replace(gone, retired=tuple(one for one in gone.retired if one.product != name))
        manifest.write(settings.state, after)
        shelf.sweep(settings.state, after)
        shelf.discard(settings.state, name)
        return len(ids)


def active(settings: Settings, name: str, deployment: Deployment) -> tuple[Consumer, ...]:
    """Who has used any major of the product in the last days, and which products are made of it.

    That the audit is read is the caller's to put on record.
    """
    since = datetime.now(UTC) - timedelta(days=consumers.DAYS)
    directory = Directory(settings.principals, keys.load(settings))
    kinds = {subject: directory.principal(subject).kind for subject in directory.subjects()}
    seals = audit.seals(keys.load(settings))
    found: list[Consumer] = []
    for product in majors(settings, name):
        found += consumers.usage(settings.audit, seals, product, since, kinds).consumers()
        found += consumers.readers(deployment, product)
    return tuple(found)


def majors(settings: Settings, name: str) -> list[Product]:
    """The product at each major of which a snapshot is kept."""
    found: dict[int, Product] = {}
    for one in sorted(_known(settings).ids):
        if shelf.product_of(one) == name:
            try:
                product = record.load(shelf.path(settings.state, one)).product
            except RecordError:
                continue
            found[product.major] = product
    return list(found.values())


def _known(settings: Settings) -> Manifest:
    try:
        return manifest.read(settings.state)
    except ManifestError:
        return Manifest()


def _is(product: Product, name: str, major: int | None) -> bool:
    return product.name == name and (major is None or product.major == major)


def _major(settings: Settings, snapshot: str, name: str) -> int | None:
    if shelf.product_of(snapshot) != name:
        return None
    try:
        return record.read(shelf.path(settings.state, snapshot)).major
    except RecordError:
        return None


def _unread(deployment: Deployment, product: Product, forced: str) -> None:
    """Raises BadQuery where others that are served are made of it."""
    readers = [one.subject.partition(":")[2] for one in consumers.readers(deployment, product)]
    readers = [one for one in readers if one != product.name]
    if readers and not forced:
        hint = "retire them first, or say why: --force REASON"
        raise BadQuery(f"{product.name} is what {', '.join(readers)} is made of", reason="value", hint=hint)


def _folder(settings: Settings, name: str, major: int | None) -> Declared:
    """The folder that declares the product, served as it stands there. Raises NotFound, BadQuery."""
    reading = bundle.read(bundle.folders([settings.products]), settings.environment)
    found = [one for one in reading.products if _is(one.product, name, major)]
    if not found:
        told = name if major is None else f"{name} {major}"
        raise NotFound(f"no folder of {settings.products.name} declares {told}", reason="product")
    one = max(found, key=lambda one: one.product.major)
    served = production.deployment(settings.state, _known(settings)).find(f"{name}_v{one.product.major}")
    if served is None or served.product.digest != one.product.digest:
        hint = f"outport plan {one.folder.name}, then apply"
        raise BadQuery(f"the folder of {name} is not what is served", reason="value", hint=hint)
    return one


def _amended(settings: Settings, one: Declared, status: str, said: Mapping[str, str], held: int) -> Snapshot:
    """Publish the folder with another status, under the lock; where that fails, or is killed, the descriptor is as it
    was.
    """
    file = next(one.folder.glob(f"*{PRODUCT_SUFFIX}")).resolve()
    before = file.read_bytes().decode()
    after = amendment.amended(file.name, before, status, said)
    served = production.deployment(settings.state, _known(settings)).find(f"{one.product.name}_v{one.product.major}")
    assert served is not None
    try:
        amending.begin(settings.state, Edit(str(file), before, after, served.id))
        (made,) = publish.together(settings, [one.folder], held=held)
    except BaseException:
        amending.undone(settings.state)
        raise
    amending.end(settings.state)
    return made
