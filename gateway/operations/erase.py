"""Erasure of a subject: its rows go from what is served and kept, and from what other products have made of them.

Touches the shelf and the manifest, under the publication lock. A published file is never written again: each product
gets a new one without the rows, and the old ones, kept ones and quarantines too, are removed; so are rows that clients
pushed. What other sources still hold comes back with the next publication that reads it.
"""

from __future__ import annotations

import hmac
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from gateway import ticking
from gateway.access import keys
from gateway.accounting.operator import Act, recorded
from gateway.contracts import clock as data_clock
from gateway.contracts import contract
from gateway.contracts.contract import ContractError
from gateway.document import Finding
from gateway.errors import BadQuery, NotFound
from gateway.inputs import subject
from gateway.inputs.job import Attachment, Built, Job, Order, TableJob
from gateway.operations import erase_inputs
from gateway.product import Table
from gateway.publication import build_inputs, child, production
from gateway.publication.child import Refused
from gateway.publication.production import Terms
from gateway.publication.progress import Listener
from gateway.serving import manifest, record, restoring, shelf
from gateway.serving.engine import default_threads
from gateway.serving.manifest import Manifest, ManifestError, Served
from gateway.serving.record import RecordError
from gateway.settings import Settings
from gateway.snapshot import Deployment, Snapshot
from gateway.sql import duck
from gateway.ticking import Clock

_MEMORY_LIMIT = "2GB"
# What people wrote, and what is on its way.
_WORDS = ("feedback", "alerts")
# A shorter text stands everywhere.
_TELLING = 4


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is erased: `key` are the texts of the key of `table`, in the key's order."""

    product: str
    table: str
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """What has become of it: `rows` that went, by table or `input.table`; what was made anew, what was not, and why.

    `removed` are the snapshots that nobody can ask for any more; `upstream` the products that still hold the subject
    if they did; `referring` those that name the table and are not made of it. `naming` are files of the state with
    words of people, or messages on their way, in which the key stands: whose that is only a reader can tell.
    """

    rows: dict[str, int]
    removed: tuple[str, ...]
    rebuilt: tuple[str, ...]
    left: tuple[tuple[str, str], ...]
    upstream: tuple[str, ...]
    referring: tuple[str, ...]
    naming: tuple[str, ...]


@dataclass(frozen=True)
class _Work:
    """One erasure under way."""

    terms: Terms
    known: Manifest
    deployment: Deployment
    subject: Subject

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.terms.settings.state


def erase(settings: Settings, who: Subject, act: Act, listener: Listener, clock: Clock = ticking.MACHINE) -> Erased:
    """Erase the subject, at one moment; on record with a keyed hash of its key.

    Raises NotFound for what is not served, BadQuery for a key of another form, Unavailable (busy, state, audit).
    """
    secret = keys.load(settings)
    with child.lock(settings.state, f"erasure in {who.product}") as held:
        deployment, known = _deployment(settings.state)
        own = [one for one in deployment.snapshots if one.product.name == who.product]
        _table(own, who)
        recorded(settings, replace(act, what=f"{who.table} {_hash(who, secret)}"), (who.product,))
        terms = Terms(settings, held, listener, True, None, None, clock, lenient=True)
        return _erased(_Work(terms, known, deployment, who), own)


def _erased(work: _Work, own: Sequence[Snapshot]) -> Erased:
    deployment, rows = work.deployment, dict[str, int]()
    fresh: list[Snapshot] = []
    left: list[tuple[str, str]] = []
    try:
        for old in own:
            new = _copied(work, old)
            fresh.append(new)
            deployment = deployment.serving(new)
            for name, count in old.row_counts.items():
                rows[name] = rows.get(name, 0) + count - new.row_counts[name]
        readers = _readers(work.deployment, work.subject.product)
        for old in readers:
            try:
                new = _rebuilt(work, old, deployment)
            except ContractError as error:
                left.append((f"{old.product.name} {old.product.version}", error.findings[0].problem))
                continue
            fresh.append(new)
            deployment = deployment.serving(new)
    except BaseException:
        for new in fresh:
            with suppress(OSError):
                shelf.remove(new.path.parent)
        raise
    holder = [one for one in own if _named(one, work.subject.table) is not None][-1]
    inputs = erase_inputs.cleared(work.state, holder, work.subject.table, work.subject.key)
    left += [(f"the input {one}", "rows that arrived there stay") for one in inputs.left]
    removed = _published(work, fresh, {work.subject.product, *(one.product.name for one in readers)}, _kept(work))
    rebuilt = tuple(one.product.name for one in fresh if one.product.name != work.subject.product)
    rows |= inputs.rows
    upstream = sorted({name for one in own for name in _made_of(one)} - {work.subject.product})
    return Erased(rows, removed, rebuilt, tuple(left), tuple(upstream), _referring(work, readers), _naming(work))


def _published(work: _Work, fresh: Sequence[Snapshot], products: set[str], kept: frozenset[str]) -> tuple[str, ...]:
    """Serve what is fresh, and remove all else of these products, and the `kept` snapshots; the ids that are gone."""
    served = [Served(one.product.name, one.product.major, one.id) for one in fresh]
    after = work.known.erased(served, lambda snapshot: snapshot in kept or shelf.product_of(snapshot) in products)
    manifest.write(work.state, after)
    # What was not fit has no record of what it was made of.
    shelf.discard(work.state)
    shelf.sweep(work.state, after)
    restoring.unbegun(work.state)
    _unspilled(work.state)
    return tuple(sorted(work.known.ids - after.ids))


def _deployment(state: Path) -> tuple[Deployment, Manifest]:
    try:
        known = manifest.read(state)
        return Deployment(tuple(record.load(shelf.path(state, one.snapshot)) for one in known.served)), known
    except (ManifestError, RecordError) as error:
        raise BadQuery(f"the state cannot be read as a whole: {error}", reason="value") from error


def _table(own: Sequence[Snapshot], who: Subject) -> None:
    """Whether the subject can be told in every version that is served. Raises NotFound, BadQuery."""
    for one in own:
        table = _named(one, who.table)
        if table is not None and len(table.key) != len(who.key):
            names = ", ".join(table.key) or "none, so that no row of it can be told"
            raise BadQuery(f"the key of {who.product}.{who.table} is {names}", reason="value")
    if not any(_named(one, who.table) for one in own):
        raise NotFound(f"{who.product}.{who.table} is not served", reason="table")


def _named(snapshot: Snapshot, name: str) -> Table | None:
    return next((table for table in snapshot.product.tables if table.name == name), None)


def _hash(who: Subject, secret: keys.Keys) -> str:
    """Tells erasures of one subject from others' to whoever has the key, and nothing of it to anybody else."""
    text = "\0".join((who.product, who.table, *who.key))
    return hmac.new(secret.lasting("erasure"), text.encode(), sha256).hexdigest()[:32]


def _copied(work: _Work, old: Snapshot) -> Snapshot:
    """A new snapshot of the same state without the subject's rows. Raises BadQuery for a key of another type."""
    settings, now = work.terms.settings, work.terms.clock.now()
    new_id, started = shelf.new_id(old.product.name, now), time.monotonic()
    folder = shelf.begin(settings.state.resolve(), new_id)
    threads, memory = settings.threads or default_threads(), settings.memory_limit or _MEMORY_LIMIT
    try:
        order = Order(_job(work.subject, old, now), str(folder), threads, memory, now, build_s=settings.build_s)
        built = child.run(order, work.terms.held, lambda _: None)
        (folder / build_inputs.LOG).unlink(missing_ok=True)
        record.write(folder, _record(old, new_id, built, folder, time.monotonic() - started, now))
        return record.load(shelf.complete(folder))
    except Refused as error:
        shelf.remove(folder)  # its log may quote the key
        raise BadQuery("no row can have this key: it is of another type", reason="value") from error
    except BaseException:
        if folder.exists():
            shelf.remove(folder)
        raise


def _job(who: Subject, old: Snapshot, now: datetime) -> Job:
    alias = f"snap_{old.id}"
    base, product = f'"{alias}"."core"', old.product
    table = _named(old, who.table)
    found = subject.conditions(product, table, who.key, base) if table is not None else {}
    tables = []
    for one in product.tables:
        hashed = [(p.physical, one.column(p.column).type) for p in old.pseudonyms if p.table == one.name]
        columns = (*((column.name, column.type) for column in one.columns), *sorted(hashed))
        select = subject.kept([name for name, _ in columns], one.name, found.get(one.name), base)
        tables.append(TableJob(one.name, columns, select, None, ()))
    return Job(
        product=product.name,
        files=(),
        attachments=(Attachment(alias, str(old.path.resolve())),),
        relations=(),
        tables=tuple(tables),
        rules=tuple((one.name, rule) for one in product.tables for rule in one.quality),
        data_time=_data_time(old, now),
        lenient=True,
    )


def _data_time(old: Snapshot, now: datetime) -> str | None:
    """A data clock that its inputs have told, which are not at hand: it has gone on since then."""
    if old.data_time is None or not data_clock.needs_input(old.product.data_clock):
        return None
    return f"SELECT {duck.literal(old.data_time + (now - old.published_at))}"


def _record(old: Snapshot, new_id: str, built: Built, folder: Path, build_s: float, now: datetime) -> record.Record:
    """The old record of the new file. Whatever it was built of is the same, so nothing builds it anew by itself."""
    return replace(
        record.read(old.path.parent),
        id=new_id,
        published_at=now,
        row_counts=built.row_counts,
        outcomes=record.outcomes(built.outcomes),
        size_bytes=(folder / record.CORE).stat().st_size,
        build_s=round(build_s, 3),
        arrived=tuple(replace(one, aside=0, broken=()) for one in old.arrived),
    )


def _made_of(one: Snapshot) -> set[str]:
    """The products that a snapshot reads, and whatever it was made of: its record knows what its inputs were then."""
    read = {entry.product for entry in one.product.inputs if entry.product is not None}
    return read | {name for snapshot in one.made_of if (name := shelf.product_of(snapshot)) is not None}


def _readers(deployment: Deployment, name: str) -> tuple[Snapshot, ...]:
    """What is made of a product, and what of that, each after what it reads."""
    found: dict[str, Snapshot] = {}
    names = {name}
    for _ in deployment.snapshots:
        for one in deployment.snapshots:
            if one.mock is None and one.product.name != name and _made_of(one) & names:
                found[one.id] = one
                names.add(one.product.name)
    ordered: list[Snapshot] = []
    while len(ordered) < len(found):
        waiting = {one.product.name for key, one in found.items() if one not in ordered}
        ready = [
            one
            for one in found.values()
            if one not in ordered and not any(entry.product in waiting for entry in one.product.inputs)
        ]
        ordered += ready or [one for one in found.values() if one not in ordered]
    return tuple(ordered)


def _kept(work: _Work) -> frozenset[str]:
    """The snapshots that are kept, or retired, of whatever was made of the product; and those that nobody can read."""
    gone: set[str] = set()
    every = list(work.deployment.snapshots)
    for snapshot in work.known.ids - {one.id for one in every}:
        try:
            every.append(record.load(shelf.path(work.state, snapshot)))
        except RecordError:
            gone.add(snapshot)
    names, more = set[str](), {work.subject.product}
    while more - names:
        names |= more
        made = [one for one in every if one.mock is None and _made_of(one) & names]
        gone |= {one.id for one in made}
        more = {one.product.name for one in made}
    return frozenset(gone)


def _rebuilt(work: _Work, old: Snapshot, deployment: Deployment) -> Snapshot:
    """A product made anew of what is served without the subject. Raises ContractError."""
    folder = work.terms.settings.products / old.product.name
    product = contract.load(folder, work.terms.settings.environment)
    if (product.name, product.major) != (old.product.name, old.product.major):
        raise ContractError([_gone(old, folder)])
    if product.digest != old.product.digest:
        problem = f"the folder {folder.name} declares what is not served"
        raise ContractError([Finding("", 0, old.product.name, problem, "outport apply, or take the edit back")])
    return production.made(work.terms, product, folder, deployment, work.known, ()).snapshot


def _gone(old: Snapshot, folder: Path) -> Finding:
    problem = f"the folder {folder.name} no longer declares {old.product.name} {old.product.major}"
    return Finding("", 0, old.product.name, problem, "publish it from where it is declared")


def _referring(work: _Work, readers: Sequence[Snapshot]) -> tuple[str, ...]:
    made = {work.subject.product, *(one.product.name for one in readers)}
    return tuple(sorted({name for name in _links(work.deployment, work.subject) if name not in made}))


def _links(deployment: Deployment, who: Subject) -> Iterator[str]:
    for one in deployment.snapshots:
        for table in one.product.tables:
            if any((link.to_product, link.to_table) == (who.product, who.table) for link in table.relationships):
                yield one.product.name


def _naming(work: _Work) -> tuple[str, ...]:
    """Files with words of people, or messages on their way, in which a text of the key stands as a word."""
    texts = [re.escape(text) for text in work.subject.key if len(text) >= _TELLING]
    if not texts:
        return ()
    told = re.compile(rf"(?<!\w)(?:{'|'.join(texts)})(?!\w)")
    found = []
    for path in sorted(path for folder in _WORDS for path in (work.state / folder).rglob("*") if path.is_file()):
        with path.open(encoding="utf-8", errors="replace") as lines:
            if any(told.search(line) for line in lines):
                found.append(path.relative_to(work.state).as_posix())
    return tuple(found)


def _unspilled(state: Path) -> None:
    """Remove what processes that are gone had spilled."""
    folder = state / "spill"
    for one in folder.iterdir() if folder.is_dir() else ():
        if one.name.isdecimal() and not Path(f"/proc/{one.name}").exists():
            shutil.rmtree(one, ignore_errors=True)
