"""Tags and classes that columns of models inherit from what they are made of, and what lowers them (POLICY 8). Pure.

A class ascends, tags add up. A column keeps what its contract says only where it names a rule that declassifies it,
and a rule of that id does: both are recorded with the snapshot.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

from gateway.document import Finding
from gateway.policies.policy_rules import Declassified, Rule
from gateway.product import CLASSES, Classification, Column, Inherited, Product, Table
from gateway.snapshot import Deployment
from gateway.sql import derivation
from gateway.sql.derivation import Source, Sources

Labels = Mapping[Source, Column]


def inherited(
    product: Product, deployment: Deployment, rules: Iterable[Rule]
) -> tuple[tuple[Inherited, ...], list[Finding]]:
    """What the columns of the product's models are to be served as, and warnings about declassification.

    `deployment` holds the products that it reads, with what they have inherited themselves.
    """
    lowering = [rule for rule in rules if isinstance(rule.effect, Declassified) and rule.target.covers(product)]
    labels = dict(_labels(product, deployment))
    warnings: list[Finding] = []
    found: list[Inherited] = []
    waiting = [table for table in product.tables if table.model is not None or table.python is not None]
    readable: dict[tuple[str, str], list[str]] = {}
    for schema, name, known in labels:
        readable.setdefault((schema, name), []).append(known)
    # A model may read its own product's tables; each round settles those that read settled ones.
    for _ in waiting:
        found, warnings = [], []
        for table in waiting:
            names = [column.name for column in table.columns]
            if table.model is None:
                # What a program makes of its inputs is not followed: every column may be made of all of them.
                whole = frozenset(place for place in labels if place[0] != product.name)
                sources = dict.fromkeys(names, whole)
            else:
                sources = derivation.derived(table.model, readable, names)
            for column in table.columns:
                one = _one(table, column, sources[column.name], labels, lowering, warnings)
                found.append(one)
                labels[product.name, table.name, column.name] = _with(column, one)
    return tuple(found), warnings


def applied(product: Product, found: Iterable[Inherited]) -> Product:
    """`product` with its columns as they are to be served."""
    known = {(one.table, one.column): one for one in found}
    tables = tuple(replace(table, columns=_columns(table, known)) for table in product.tables)
    body = json.dumps([asdict(one) for one in known.values()]) if known else ""
    lineage = hashlib.sha256(body.encode()).hexdigest()[:16] if known else ""
    return replace(product, tables=tables, lineage=lineage)


def _columns(table: Table, known: Mapping[tuple[str, str], Inherited]) -> tuple[Column, ...]:
    pairs = [(column, known.get((table.name, column.name))) for column in table.columns]
    return tuple(column if one is None else _with(column, one) for column, one in pairs)


def _with(column: Column, one: Inherited) -> Column:
    return replace(column, classification=one.classification, tags=frozenset(one.tags))


def _labels(product: Product, deployment: Deployment) -> Iterable[tuple[Source, Column]]:
    """Every column that models of `product` may read, as it is classified where it comes from."""
    for source in product.inputs:
        if source.product is None:
            tables = source.tables
        else:
            served = deployment.find(f"{source.product}_v{source.version.split('.')[0]}")
            tables = served.product.tables if served is not None else ()
        for table in tables:
            for column in table.columns:
                yield (source.name, table.name, column.name), column
    for table in product.tables:
        for column in table.columns:
            yield (product.name, table.name, column.name), column


def _one(
    table: Table, column: Column, sources: Sources, labels: Labels, lowering: Iterable[Rule], warnings: list[Finding]
) -> Inherited:
    made_of = [labels[source] for source in sorted(sources)]
    names = tuple(".".join(source) for source in sorted(sources))
    rule = _declassifying(table, column, lowering)
    if rule:
        return Inherited(table.name, column.name, column.classification, tuple(sorted(column.tags)), names, rule)
    if column.declassified:
        problem = f"no rule {column.declassified} declassifies it: it is as its sources are"
        place = f"{table.name}.{column.name}"
        remedy = f"a policy: {{id: {column.declassified}, on: ..., to: {{}}, declassify: {{columns: [{column.name}]}}}}"
        warnings.append(Finding("", 0, place, problem, remedy, "warning"))
    tags = column.tags.union(*(one.tags for one in made_of))
    classes: tuple[Classification, ...] = CLASSES
    highest = max((one.effective_class for one in (column, *made_of)), key=classes.index)
    # What nobody has classified stays unclassified: no `*` grant covers it.
    kind = highest if column.classification is not None else None
    return Inherited(table.name, column.name, kind, tuple(sorted(tags)), names, "")


def _declassifying(table: Table, column: Column, lowering: Iterable[Rule]) -> str:
    """The rule that the column's contract names, where there is one that declassifies the column; else ""."""
    for rule in lowering:
        if rule.id == column.declassified and rule.target.covers_table(table.name) and rule.selects(column):
            return rule.id
    return ""
