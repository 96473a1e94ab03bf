"""Measures and dimensions of one table: bound against its columns by DuckDB, and proven to be what they claim.

Pure but for DuckDB's binder on empty tables. A dimension gives a value per row, a measure aggregates; a derived measure
names other measures.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.contracts import semantic_words
from gateway.contracts.columns import is_column
from gateway.contracts.odcs import Property, SchemaObject
from gateway.contracts.visibility import referenced
from gateway.document import Path, Report
from gateway.errors import BadQuery
from gateway.product import Column, Semantic
from gateway.sql import duck, duck_check, grammar, tree

_REFUSED = {"SUBQUERY": "a subquery", "WINDOW": "a window function", "PARAMETER": "a parameter", "STAR": "a star"}
_CHANCE = frozenset({"random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid"})


@dataclass(frozen=True, slots=True)
class _Draft:
    """A declared measure or dimension with its parsed expression."""

    item: Property
    path: Path
    node: tree.Node
    text: str


class _Binder:
    """Binds expressions over one empty table and tells their types."""

    def __init__(self, table: str, columns: Sequence[Column]) -> None:
        self.names = tuple(column.name for column in columns)
        self._from = f"FROM {duck.quote(table)}"
        self._tables = {"": {table: [(column.name, column.type) for column in columns]}}

    def row_type(self, text: str) -> str:
        """The type of an expression per row. Raises BadQuery if it does not bind, or aggregates."""
        return duck_check.check(f"SELECT ({text}) AS v {self._from} WHERE ({text}) IS NOT NULL", self._tables).types[0]

    def aggregate_type(self, text: str, before: Sequence[tuple[str, str]]) -> str:
        """The type of an aggregate, `before` naming the measures that it may use. Raises BadQuery."""
        items = ", ".join(f"({body}) AS {duck.quote(name)}" for name, body in before)
        # count(*) makes the query an aggregation, so that the binder refuses a column outside an aggregate.
        return duck_check.check(
            f"SELECT {items}{', ' if items else ''}({text}) AS v, count(*) AS n {self._from}", self._tables
        ).types[-2]


def semantics(
    schema: SchemaObject, columns: Sequence[Column], file: str, path: Path, report: Report
) -> tuple[Semantic, ...]:
    """The measures and dimensions of one schema object, measures after those that they name."""
    drafts: dict[str, _Draft] = {}
    for index, item in enumerate(schema.properties):
        if item.semanticType != "column":
            draft = _draft(item, file, (*path, "properties", index), report)
            if draft is not None:
                drafts[item.name] = draft
    binder = _Binder(schema.name, columns)
    names = {column.name for column in columns}
    found = [
        semantic
        for draft in drafts.values()
        if draft.item.semanticType == "dimension"
        for semantic in _dimension(draft, binder, file, report)
    ]
    measures = {name: draft for name, draft in drafts.items() if draft.item.semanticType == "measure"}
    declared = [item.name for item in schema.properties if item.semanticType == "measure"]
    found += _measures(measures, declared, names, binder, file, report)
    for one in found:
        for name in sorted(referenced(one.expression) - names - drafts.keys()):
            remedy = "its own columns by their bare names, and no lambda"
            place = (*drafts[one.name].path, "transformLogic")
            report.error(file, place, f"{one.name} names {name}, which is no column of {schema.name}", remedy)
    return tuple(
        semantic_words.told(one, drafts[one.name].item, declared, file, drafts[one.name].path, report) for one in found
    )


def _draft(item: Property, file: str, path: Path, report: Report) -> _Draft | None:
    place = (*path, "transformLogic")
    logic = item.transformLogic or (duck.quote(item.name) if is_column(item) else "")
    if not logic.strip():
        report.error(file, path, f"{item.name} says nothing", "transformLogic: an SQL expression over the columns")
        return None
    try:
        node = duck.expression(logic)
        text = duck.write_expression(node)
        tree.check(duck.parse(f"SELECT {text}"))
    except BadQuery as error:
        report.error(file, place, f"{item.name}: {error.message}", "one SQL expression over the columns")
        return None
    for part in tree.nodes(node):
        if part.get("class") in _REFUSED:
            what = _REFUSED[str(part["class"])]
            report.error(file, place, f"{item.name} holds {what}", "columns, functions and aggregates only")
            return None
        if part.get("class") == "FUNCTION" and tree.called(part) in _CHANCE:
            problem = f"{item.name} holds {tree.called(part)}(), which is another value each time"
            report.error(file, place, problem, "what is the same for the same rows")
            return None
    return _Draft(item, path, node, text)


def _semantic(draft: _Draft, kind: str) -> Semantic:
    item = draft.item
    return Semantic(
        name=item.name,
        kind="measure" if item.semanticType == "measure" else "dimension",
        expression=draft.text,
        type=kind,
        description=item.description or item.businessName or "",
        synonyms=tuple(synonym.synonym for synonym in item.synonyms),
        title=item.businessName or "",
    )


def _dimension(draft: _Draft, binder: _Binder, file: str, report: Report) -> list[Semantic]:
    try:
        found = _semantic(draft, binder.row_type(draft.text))
        return [replace(found, reads=frozenset(referenced(draft.text)))]
    except BadQuery as error:
        problem = f"the dimension {draft.item.name} gives no value per row: {error.message}"
        remedy = "an expression over the table's columns, without aggregates" + _nearest(draft, binder.names)
        report.error(file, (*draft.path, "transformLogic"), problem, remedy)
        return []


def _references(draft: _Draft, names: Iterable[str]) -> list[str]:
    found = {
        str(node["column_names"][0]).lower()
        for node in tree.nodes(draft.node)
        if node.get("class") == "COLUMN_REF" and len(node["column_names"]) == 1
    }
    return [name for name in names if name in found]


def _nearest(draft: _Draft, known: Collection[str]) -> str:
    """What a name that is none may have been meant as."""
    unknown = sorted(referenced(draft.text) - set(known))
    near = [one for name in unknown for one in difflib.get_close_matches(name, known, 1)]
    return f"; did you mean {near[0]}?" if near else ""


def _measures(
    drafts: Mapping[str, _Draft],
    declared: Sequence[str],
    columns: set[str],
    binder: _Binder,
    file: str,
    report: Report,
) -> list[Semantic]:
    """Bound measures, each after those that it names; those in a cycle or behind a broken one are told, not bound."""
    bound: dict[str, Semantic] = {}
    broken = {name for name in declared if name not in drafts}
    waiting = {name: draft for name, draft in drafts.items() if name not in columns}
    needs = {name: _references(draft, declared) for name, draft in waiting.items()}
    progress = True
    while progress:
        progress = False
        for name in [n for n in waiting if all(need in bound or need in broken for need in needs[n])]:
            draft = waiting.pop(name)
            progress = True
            if any(need in broken for need in needs[name]):
                broken.add(name)
                continue
            semantic = _measure(draft, needs[name], bound, binder, file, report)
            if semantic is None:
                broken.add(name)
            else:
                bound[name] = semantic
    for name, draft in waiting.items():
        circle = _circle(name, needs)
        if circle:
            problem = f"{name} names itself in a circle: {' -> '.join(circle)}"
            report.error(file, (*draft.path, "transformLogic"), problem, "measures made of others, not in a circle")
    return list(bound.values())


def _circle(name: str, needs: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """A way from a measure back to it, () where there is none."""
    seen = {name}
    waiting: list[tuple[str, ...]] = [(name,)]
    while waiting:
        way = waiting.pop()
        for need in needs.get(way[-1], ()):
            if need == name:
                return (*way, name)
            if need not in seen:
                seen.add(need)
                waiting.append((*way, need))
    return ()


def _measure(
    draft: _Draft, needs: Sequence[str], bound: Mapping[str, Semantic], binder: _Binder, file: str, report: Report
) -> Semantic | None:
    place = (*draft.path, "transformLogic")
    name = draft.item.name
    # Every measure bound so far stands before it, in that order: aliases cost nothing on empty tables.
    before = [(other, semantic.expression) for other, semantic in bound.items()] if needs else []
    try:
        kind = binder.aggregate_type(draft.text, before)
    except BadQuery as error:
        remedy = "an aggregate of columns, such as sum(amount), or arithmetic of other measures"
        remedy += _nearest(draft, [*binder.names, *needs, *bound])
        report.error(file, place, f"the measure {name} does not bind: {error.message}", remedy)
        return None
    if kind.startswith(("STRUCT", "TUPLE", "MAP")) or kind.endswith("]"):
        report.error(file, place, f"the measure {name} gives {kind}", "one plain value")
        return None
    if not needs and not _aggregates(draft):
        report.error(file, place, f"the measure {name} does not aggregate", "an aggregate, such as sum(amount)")
        return None
    if (divisor := semantic_words.bare_divisor(draft.node)) is not None:
        remedy = f"nullif({divisor}, 0), or a CASE that says what the measure is then"
        report.error(file, place, f"the measure {name} divides by {divisor}, which may be 0", remedy)
        return None
    additive = semantic_words.additive(draft.node, {one.name for one in bound.values() if one.additive})
    return replace(_semantic(draft, kind), additive=additive)


def _aggregates(draft: _Draft) -> bool:
    return any(
        node.get("class") == "FUNCTION" and tree.called(node) in grammar.AGGREGATES for node in tree.nodes(draft.node)
    )
