"""Workspaces: products that share limits, secrets, variables and defaults, as one file of the deployment declares them.

Reads products/workspaces.yaml. A product's descriptor names its workspace, and that has to admit the product: a
descriptor alone takes neither another's secrets nor its share of the machine.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any

from pydantic import Field

from gateway import document, limits
from gateway.contracts import descriptor, retention, schedule
from gateway.contracts.bitol import VENDOR, Part
from gateway.contracts.columns import IDENTIFIER
from gateway.contracts.descriptor import PRODUCT_SUFFIX, Descriptor
from gateway.contracts.retention import RetentionError
from gateway.contracts.schedule import ScheduleError
from gateway.document import DocumentError, Documents, Finding, Path, Report
from gateway.limits import NOTHING, LimitError, Limits
from gateway.product import Product, Schedule

FILE = "workspaces.yaml"
PROPERTY = "workspace"
Value = str | int | float | bool
_PATTERN = re.compile(r"[a-z*][a-z0-9_*]{0,62}")
_FILE_BYTES = 200_000


class _Overlay(Part):
    limits: dict[str, Any] | None = None
    snapshotRetention: Any = None
    refresh: Any = None
    variables: dict[str, Any] = Field(default_factory=dict)


class _Declared(_Overlay):
    title: str
    products: tuple[str, ...]
    owners: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    environments: dict[str, _Overlay] = Field(default_factory=dict)


@dataclass(frozen=True)
class Workspace:
    """One workspace in one environment. `products` are names, `*` for any letters in them.

    `query` is what each query that reads one of its products may use, `shared` what all of them together may.
    """

    name: str
    title: str
    owners: tuple[str, ...]
    teams: tuple[str, ...]
    products: tuple[str, ...]
    query: Limits
    shared: Limits
    retain_s: int | None
    schedule: Schedule | None
    variables: Mapping[str, Value]

    def admits(self, product: str) -> bool:
        """Whether a product of that name may be of it."""
        return any(fnmatchcase(product, pattern) for pattern in self.products)


@dataclass(frozen=True)
class Workspaces:
    """Every workspace of a deployment; `findings` say why there is none that can be used."""

    by_name: Mapping[str, Workspace] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def of(self, product: Product) -> Workspace | None:
        """The workspace that the product names and that admits it, None where there is none."""
        found = self.by_name.get(product.workspace)
        return found if found is not None and found.admits(product.name) else None

    def doubts(self, product: Product) -> tuple[Finding, ...]:
        """Why the product cannot be published as the one of its workspace; () where it can."""
        if not product.workspace:
            return ()
        if self.findings:
            return self.findings
        found, name = self.by_name.get(product.workspace), product.workspace
        if found is not None and found.admits(product.name):
            return ()
        near = difflib.get_close_matches(name, self.by_name, 1)
        known = f"did you mean {near[0]}?" if near else f"{name}: ... in {FILE}, which has {self._known}"
        problem = f"there is no workspace {name}" if found is None else f"the workspace {name} does not admit it"
        remedy = known if found is None else f"products: [{product.name}] of {name} in {FILE}"
        documents = product.documents if isinstance(product.documents, Documents) else Documents(product.documents)
        report = Report(documents)
        file = next((one for one in documents if one.endswith(PRODUCT_SUFFIX)), "")
        report.error(file, _place(documents.get(file)), problem, remedy)
        return report.errors

    @cached_property
    def _known(self) -> str:
        return ", ".join(sorted(self.by_name)) or "none"


def load(folder: FilePath, environment: str | None) -> Workspaces:
    """The workspaces that the file in the folder of products declares, none where it is not there."""
    path = folder / FILE
    if not path.is_file():
        return Workspaces()
    try:
        if path.stat().st_size > _FILE_BYTES:
            raise ValueError
        body, lines = document.read(FILE, path.read_text(encoding="utf-8"))
    except DocumentError as error:
        return Workspaces(findings=(error.finding,))
    except (OSError, ValueError):
        remedy = f"UTF-8 text of at most {_FILE_BYTES} bytes"
        return Workspaces(findings=(Finding(FILE, 0, "", "the file cannot be read", remedy),))
    report = Report(Documents({FILE: body}, {FILE: lines}))
    if not isinstance(body, dict):
        report.error(FILE, (), "the file is no mapping", "NAME: {title: ..., products: [...], limits: {...}}")
        return Workspaces(findings=report.errors)
    found = {name: _read(name, one, environment, report) for name, one in body.items()}
    if report.errors:
        return Workspaces(findings=report.errors)
    return Workspaces({name: one for name, one in found.items() if one is not None})


def _read(name: str, body: Any, environment: str | None, report: Report) -> Workspace | None:
    if not IDENTIFIER.fullmatch(name):
        report.error(FILE, (name,), f"{name} is no name of a workspace", "lower case letters, digits and _")
        return None
    before, held = len(report.findings), Report(Documents({}))
    declared = descriptor.validate(_Declared, body, FILE, held)
    for finding in held.findings:
        report.error(FILE, (name, *_steps(finding.path)), finding.problem, finding.remedy)
    if declared is None:
        return None
    for index, pattern in enumerate(declared.products):
        if not _PATTERN.fullmatch(pattern):
            remedy = "a product's name, * for any letters in it"
            report.error(FILE, (name, "products", index), f"{pattern} names no product", remedy)
    # Each environment is read, so that what is wrong in one shows before that is chosen.
    for each, one in declared.environments.items():
        _parts(one, (name, "environments", each), report)
    _parts(declared, (name,), report)
    if len(report.findings) > before:
        return None
    chosen = declared.environments.get(environment or "")
    merged = declared if chosen is None else _over(declared, chosen)
    used, retain_s, refreshed = _parts(merged, (name,), report)
    return Workspace(
        name=name,
        title=declared.title,
        owners=declared.owners,
        teams=declared.teams,
        products=declared.products,
        query=replace(used, running=None, queries=None, budget_s=None),
        shared=replace(NOTHING, running=used.running, queries=used.queries, budget_s=used.budget_s),
        retain_s=retain_s,
        schedule=refreshed,
        variables=merged.variables,
    )


def _over(own: _Overlay, chosen: _Overlay) -> _Overlay:
    """What an environment says in place of what holds everywhere: limits and variables one by one."""
    said = {"snapshotRetention": chosen.snapshotRetention, "refresh": chosen.refresh}
    return _Overlay(
        limits={**(own.limits or {}), **(chosen.limits or {})} or None,
        variables={**own.variables, **chosen.variables},
        **{name: getattr(own, name) if value is None else value for name, value in said.items()},
    )


def _parts(said: _Overlay, path: Path, report: Report) -> tuple[Limits, int | None, Schedule | None]:
    used, retain_s, refreshed = NOTHING, None, None
    try:
        used = limits.declared(said.limits, limits.OF_WORKSPACE) if said.limits is not None else NOTHING
    except LimitError as error:
        place = (*path, "limits", *(() if error.key is None else (error.key,)))
        report.error(FILE, place, error.problem, error.remedy)
    try:
        retain_s = None if said.snapshotRetention is None else retention.seconds(said.snapshotRetention)
    except RetentionError as error:
        report.error(FILE, (*path, retention.RETENTION), str(error), retention.REMEDY)
    try:
        refreshed = None if said.refresh is None else schedule.read(said.refresh)
    except ScheduleError as error:
        report.error(FILE, (*path, schedule.REFRESH), f"{schedule.REFRESH}: {error}", schedule.REMEDY)
    for key, value in said.variables.items():
        if not IDENTIFIER.fullmatch(key) or not isinstance(value, str | int | float) or "${" in str(value):
            report.error(FILE, (*path, "variables", key), f"{key} is no variable", "a name, and a text or a number")
    return used, retain_s, refreshed


def declared(found: Descriptor, report: Report) -> tuple[str, Limits | None]:
    """The name of the product's workspace, "" for none, and what the product narrows further, None for nothing."""
    body = found.product.custom(PROPERTY)
    if body is None:
        return "", None
    name = body.get("name", "") if isinstance(body, dict) else body if isinstance(body, str) else ""
    place = (*_place(found.documents.get(found.file)), "value")
    if (isinstance(body, str) or (isinstance(body, dict) and "name" in body)) and not (
        isinstance(name, str) and IDENTIFIER.fullmatch(name)
    ):
        report.error(found.file, place, f"{PROPERTY}: {name} is no name", "lower case letters, digits and _")
        return "", None
    rest = {key: value for key, value in body.items() if key != "name"} if isinstance(body, dict) else body
    if name and (isinstance(body, str) or not rest):
        return name, None
    try:
        # DuckDB has threads a process, not a query: the word is taken and changes nothing.
        return name, limits.declared(rest, limits.OF_PRODUCT, frozenset({"threads"}))
    except LimitError as error:
        place = (*place, *(() if error.key is None else (error.key,)))
        report.error(found.file, place, f"{PROPERTY}: {error.problem}", error.remedy)
        return name, None


def variables(folder: FilePath, environment: str | None, documents: Documents, report: Report) -> Mapping[str, Value]:
    """The variables that a product's folder has of its workspace, before its descriptors are read as such.

    None of a workspace that does not admit it, or is not there: publication says so.
    """
    for file, body in documents.items():
        place = _place(body)
        if not file.endswith(PRODUCT_SUFFIX) or not place:
            continue
        value = body["customProperties"][place[1]].get("value")
        name = value.get("name") if isinstance(value, dict) else value
        if not isinstance(name, str) or not name:
            continue
        known = load(folder.resolve().parent, environment)
        report.findings += known.findings
        found, product = known.by_name.get(name), body.get("id")
        return found.variables if found is not None and isinstance(product, str) and found.admits(product) else {}
    return {}


def _place(body: Any) -> Path:
    """Where a descriptor names its workspace, () where it does not."""
    every: Iterable[Any] = (body.get("customProperties") if isinstance(body, dict) else None) or ()
    for index, one in enumerate(every):
        if isinstance(one, dict) and (one.get("vendor"), one.get("property")) == (VENDOR, PROPERTY):
            return ("customProperties", index)
    return ()


def _steps(path: str) -> Path:
    """`environments.test.limits[0]` as steps."""
    return tuple(int(one) if one.isdigit() else one for one in re.findall(r"[^.\[\]]+", path))
