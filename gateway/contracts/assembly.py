"""Descriptors to a Product: names, tables, ports, inputs, clock. Pure but for DuckDB's parser and binder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.contracts import (
    clock,
    columns,
    interface,
    lifespan,
    objectives,
    promises,
    python_models,
    retention,
    rules,
    schedule,
    workspaces,
    worth,
)
from gateway.contracts.bitol import Team
from gateway.contracts.descriptor import MODELS, PYTHON, Descriptor
from gateway.contracts.odcs import DataContract, SchemaObject
from gateway.contracts.python_models import ModelError
from gateway.contracts.relationships import relationships
from gateway.contracts.semantics import semantics
from gateway.contracts.sources import sources
from gateway.document import Path, Report
from gateway.errors import BadQuery
from gateway.product import Column, FileSource, Product, QualityRule, Sla, Table
from gateway.sql import duck

_VERSION = re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}")
_SELECT = re.compile(r"\s*(SELECT|WITH|FROM)\b", re.IGNORECASE)
AGREEMENT = "agreementRequired"
# Catalogs and schemas that exist at a door, or in an engine, whatever is served; `outport` is publication's to refuse.
RESERVED = frozenset({"information_schema", "pg_catalog", "main", "memory", "system", "temp", "core", "semantic"})


@dataclass(frozen=True, slots=True)
class _Shape:
    """One schema object with its place and its stored columns."""

    schema: SchemaObject
    file: str
    path: Path
    columns: tuple[Column, ...]
    key: tuple[str, ...]


def assemble(descriptor: Descriptor, report: Report) -> Product | None:
    """The product that the descriptors describe, None where the report says why there is none."""
    product = descriptor.product
    _names(descriptor, report)
    data_clock = _data_clock(descriptor, report)
    inputs = interface.inputs(descriptor, data_clock, report)
    ports, served = interface.output_ports(descriptor, report)
    deprecated_on, sunset_on = lifespan.declared(product, descriptor.file, report)
    retain_s = retention.declared(descriptor, report)
    workspace, narrower = workspaces.declared(descriptor, report)
    refreshed = schedule.declared(descriptor, report)
    shapes = _shapes(descriptor, served, report)
    files: dict[str, FileSource] = {}
    for file in served:
        files |= sources(descriptor.contracts[file], file, report)
    models = _models(descriptor, shapes, files, data_clock, report)
    python = _python(descriptor, shapes, files, report)
    tables = _tables(descriptor, shapes, models, python, data_clock, report)
    promised = objectives.of_contracts({file: descriptor.contracts[file] for file in served}, tables, report)
    worth.checked(descriptor.documents, report)
    if report.errors:
        return None
    description = product.description
    return Product(
        name=product.id,
        title=product.name or product.id,
        version=product.version or "",
        status="deprecated" if product.deprecated else product.status or "draft",
        kind=product.type,
        domain=product.domain or "",
        owner=_owner(product.team),
        purpose=(description and description.purpose) or "",
        usage=(description and description.usage) or "",
        limitations=(description and description.limitations) or "",
        tags=product.tags,
        tables=tables,
        inputs=inputs,
        sources=tuple((name, source) for name, source in files.items() if name not in models and name not in python),
        ports=ports,
        sla=tuple(sla for file in served for sla in _sla(descriptor.contracts[file])),
        data_clock=data_clock,
        barrier="secure" if product.custom("barrier") == "secure" else "plain",
        retain_s=retain_s,
        digest=_digest(descriptor, {**models, **{f"{name}{PYTHON}": text for name, text in python.items()}}),
        documents=descriptor.documents,
        deprecated_on=deprecated_on,
        sunset_on=sunset_on,
        agreement_required=product.custom(AGREEMENT) is True,
        limits=narrower,
        workspace=workspace,
        objectives=promised,
        schedule=refreshed,
        generated=str(product.custom("generated") or ""),
    )


def _names(descriptor: Descriptor, report: Report) -> None:
    product, file = descriptor.product, descriptor.file
    if product.id in RESERVED:
        report.error(file, ("id",), f"the id {product.id} is taken by the doors", "another id")
    elif not columns.PRODUCT_NAME.fullmatch(product.id):
        remedy = (
            "match [a-z][a-z0-9_]{0,62} and do not end in _v<digits>: majors are named customer_360_v1 at the doors"
        )
        report.error(file, ("id",), f"the id {product.id} is no product name", remedy)
    if not _VERSION.fullmatch(product.version or ""):
        report.error(file, ("version",), f"the version {product.version} is not semantic", 'such as version: "1.0.0"')
    barrier = product.custom("barrier")
    if barrier not in {None, "plain", "secure"}:
        report.error(file, ("customProperties",), f"barrier {barrier} is unknown", "plain or secure")
    required = product.custom(AGREEMENT)
    if required is not None and not isinstance(required, bool):
        report.error(file, ("customProperties",), f"{AGREEMENT} {required} is unknown", "true or false")


def _owner(team: Team | None) -> str:
    """The member with the role owner, else the team."""
    if team is None:
        return ""
    owners = [member.name or member.username for member in team.members if (member.role or "").lower() == "owner"]
    return owners[0] if owners else team.name or ""


def _data_clock(descriptor: Descriptor, report: Report) -> str | None:
    declared = descriptor.product.custom("dataClock")
    if declared is None:
        return None
    try:
        return clock.canonical(str(declared))
    except BadQuery as error:
        remedy = "an ISO timestamp such as 2018-01-01T00:00:00, or one SQL expression over the inputs"
        report.error(descriptor.file, ("customProperties",), f"dataClock: {error.message}", remedy)
        return None


def _shapes(descriptor: Descriptor, served: Mapping[str, None], report: Report) -> dict[str, _Shape]:
    shapes: dict[str, _Shape] = {}
    for file in served:
        for index, schema in enumerate(descriptor.contracts[file].tables):
            place: Path = ("schema", index)
            columns.check_identifier(schema.name, "table", file, (*place, "name"), report)
            if schema.name in shapes:
                report.error(file, place, f"{schema.name} stands twice", "one schema object of each name")
            key = columns.key_of(schema, file, place, report)
            stored = columns.columns(schema, key, file, place, report)
            if not stored:
                report.error(file, place, f"{schema.name} has no columns", "properties")
            shapes[schema.name] = _Shape(schema, file, place, stored, key)
    if not shapes:
        report.error(descriptor.file, (), "the product has no table", "a schema in the contract that its port serves")
    return shapes


def _models(
    descriptor: Descriptor,
    shapes: Mapping[str, _Shape],
    files: Mapping[str, FileSource],
    data_clock: str | None,
    report: Report,
) -> dict[str, str]:
    """Table -> its model's canonical text, the data clock filled in."""
    found: dict[str, str] = {}
    for name, text in descriptor.models.items():
        if name not in shapes:
            known = ", ".join(shapes)
            report.error(f"{MODELS}/{name}.sql", (), f"no table {name} is declared", f"the name of a table: {known}")
            continue
        try:
            found[name] = clock.resolved(text, data_clock)
        except BadQuery as error:
            before = text.encode()[: error.position].count(b"\n") if error.position is not None else -1
            remedy = error.hint or "one SELECT over the declared inputs"
            report.error(f"{MODELS}/{name}.sql", (), error.message, remedy, before + 1)
    for name, shape in shapes.items():
        if name in descriptor.models and name in files:
            remedy = f"either {MODELS}/{name}.sql or a local server in the contract"
            report.error(shape.file, shape.path, f"both a model and a file fill {name}", remedy)
    return found


def _python(
    descriptor: Descriptor, shapes: Mapping[str, _Shape], files: Mapping[str, FileSource], report: Report
) -> Mapping[str, str]:
    """Table -> its model in Python, which is looked at and not run."""
    for name, text in descriptor.python.items():
        file = f"{MODELS}/{name}{PYTHON}"
        if name not in shapes:
            report.error(file, (), f"no table {name} is declared", f"the name of a table: {', '.join(shapes)}")
        if name in descriptor.models or name in files:
            report.error(file, (), f"another model or a file fills {name} as well", "one of them")
        try:
            python_models.checked(text, file)
        except ModelError as error:
            report.error(file, (), str(error), "def model(inputs): ... gives a pyarrow.RecordBatchReader", error.line)
    return descriptor.python


def _tables(
    descriptor: Descriptor,
    shapes: Mapping[str, _Shape],
    models: Mapping[str, str],
    python: Mapping[str, str],
    data_clock: str | None,
    report: Report,
) -> tuple[Table, ...]:
    product = descriptor.product.id
    stored = {name: shape.columns for name, shape in shapes.items()}
    scopes = {name: rules.Scope(product, name, stored, data_clock) for name in shapes}
    fresh = [
        promise
        for file in {shape.file: None for shape in shapes.values()}
        for promise in promises.freshness(descriptor.contracts[file], scopes, file, report)
    ]
    tables = []
    for name, shape in shapes.items():
        if report.errors and not shape.columns:
            continue
        schema, file, place = shape.schema, shape.file, shape.path
        links = relationships(schema, product, stored, file, place, report)
        quality = promises.implied(schema, shape.key, links, scopes[name], file, place, report)
        quality += rules.declared(schema, scopes[name], file, place, report)
        quality += [rule for table, rule in fresh if table == name]
        tables.append(
            Table(
                name=name,
                description=schema.description or "",
                granularity=schema.dataGranularityDescription or "",
                columns=shape.columns,
                key=shape.key,
                relationships=tuple(link.relationship for link in links),
                quality=_distinct(quality, shape, report),
                semantics=semantics(schema, shape.columns, file, place, report),
                model=models.get(name),
                python=python.get(name),
            )
        )
    return tuple(tables)


def _distinct(quality: list[QualityRule], shape: _Shape, report: Report) -> tuple[QualityRule, ...]:
    seen: set[str] = set()
    for rule in quality:
        if rule.id in seen:
            report.error(shape.file, shape.path, f"two rules of {shape.schema.name} are called {rule.id}", "an id each")
        seen.add(rule.id)
    return tuple(quality)


def _sla(contract: DataContract) -> list[Sla]:
    return [
        Sla(
            property=sla.property,
            value=str(sla.value).lower() if isinstance(sla.value, bool) or sla.value is None else sla.value,
            unit=sla.unit or "",
            element=sla.element or "",
            description=sla.description or "",
        )
        for sla in contract.slaProperties
    ]


def _digest(descriptor: Descriptor, models: Mapping[str, str]) -> str:
    """SHA-256 over the documents as values and their SQL in canonical text: reformatting changes nothing."""
    body = [_canonical(descriptor.documents), models]
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """`value` with the SQL of measures and rules as DuckDB writes it."""
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _canonical_sql(child) if key in {"transformLogic", "query"} else _canonical(child)
        for key, child in value.items()
    }


def _canonical_sql(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        return duck.deparse(duck.parse(text if _SELECT.match(text) else f"SELECT {text}"))
    except BadQuery:
        return text
