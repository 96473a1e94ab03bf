"""Product + Deployment + Decisions -> Job: everything that a build will run, checked before it runs. Opens no data.

Other products are read as the principal `product:<name>`, through the same decisions and views as any client.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from gateway.access.keys import Keys
from gateway.accounting.ledger import ITSELF
from gateway.binding.views import Grant, view_of
from gateway.contracts import clock, contract, sources
from gateway.contracts.contract import ContractError
from gateway.contracts.sources import SourceError
from gateway.decision import Decision
from gateway.document import Finding
from gateway.errors import BadQuery, GatewayError
from gateway.inputs import feeds, lakes, reading, segments
from gateway.inputs.job import CORE_CATALOG, CORE_SCHEMA, Attachment, Job, PseudonymJob, Relation, TableJob
from gateway.inputs.lakes import LakeError, Listing
from gateway.policies import pseudonym
from gateway.policies.policy import PolicySet
from gateway.principal import NEVER, Environment, Principal
from gateway.product import Column, FileSource, Input, LakeSource, Product, Pseudonym, PushSource, Table
from gateway.publication import mock as mocking
from gateway.publication.mock import Mock
from gateway.snapshot import Deployment, Snapshot
from gateway.sql import duck, scope, tree

DOOR = "publish"
# Before the id of a snapshot that a build reads.
ATTACHED = "snap_"
_CONCEALED = ("confidential", "restricted")


@dataclass(frozen=True)
class Blueprint:
    """A Job, the files that it reads, and the warnings about its product."""

    job: Job
    files: tuple[Path, ...]
    warnings: tuple[Finding, ...]

    @property
    def lasting(self) -> bool:
        """Whether a build of the same fingerprint gives the same: no source is another server's."""
        fetches = [one.fetch for one in self.job.relations if one.fetch is not None]
        return all(any(one.uri == str(path) for path in self.files) for one in fetches)

    def fingerprint(self, digest: str) -> str:
        """Hash of all that the snapshot will depend on: product, decisions, keys, input snapshots, files."""
        body = json.dumps([digest, duck.VERSION, *map(stamp, self.files)])
        return hashlib.sha256(body.encode() + repr(self.job).encode()).hexdigest()


def stamp(path: Path) -> tuple[str, int, int]:
    """Path, size and modification time (ns) of a file; -1 where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return (str(path), -1, -1)
    return (str(path), found.st_size, found.st_mtime_ns)


@dataclass
class _Readable:
    """What models may name: (input, table) to the physical relation; `columns` are those of other products' tables."""

    physical: dict[tuple[str, str], scope.Path] = field(default_factory=dict)
    columns: dict[str, dict[str, list[tuple[str, str]]]] = field(default_factory=dict)
    relations: dict[tuple[str, str], Relation] = field(default_factory=dict)
    attachments: dict[str, Attachment] = field(default_factory=dict)
    files: dict[Path, None] = field(default_factory=dict)

    def add(self, name: tuple[str, str], relation: Relation) -> None:
        self.physical[name] = ("memory", relation.schema, relation.name)
        self.relations[(relation.schema, relation.name)] = relation


def drawn(
    product: Product, folder: Path, state: Path, deployment: Deployment, policies: PolicySet, mask_keys: Keys | None
) -> Blueprint:
    """The build of `product`; `state` holds what was pushed to it. `mask_keys` may be None where none is needed.

    Raises ContractError with every finding: models that do not bind, inputs absent or not granted, missing files.
    """
    readable = _Readable()
    for source in product.inputs:
        if source.product is not None:
            _product_of(source, product, deployment, policies, readable)
    warnings = contract.compile_product(product, readable.columns, folder)
    for source in product.inputs:
        if source.product is None:
            _files_of(source, folder, readable)
            _feeds_of(source, product.name, folder, state, readable)
    tables = tuple(
        _table(table, product, folder, readable, _pseudonyms(table, product, deployment, policies, mask_keys))
        for table in _ordered(product)
    )
    job = Job(
        product=product.name,
        files=tuple(str(path) for path in readable.files),
        attachments=tuple(readable.attachments.values()),
        relations=tuple(readable.relations.values()),
        tables=tables,
        rules=tuple((table.name, rule) for table in product.tables for rule in table.quality),
        data_time=_data_time(product, readable),
        checks=tuple(
            (source.name, table.name, rule)
            for source in product.inputs
            for table in source.tables
            for rule in table.quality
        ),
    )
    return Blueprint(job, tuple(readable.files), warnings)


def made_up(
    product: Product, mock: Mock, as_of: datetime, deployment: Deployment, policies: PolicySet, mask_keys: Keys | None
) -> Blueprint:
    """The build of a mock of `product`: its contract alone, no input, no file. Raises ContractError."""
    try:
        bare = mocking.tables(product, mock, as_of)
    except mocking.MockError as error:
        raise ContractError(error.findings) from error
    tables = []
    for one in bare:
        table = product.table(one.name)
        hashed = _pseudonyms(table, product, deployment, policies, mask_keys)
        order = _order(table, {pseudonym.column for pseudonym in hashed})
        tables.append(replace(one, order=order, pseudonyms=hashed))
    job = Job(
        product=product.name,
        files=(),
        attachments=(),
        relations=(),
        tables=tuple(tables),
        rules=tuple((table.name, rule) for table in product.tables for rule in table.quality),
        data_time=f"SELECT {duck.literal(as_of)}",
        mocked=True,
        measures=mocking.measures(product),
    )
    return Blueprint(job, (), ())


def _table(
    table: Table, product: Product, folder: Path, readable: _Readable, pseudonyms: tuple[PseudonymJob, ...]
) -> TableJob:
    hashed = {one.column for one in pseudonyms}
    return TableJob(
        table.name,
        _kinds(table),
        _select(table, product, folder, readable),
        _order(table, hashed),
        pseudonyms,
        table.python or "",
        () if table.python is None else _readers(readable),
    )


def _readers(readable: _Readable) -> tuple[tuple[str, str, str], ...]:
    """What a model in Python may read: name, schema and view of every table of every input."""
    return tuple((".".join(name), path[1], path[2]) for name, path in readable.physical.items())


def _order(table: Table, hashed: Set[str]) -> tuple[str, ...] | None:
    """By what rows are ordered: their order must not tell that of values which some may not see.

    A table without such values stays as it comes. By class, not by policy, since policies change between publications.
    """
    concealed = {column.name for column in table.columns if column.effective_class in _CONCEALED} | hashed
    if not concealed:
        return None
    return table.key if not concealed & set(table.key) else ()


def _kinds(table: Table) -> tuple[tuple[str, str], ...]:
    return tuple((column.name, column.type) for column in table.columns)


def _files_of(source: Input, folder: Path, readable: _Readable) -> None:
    files, arrivals = dict(source.files), dict(source.arrivals)
    for table in source.tables:
        if table.name in files:
            file = files[table.name]
            path = _resolved(file, folder, readable)
            relation = feeds.of_file(source.name, table, file, path, arrivals[table.name])
            readable.add((source.name, table.name), relation)


def _feeds_of(source: Input, product: str, folder: Path, state: Path, readable: _Readable) -> None:
    tables, arrivals = {table.name: table for table in source.tables}, dict(source.arrivals)
    for name, feed in source.feeds:
        table, arrival = tables[name], arrivals[name]
        if isinstance(feed, PushSource):
            files = segments.shelf(state, product, source.name, name).pushed()
            readable.files |= dict.fromkeys(files)
            relation = feeds.of_pushes(source.name, table, feed, files, arrival)
        elif isinstance(feed, LakeSource):
            listing = _lake(feed, table, folder)
            readable.files |= dict.fromkeys(map(Path, listing.files))
            relation = feeds.of_lake(source.name, table, listing, arrival)
        else:
            path = _resolved(FileSource(feed.file, "parquet", None), folder, readable) if feed.file else None
            shelf = segments.shelf(state, product, source.name, name)
            relation = feeds.of_database(source.name, table, feed, path, shelf, arrival)
            if relation.fetch is not None and relation.fetch.replica is not None:
                readable.files |= dict.fromkeys(map(Path, relation.fetch.replica.files))
        readable.add((source.name, name), relation)


def _lake(feed: LakeSource, table: Table, folder: Path) -> Listing:
    try:
        found = lakes.listed(feed.format, *sources.resolve_lake(feed, folder))
        wanted = {(column.physical_name or column.name).lower() for column in table.columns}
        for one in found.columns:
            if one.odd and one.name.lower() in wanted:
                raise LakeError(f"the column {one.name} cannot be read: {one.odd}")
    except (SourceError, LakeError) as error:
        remedy = f"a table of the format {feed.format} within the product's folder"
        raise ContractError([Finding("", 0, feed.path, str(error), remedy)]) from error
    return found


def _product_of(
    source: Input, product: Product, deployment: Deployment, policies: PolicySet, readable: _Readable
) -> None:
    """Every table of another product that this one is granted, as the view of that decision."""
    snapshot = deployment.find(f"{source.product}_v{source.version.split('.')[0]}")
    # What the ledger's product shows depends on who asks, and a copy would show it to whoever may read the copy.
    if snapshot is None or snapshot.product.name == ITSELF:
        return
    for table in snapshot.product.tables:
        decision = _decision(product, snapshot, table, policies)
        if decision is None:
            continue
        view = view_of(Grant(snapshot, table, decision))
        readable.add((source.name, table.name), Relation(view.schema, view.name, view.create, ()))
        kinds = [(name, table.column(name).type) for name in decision.visible]
        readable.columns.setdefault(source.name, {})[table.name] = kinds
        alias = f"{ATTACHED}{snapshot.id}"
        readable.attachments[alias] = Attachment(alias, str(snapshot.path.resolve()))


def _decision(product: Product, snapshot: Snapshot, table: Table, policies: PolicySet) -> Decision | None:
    principal = Principal(f"product:{product.name}", "product", {}, NEVER)
    environment = Environment(DOOR, None, "query", time.time())
    try:
        return policies.decide(principal, snapshot.product, table, environment, snapshot.pseudonyms)
    except GatewayError:
        return None


def _ordered(product: Product) -> tuple[Table, ...]:
    """The tables, each after those of the same product that its model reads. Raises ContractError for a circle."""
    waiting = {table.name: table for table in product.tables}
    needs = {name: _own(table, product) for name, table in waiting.items()}
    ordered: list[Table] = []
    while waiting:
        ready = next((name for name in waiting if not needs[name] & (waiting.keys() - {name}) - {name}), None)
        if ready is None or ready in needs[ready]:
            names = ", ".join(waiting)
            raise ContractError([Finding("", 0, "models", f"{names} read each other", "models without a circle")])
        ordered.append(waiting.pop(ready))
    return tuple(ordered)


def _own(table: Table, product: Product) -> set[str]:
    if table.model is None:
        return set()
    inputs = {source.name for source in product.inputs}
    paths = [tuple(part.lower() for part in path) for path in scope.relations(duck.parse(table.model))]
    return {path[-1] for path in paths if path[0] == product.name and path[0] not in inputs}


def _select(table: Table, product: Product, folder: Path, readable: _Readable) -> str:
    if table.python is not None:
        return feeds.of_python(table)
    if table.model is None:
        return _file_select(dict(product.sources)[table.name], table.columns, folder, readable)
    return _bound(table.model, product, readable)


def _bound(model: str, product: Product, readable: _Readable) -> str:
    """`model` with every relation replaced by the physical one; the text is parsed again and checked."""

    def target(path: scope.Path, position: int | None) -> scope.Path:
        name = tuple(part.lower() for part in path)
        if len(name) == 2 and name in readable.physical:
            return readable.physical[name]
        if name in {(product.name, table.name) for table in product.tables}:
            return (CORE_CATALOG, CORE_SCHEMA, name[1])
        raise BadQuery(f"{'.'.join(path)} is no declared input", reason="table", position=position)

    statement = duck.parse(model)
    tree.check(statement)
    reached: set[scope.Path] = set()
    scope.resolve(statement, lambda path, position: _noted(target(path, position), reached))
    text = duck.deparse(statement)
    again = duck.parse(text)
    tree.check(again)
    if not set(scope.relations(again)) <= reached:
        raise BadQuery("this model cannot be bound", reason="unsupported")
    return text


def _noted(path: scope.Path, reached: set[scope.Path]) -> scope.Path:
    reached.add(path)
    return path


def _file_select(source: FileSource, columns: tuple[Column, ...], folder: Path, readable: _Readable) -> str:
    """The SELECT of `columns` from their file, uncast. Raises ContractError where it is absent or outside its root."""
    return reading.select(_resolved(source, folder, readable), source.format, columns)


def _resolved(source: FileSource, folder: Path, readable: _Readable) -> Path:
    try:
        path = sources.resolve(source, folder)
    except SourceError as error:
        remedy = "a file within the product's folder, or in an installed package"
        raise ContractError([Finding("", 0, source.path, str(error), remedy)]) from error
    readable.files[path] = None
    return path


def _data_time(product: Product, readable: _Readable) -> str | None:
    if product.data_clock is None:
        return None
    return _bound(f"SELECT {clock.expression(product.data_clock)}", product, readable)


def _pseudonyms(
    table: Table, product: Product, deployment: Deployment, policies: PolicySet, mask_keys: Keys | None
) -> tuple[PseudonymJob, ...]:
    wanted = sorted((one for one in policies.pseudonyms(product) if one.table == table.name), key=_place)
    found = []
    for one in wanted:
        assert mask_keys is not None
        secret = pseudonym.key(mask_keys, one.link).hex()
        justified = _one_to_one(table, one.column, product, deployment)
        found.append(PseudonymJob(one.column, one.physical, one.link, secret, justified))
    return tuple(found)


def _place(one: Pseudonym) -> str:
    return one.physical


def _one_to_one(table: Table, column: str, product: Product, deployment: Deployment) -> bool:
    """Whether the contract says that the column is unique, or refers to one that is."""
    if _unique(table, column):
        return True
    for link in table.relationships:
        if link.columns != (column,) or len(link.to_columns) != 1:
            continue
        served = deployment.find(link.to_product)
        home = product if link.to_product == product.name else served.product if served else None
        targets = {one.name: one for one in home.tables} if home else {}
        if link.to_table in targets and _unique(targets[link.to_table], link.to_columns[0]):
            return True
    return False


def _unique(table: Table, column: str) -> bool:
    return table.key == (column,) or table.column(column).unique
