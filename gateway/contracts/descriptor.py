"""A product's folder to strict descriptors: one ODPS, its ODCS contracts, the text of its models. Fetches no URL.

Reads files of that folder only; knows no engine. Every finding names file, line and path.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway import document
from gateway.contracts.odcs import DataContract
from gateway.contracts.odps import DataProduct
from gateway.document import DocumentError, Documents, Finding, Path, Report

PRODUCT_SUFFIX = ".odps.yaml"
CONTRACT_SUFFIX = ".odcs.yaml"
MODELS = "models"
# Among models by name, those in Python have the file's suffix, which no table's name has.
PYTHON = ".py"
_SIZE_LIMIT = 2_000_000
_MISFITS = frozenset({"tuple_type", "model_type", "model_attributes_type", "string_type", "dict_type", "list_type"})
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """The parsed descriptors of one product; `contracts` by file name, `models` and those in Python by table name."""

    documents: Documents
    file: str
    product: DataProduct
    contracts: Mapping[str, DataContract]
    models: Mapping[str, str]
    python: Mapping[str, str]

    def contract(self, contract_id: str) -> tuple[str, DataContract] | None:
        """File and contract of that id."""
        for file, contract in self.contracts.items():
            if contract.id == contract_id:
                return file, contract
        return None


def read_folder(folder: FilePath) -> tuple[Documents, dict[str, str], list[Finding]]:
    """The documents and models of a product's folder, and what could not be read."""
    values: dict[str, Any] = {}
    lines: dict[str, Mapping[Path, int]] = {}
    findings: list[Finding] = []
    for file in sorted(folder.glob("*.yaml")) + sorted(folder.glob("*.yml")):
        if not file.name.endswith((PRODUCT_SUFFIX, CONTRACT_SUFFIX)):
            remedy = f"name descriptors *{PRODUCT_SUFFIX} or *{CONTRACT_SUFFIX}"
            findings.append(Finding(file.name, 0, "", "a file that is neither product nor contract", remedy))
            continue
        try:
            values[file.name], lines[file.name] = document.read(file.name, _text(file))
        except DocumentError as error:
            findings.append(error.finding)
    models: dict[str, str] = {}
    for file in sorted(one for one in (folder / MODELS).glob("*") if one.suffix in {".sql", PYTHON}):
        try:
            models[file.name.removesuffix(".sql")] = _text(file)
        except DocumentError as error:
            findings.append(error.finding)
    return Documents(values, lines), models, findings


def _text(file: FilePath) -> str:
    try:
        if file.stat().st_size > _SIZE_LIMIT:
            raise DocumentError(Finding(file.name, 0, "", f"the file is larger than {_SIZE_LIMIT} bytes", "split it"))
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(Finding(file.name, 0, "", "the file cannot be read", "a UTF-8 text file")) from error


def parse(documents: Documents, models: Mapping[str, str], report: Report) -> Descriptor | None:
    """The descriptors in `documents`, None where the report says why there is no usable product."""
    product_files = [name for name in documents if name.endswith(PRODUCT_SUFFIX)]
    contracts: dict[str, DataContract] = {}
    for name in documents:
        if name.endswith(CONTRACT_SUFFIX):
            contract = validate(DataContract, documents[name], name, report)
            if contract is not None:
                contracts[name] = contract
    _unique_ids(contracts, report)
    if len(product_files) != 1:
        found = ", ".join(product_files) or "none"
        report.error("", (), f"found {found}", f"a product's folder holds exactly one *{PRODUCT_SUFFIX}")
        return None
    file = product_files[0]
    product = validate(DataProduct, documents[file], file, report)
    if product is None or report.errors:
        return None
    python = {name.removesuffix(PYTHON): text for name, text in models.items() if name.endswith(PYTHON)}
    sql = {name: text for name, text in models.items() if not name.endswith(PYTHON)}
    return Descriptor(documents, file, product, contracts, sql, python)


def _unique_ids(contracts: Mapping[str, DataContract], report: Report) -> None:
    seen: dict[str, str] = {}
    for file, contract in contracts.items():
        if contract.id in seen:
            report.error(file, ("id",), f"{seen[contract.id]} has the same id", "an id of its own for each contract")
        seen.setdefault(contract.id, file)


def validate(model: type[Model], value: Any, file: str, report: Report) -> Model | None:
    """`value` as `model`, None where the report says what is wrong with it."""
    try:
        return model.model_validate_json(json.dumps(value))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    placed = [(_place(value, detail), detail) for detail in details]
    for path, detail in placed:
        # Of a union, the branch of the other kind complains about the kind only: the deeper finding says what matters.
        deeper = any(other[: len(path)] == path and len(other) > len(path) for other, _ in placed)
        if detail["type"] in _MISFITS and deeper:
            continue
        problem, remedy = _explain(model, path, detail)
        report.error(file, path, problem, remedy)
    return None


def _place(value: Any, detail: ErrorDetails) -> Path:
    """The steps of a pydantic location that are steps of the document (it also names union branches)."""
    path: list[str | int] = []
    location = detail["loc"]
    for index, step in enumerate(location):
        absent = detail["type"] == "missing" and index == len(location) - 1
        if isinstance(value, dict) and (step in value or absent):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            continue
        path.append(step)
    return tuple(path)


def _explain(model: type[BaseModel], path: Path, detail: ErrorDetails) -> tuple[str, str]:
    key = str(path[-1]) if path else ""
    if detail["type"] == "extra_forbidden":
        allowed = sorted(_keys(model, path[:-1]))
        near = difflib.get_close_matches(key, allowed, 1)
        remedy = f"did you mean {near[0]}?" if near else f"allowed here: {', '.join(allowed)}"
        return f"unknown key {key}", remedy
    if detail["type"] == "missing":
        return f"the key {key} is missing", f"add {key}"
    message = detail["msg"].removeprefix("Input should be ")
    if detail["type"] == "string_type":
        return f"{key} must be text", 'quote it: "..."'
    return f"{key} is not acceptable", message


def _keys(model: type[BaseModel], path: Path) -> set[str]:
    """The keys that the standard allows at `path`."""
    models: set[type[BaseModel]] = {model}
    for step in path:
        if isinstance(step, str):
            models = {
                found
                for candidate in models
                for name, field in candidate.model_fields.items()
                if (field.alias or name) == step
                for found in _models(field.annotation)
            }
    return {field.alias or name for found in models for name, field in found.model_fields.items()}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
