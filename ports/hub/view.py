"""What the page shows, as values that a template prints. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from gateway import Kept, Semantic, VisibleProduct, VisibleTable
from ports.http import projection
from ports.http.projection import Outcome

_PUBLIC_WORDS = {"raw": "shown", "partial": "partly shown", "bucket": "coarsened", "hash": "pseudonym",
                 "constant": "replaced", "null": "withheld"}  # fmt: skip
_NUMBERS = re.compile("(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL)\\b")


@dataclass(frozen=True)
class ColumnView:
    """One column: what it is, and what the policy makes of it for this principal."""

    name: str
    type: str
    classification: str
    tags: tuple[str, ...]
    description: str
    is_key: bool
    treatment: str
    kind: str
    reason: str
    shown: bool

    @property
    def look(self) -> str:
        """The classes of its cells in the stylesheet: its treatment, and whether it holds numbers."""
        return f"{self.kind} number" if self.kind == "raw" and _NUMBERS.match(self.type) else self.kind


@dataclass(frozen=True)
class MeasureView:
    """One measure or dimension that the principal may use; `expression` is "" where it is a column of that name."""

    name: str
    title: str
    kind: str
    unit: str
    expression: str
    description: str
    formula: str
    north_star: bool
    alternatives: tuple[str, ...]


@dataclass(frozen=True)
class TableView:
    """One table with its first rows; `rows` hold one text per column that is shown, None for NULL."""

    name: str
    description: str
    granularity: str
    row_count: int | None
    filtered_by: str
    columns: tuple[ColumnView, ...]
    measures: tuple[MeasureView, ...]
    outcomes: tuple[Outcome, ...]
    rows: tuple[tuple[str | None, ...], ...]

    @property
    def shown(self) -> tuple[ColumnView, ...]:
        """The columns of `rows`."""
        return tuple(column for column in self.columns if column.shown)

    @property
    def asked(self) -> tuple[MeasureView, ...]:
        """What can be asked for by name, the north star first."""
        found = (one for one in self.measures if one.kind == "measure")
        return tuple(sorted(found, key=lambda one: not one.north_star))

    @property
    def dimensions(self) -> tuple[MeasureView, ...]:
        """What measures can be broken down by."""
        return tuple(one for one in self.measures if one.kind != "measure")


def table(visible: VisibleProduct, one: VisibleTable, rows: tuple[tuple[str | None, ...], ...]) -> TableView:
    """One table as the page shows it."""
    decision = one.decision
    return TableView(
        name=one.table.name,
        description=one.table.description,
        granularity=one.table.granularity,
        row_count=projection.row_count(visible, one),
        filtered_by=", ".join(decision.rules) if decision.rows is not None else "",
        columns=tuple(_column(one, column.name) for column in one.known),
        measures=tuple(_measure(item) for item in one.semantics),
        outcomes=projection.outcomes(visible, one),
        rows=rows,
    )


def _measure(item: Semantic) -> MeasureView:
    return MeasureView(
        name=item.name,
        title=item.title if item.title != item.name else "",
        kind=item.kind,
        unit=item.unit,
        expression="" if item.expression.strip('"') == item.name else _readable(item.expression),
        description=item.description,
        formula=item.tree.formula if item.tree is not None else "",
        north_star=item.tree is not None and item.tree.north_star,
        alternatives=tuple(f"{one.measure}, as {one.proposed_by} proposed: {one.reason}" for one in item.alternatives),
    )


def _readable(expression: str) -> str:
    """An expression without what DuckDB puts around it when it writes one: quoted functions, outer parentheses."""
    text = re.sub(r'"([a-z_]+)"\(', r"\1(", expression).replace("count_star()", "count(*)")
    return text[1:-1] if text.startswith("(") and text.endswith(")") and _whole(text) else text


def _whole(text: str) -> bool:
    """Whether the first parenthesis is closed by the last one; those in quotes, which might say otherwise, are none."""
    depth = 0
    for i, letter in enumerate(re.sub(r"'[^']*'|\"[^\"]*\"", lambda quoted: "x" * len(quoted[0]), text)):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return i == len(text) - 1
    return False


def _column(table: VisibleTable, name: str) -> ColumnView:
    column, treatment = table.table.column(name), table.decision.treatments[name]
    words = treatment.mask or treatment.kind
    rules = ", ".join(treatment.rules) or "no rule of its own"
    use = table.decision.uses.get(name)
    cells = "" if treatment.kind != "raw" or projection.raw(table, name) else " where its row allows"
    told = (_PUBLIC_WORDS[treatment.kind] + cells) if treatment.kind == "raw" else words
    reason = f"{_PUBLIC_WORDS[treatment.kind]}{cells} by rule {rules}"
    return ColumnView(
        name=column.name,
        type=column.type,
        classification=column.effective_class,
        tags=tuple(sorted(column.tags)),
        description=column.description,
        is_key=name in table.key,
        treatment=told if use is None else f"only for {use.words}",
        kind=treatment.kind if use is None else "null",
        reason=reason if use is None else f"used and not shown by rule {', '.join(use.rules)}",
        shown=use is None,
    )


@dataclass(frozen=True)
class Version:
    """One snapshot that is served or kept: what of its rules held, None where none of them is the reader's to know."""

    id: str
    version: str
    published_at: datetime
    data_time: datetime | None
    until: datetime | None
    held: int
    rules: int


@dataclass(frozen=True)
class Consumer:
    """Who uses the product, and what it asks."""

    name: str
    asks: str


def versions(visible: VisibleProduct, kept: Iterable[Kept]) -> tuple[Version, ...]:
    """The snapshots of a product, the newest first, with those outcomes that its reader may know."""
    found: list[Version] = []
    for one in kept:
        then = replace(visible, snapshot=one.snapshot)
        outcomes = [outcome for table in visible.tables for outcome in projection.outcomes(then, table)]
        state = one.snapshot
        held = sum(outcome.holds for outcome in outcomes)
        moments = (state.published_at, state.data_time, one.until)
        found.append(Version(state.id, state.product.version, *moments, held, len(outcomes)))
    return tuple(found)


def consumers(visible: VisibleProduct) -> tuple[Consumer, ...]:
    """The consumers that the descriptor names, but for questions that name what is hidden."""
    return tuple(one for one in _consumers(visible) if not projection.tells_of_hidden(one.asks, visible))


def _consumers(visible: VisibleProduct) -> Iterator[Consumer]:
    for document in visible.product.documents.values():
        declared = document.get("customProperties") if isinstance(document, dict) else None
        for one in declared if isinstance(declared, list | tuple) else ():
            if isinstance(one, dict) and (one.get("property"), one.get("vendor")) == ("consumers", "outport"):
                value = one.get("value")
                for each in value if isinstance(value, list | tuple) else ():
                    if isinstance(each, dict) and isinstance(each.get("name"), str):
                        yield Consumer(each["name"], str(each.get("asks") or ""))
