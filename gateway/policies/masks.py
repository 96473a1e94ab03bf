"""Masks: the SQL templates of masks.yaml, compiled for one column at a time. Pure but for DuckDB's parser and binder.

`hash` is no template: it names a pseudonym that publication computed (POLICY, "Masks").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.decision import TreatmentKind
from gateway.document import Report
from gateway.errors import BadQuery
from gateway.policies.policy_expression import Expression, mask
from gateway.product import Column

HASH = "hash"
FILE = "masks.yaml"
ANY_TYPE = "*"


_KINDS: tuple[TreatmentKind, ...] = ("partial", "bucket", "constant", "null")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Mask:
    """One mask: its rank on the strictness ladder, and a template for each DuckDB type (`*` for any)."""

    name: str
    kind: TreatmentKind
    templates: Mapping[str, str]

    def over(self, column: Column) -> Expression:
        """The mask of `column`, of its very type. Raises BadQuery if there is none."""
        base = column.type.split("(")[0]
        for kind in (column.type, base, ANY_TYPE):
            if kind in self.templates:
                return mask(self.templates[kind], column.name, column.type)
        known = ", ".join(sorted(self.templates))
        raise BadQuery(f"{self.name} has no template for {column.type}, only for {known}", reason="type")


def masks(document: Any, report: Report) -> dict[str, Mask]:
    """The masks of masks.yaml; what is wrong goes to `report`."""
    if not isinstance(document, dict):
        report.error(FILE, (), "masks by name are expected", "partial: {kind: partial, sql: ...}")
        return {}
    found: dict[str, Mask] = {}
    for name, body in document.items():
        entry = _mask(str(name), body, report)
        if entry is not None:
            found[entry.name] = entry
    return found


def _mask(name: str, body: Any, report: Report) -> Mask | None:
    place = (name,)
    if not _NAME.fullmatch(name) or name == HASH:
        report.error(FILE, place, f"{name} is no mask's name", "lower case letters, digits, - and _; hash is built in")
        return None
    if not isinstance(body, dict) or not {"kind", "sql"} <= set(body) <= {"kind", "sql", "description"}:
        report.error(FILE, place, f"the mask {name} is not understood", "kind, sql, and a description if you like")
        return None
    declared = "null" if body["kind"] is None else body["kind"]
    kind = next((known for known in _KINDS if known == declared), None)
    if kind is None:
        report.error(FILE, (*place, "kind"), f"{declared} is no kind of mask", ", ".join(_KINDS))
        return None
    templates = {ANY_TYPE: body["sql"]} if isinstance(body["sql"], str) else body["sql"]
    if not isinstance(templates, dict) or not all(isinstance(text, str) for text in templates.values()):
        report.error(
            FILE, (*place, "sql"), "one SQL text, or one for each type, is expected", "VARCHAR: left($column, 1)"
        )
        return None
    return Mask(name, kind, {type_name.upper(): text for type_name, text in templates.items()})
