"""Descriptors to a compiled Product: a folder or plain documents in, a Product or every finding at once out.

Reads the product's folder and, where a contract leaves columns out, the head of its data file. Runs nothing but
DuckDB's binder on empty tables; fetches no URL; writes nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from gateway.contracts import assembly, completeness, descriptor, environments, review
from gateway.contracts.columns import IDENTIFIER, suggestion
from gateway.contracts.descriptor import MODELS, PYTHON, Descriptor
from gateway.contracts.interface import input_ids
from gateway.contracts.odcs import DataContract
from gateway.contracts.sources import SourceError, resolve, sources
from gateway.document import Documents, Finding, Path, Report
from gateway.errors import BadQuery
from gateway.product import Column, FileSource, Input, Product, Table
from gateway.sql import duck, duck_check, scope

InputTables = Mapping[str, Mapping[str, Sequence[tuple[str, str]]]]


class ContractError(Exception):
    """Descriptors that describe no servable product; `findings` are all of them, for the product's owner.

    `folder` is the product's, where several are read.
    """

    def __init__(self, findings: Sequence[Finding], folder: FilePath | None = None) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = tuple(findings)
        self.folder = folder


def load(folder: FilePath, environment: str | None = None) -> Product:
    """The product of a folder such as products/retail, compiled as far as it can be without its inputs.

    Columns that a contract leaves out are taken from its file, unclassified; variables are those of `environment`.
    Raises ContractError.
    """
    documents, models, unread = descriptor.read_folder(folder)
    report = Report(documents)
    report.findings += unread
    if not environments.filled(folder, environment, documents, models, report):
        raise ContractError(report.errors)  # what is not filled would be told as wrong once more
    if not unread and not documents:
        report.error("", (), f"{folder.name} holds no product", "a *.odps.yaml and a *.odcs.yaml")
    parsed = descriptor.parse(documents, models, report)
    if parsed is not None and _infer(parsed, documents, folder, report):
        parsed = descriptor.parse(documents, models, report)
    return _assembled(parsed, report)


def from_documents(documents: Mapping[str, Any], models: Mapping[str, str]) -> Product:
    """The product that `documents` (file name -> parsed descriptor) and `models` (table -> SQL) describe.

    Pure: gives the same product, digest included, for `product.documents` and the models of its tables. Raises
    ContractError.
    """
    lines = documents.lines if isinstance(documents, Documents) else None
    kept = Documents(documents, lines)
    report = Report(kept)
    return _assembled(descriptor.parse(kept, models, report), report)


def models_of(product: Product) -> dict[str, str]:
    """Table -> its model's canonical SQL, TABLE.py -> its Python: with documents all that `from_documents` needs."""
    python = {f"{table.name}{PYTHON}": table.python for table in product.tables if table.python is not None}
    return {table.name: table.model for table in product.tables if table.model is not None} | python


def _assembled(parsed: Descriptor | None, report: Report) -> Product:
    product = assembly.assemble(parsed, report) if parsed is not None else None
    if product is None:
        raise ContractError(report.errors)
    return product


def _infer(parsed: Descriptor, documents: Documents, folder: FilePath, report: Report) -> bool:
    """Fill in the columns of every file-fed table that declares none; whether there was one."""
    changed = False
    for file, contract in parsed.contracts.items():
        files = sources(contract, file, Report(documents))
        for index, schema in enumerate(contract.tables):
            source = files.get(schema.name)
            modelled = schema.name in {**parsed.models, **parsed.python} and contract.id not in input_ids(parsed)
            if schema.properties or source is None or modelled:
                continue
            place: Path = ("schema", index)
            found = _file_columns(source, folder, file, place, report)
            documents[file]["schema"][index]["properties"] = [_property(name, kind) for name, kind in found]
            changed = True
    return changed


def _property(name: str, kind: str) -> dict[str, str]:
    if IDENTIFIER.fullmatch(name):
        return {"name": name, "physicalType": kind}
    return {"name": suggestion(name), "physicalName": name, "physicalType": kind}


def _file_columns(
    source: FileSource, folder: FilePath, file: str, path: Path, report: Report
) -> tuple[tuple[str, str], ...]:
    try:
        return duck_check.infer(resolve(source, folder), source.format)
    except (SourceError, BadQuery) as error:
        report.error(file, path, str(error), "an existing file of the declared format")
        return ()


def compile_product(product: Product, input_tables: InputTables, folder: FilePath | None = None) -> tuple[Finding, ...]:
    """The warnings about `product`, once its models bind on its inputs and give exactly the declared columns.

    `input_tables` is input name -> table -> [(column, type)] for every input that is another product, as this product
    may read it. With `folder`, the files that feed it are opened and their columns compared. Raises ContractError.
    """
    documents = product.documents if isinstance(product.documents, Documents) else Documents(product.documents)
    report = Report(documents)
    parsed = descriptor.parse(documents, models_of(product), report)
    assert parsed is not None
    assembly.assemble(parsed, report)
    tables = _readable(product, input_tables, parsed, report)
    fed = {name for name, _ in product.sources}
    for table in product.tables:
        if table.model is not None:
            _check_model(table, table.model, tables, report)
        elif table.python is not None:
            remedy = "read it as you would a program: whoever may write it may do what the publishing account may"
            report.warning(
                f"{MODELS}/{table.name}{PYTHON}", (), "this model is Python, which the publication runs", remedy
            )
        elif table.name not in fed:
            file, path = _declared_at(parsed.contracts, table.name)
            remedy = f"{MODELS}/{table.name}.sql, or a local server in the contract; before there is data: outport mock"
            report.error(file, path, f"nothing fills the table {table.name}", remedy)
    _check_links(product, tables, parsed, report)
    if folder is not None:
        _check_files(product, parsed, folder, report)
    completeness.judge(product, parsed, report)
    if report.errors:
        raise ContractError(report.errors)
    review.review(parsed, report)
    return report.warnings


def unready(product: Product) -> tuple[Finding, ...]:
    """What `product` lacks before it may be active, whatever its status is now: an error each, () where it is ready."""
    documents = product.documents if isinstance(product.documents, Documents) else Documents(product.documents)
    parsed = descriptor.parse(documents, models_of(product), Report(documents))
    assert parsed is not None
    report = Report(documents)
    for gap in completeness.gaps(product, parsed):
        report.error(gap.file, gap.path, gap.problem, gap.remedy)
    return report.errors


def _readable(product: Product, given: InputTables, parsed: Descriptor, report: Report) -> InputTables:
    readable: dict[str, Mapping[str, Sequence[tuple[str, str]]]] = {}
    for index, source in enumerate(product.inputs):
        if source.product is None:
            readable[source.name] = {
                table.name: [(column.name, column.type) for column in table.columns] for table in source.tables
            }
        elif source.name in given:
            readable[source.name] = given[source.name]
        else:
            remedy = f"publish {source.product} first, and grant it to product:{product.name}"
            report.error(
                parsed.file, ("inputPorts", index), f"the product {source.product} is not there to read", remedy
            )
    own = {table.name: [(column.name, column.type) for column in table.columns] for table in product.tables}
    readable.setdefault(product.name, own)
    return readable


def _check_model(table: Table, model: str, readable: InputTables, report: Report) -> None:
    file = f"{MODELS}/{table.name}.sql"
    known = {f"{schema}.{name}": None for schema, members in readable.items() for name in members}
    unknown = [".".join(path) for path in scope.relations(duck.parse(model)) if ".".join(path).lower() not in known]
    for name in unknown:
        near = difflib.get_close_matches(name, known, 1)
        remedy = f"did you mean {near[0]}?" if near else f"the declared inputs are {', '.join(known) or 'none'}"
        report.error(file, (), f"the model reads {name}, which is no declared input", remedy)
    if unknown:
        return
    try:
        bound = duck_check.check(model, readable)
    except BadQuery as error:
        report.error(file, (), f"the model does not run on its inputs: {error.message}", error.hint)
        return
    given = dict(zip((name.lower() for name in bound.names), bound.types, strict=True))
    for column in table.columns:
        kind = given.pop(column.name, None)
        if kind is None:
            report.error(file, (), f"the model gives no column {column.name}", f"{column.name} as {column.type}")
        elif kind != column.type:
            remedy = f"cast it, or declare physicalType: {kind}"
            report.error(file, (), f"{column.name} is {kind}, the contract declares {column.type}", remedy)
    for name in given:
        report.error(file, (), f"the contract declares no column {name}", "declare it, or leave it out of the model")
    if len(set(bound.names)) != len(bound.names):
        report.error(file, (), "the model gives two columns of one name", "a name of its own for each")


def _check_links(product: Product, readable: InputTables, parsed: Descriptor, report: Report) -> None:
    """Relationships to another product name real columns of equal type, where that product is an input."""
    names = {source.product: source.name for source in product.inputs if source.product is not None}
    for table in product.tables:
        file, path = _declared_at(parsed.contracts, table.name)
        for link in table.relationships:
            tables = readable.get(names.get(link.to_product, ""))
            if tables is None:
                continue
            known = dict(tables.get(link.to_table, ()))
            for name, to_name in zip(link.columns, link.to_columns, strict=True):
                kind = table.column(name).type
                if known.get(to_name) != kind:
                    target = f"{link.to_product}.{link.to_table}.{to_name}"
                    problem = f"{table.name}.{name} refers to {target}, which is {known.get(to_name, 'not there')}"
                    report.error(file, path, problem, f"a column of type {kind}")


def _check_files(product: Product, parsed: Descriptor, folder: FilePath, report: Report) -> None:
    served = {name: product.table(name).columns for name, _ in product.sources}
    fed = [(name, source, served[name]) for name, source in product.sources]
    for entry in product.inputs:
        fed += _fed(entry)
    for name, source, columns in fed:
        file, path = _declared_at(parsed.contracts, name)
        found = dict(_file_columns(source, folder, file, path, report))
        lower = {column.lower() for column in found}
        for column in columns:
            wanted = column.physical_name or column.name
            if found and wanted.lower() not in lower:
                near = difflib.get_close_matches(wanted, found, 1)
                remedy = f"physicalName: {near[0]}?" if near else f"the file has {', '.join(found)}"
                report.error(file, path, f"the file of {name} has no column {wanted}", remedy)


def _fed(entry: Input) -> list[tuple[str, FileSource, tuple[Column, ...]]]:
    files = dict(entry.files)
    return [(table.name, files[table.name], table.columns) for table in entry.tables if table.name in files]


def _declared_at(contracts: Mapping[str, DataContract], table: str) -> tuple[str, Path]:
    for file, contract in contracts.items():
        for index, schema in enumerate(contract.tables):
            if schema.name == table:
                return file, ("schema", index)
    return "", ()
