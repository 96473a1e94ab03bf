"""What arrives at an input, against its contract: drift of its columns, rows that break a rule. SQL for the writer.

Composes and reads; the writer runs it. Every value is cast and checked once, in one scan; bad rows go to a Parquet file
of their own beside the core, and a view without them is what models read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from gateway.document import Finding
from gateway.inputs import repeats
from gateway.inputs.duck_writer import Writer
from gateway.inputs.job import Relation
from gateway.inputs.segments import TURN
from gateway.product import Arrival, QualityRule
from gateway.serving.shelf import PREFIX
from gateway.snapshot import Arrived, SourceColumn
from gateway.sql.duck import literal, quote

RULES = repeats.RULES
_INTEGER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?")
_FRACTIONAL = re.compile(r"FLOAT|DOUBLE|DECIMAL\(\d+,[1-9]")
# Text such as 2.0 is a whole number, and 2.5 is none: read as one of these first. 128-bit ones do not fit it.
_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_EXACT = "DECIMAL(38,10)"
# Any type may be written in these: a value that does not fit is a bad row, not another schema.
_TEXTS = {"VARCHAR", "JSON"}


class Drifted(Exception):
    """What arrived is not what the contract says; `findings` say where, and hold no value.

    `arrived` is what it was found to be, None where its rows were not looked at.
    """

    def __init__(self, findings: Sequence[Finding], arrived: Arrived | None = None) -> None:
        super().__init__(f"{len(findings)} findings")
        self.findings, self.arrived = tuple(findings), arrived


def file_of(input_name: str, table: str) -> str:
    """The file name of a table's quarantine in a snapshot's folder."""
    return f"{PREFIX}{input_name}-{table}.parquet"


def arrive(
    writer: Writer,
    relation: Relation,
    folder: Path,
    before: Arrived | None,
    columns: tuple[SourceColumn, ...] | None = None,
    earlier: Relation | None = None,
) -> tuple[Relation, Arrived, tuple[Finding, ...]]:
    """The relation that models may read, what has arrived, and what is odd about it.

    `columns` are the source's where it has told them itself, `earlier` the rows whose keys are taken. Raises Drifted
    for a lost column, a type that does not cast, NULLs where the source had none, and for more bad rows than the
    contract allows; WriteError where it cannot be read.
    """
    arrival = relation.arrival
    assert arrival is not None
    found = _found(writer, relation) if columns is None else columns
    notices = _drift(relation, arrival, found, before)
    given = dict(writer.described(relation.select))
    typed = _Typed(relation, arrival, given)
    rows, aside, broken = _counted(writer, typed)
    if any(rule.endswith(".type") for rule, _ in broken):
        _never(arrival, relation, given, typed.casts(writer))
    good = typed.standing(filtered=aside > 0)
    judged = repeats.judged(writer, relation, good, "")
    # What is refused for what it is itself tells nothing of what came before.
    if earlier is not None and not _too_many(arrival, rows, aside + judged.aside):
        judged = repeats.judged(writer, relation, good, _before(writer, earlier))
    selects = [*([typed.aside()] if aside else []), *judged.selects]
    aside, broken = aside + judged.aside, (*broken, *judged.broken)
    if aside:
        writer.export(" UNION ALL ".join(selects), folder / file_of(relation.schema, relation.name))
    arrived = Arrived(relation.schema, relation.name, found, rows, aside, broken, relation.version)
    if _too_many(arrival, rows, aside):
        raise Drifted([_excess(arrival, arrived, rule, count) for rule, count in broken], arrived)
    if aside:
        notices.append(_set_aside(arrival, arrived))
    names = ", ".join(quote(name) for name, _ in relation.columns)
    stands = f"SELECT {names} FROM ({judged.good(False)}) AS stands"
    return Relation(relation.schema, relation.name, stands, ()), arrived, tuple(notices)


def _before(writer: Writer, earlier: Relation) -> str:
    """The SELECT of rows that came earlier and keep to their rules."""
    assert earlier.arrival is not None
    typed = _Typed(earlier, earlier.arrival, dict(writer.described(earlier.select)))
    return typed.standing(filtered=True)(False)


def counted(arrived: Arrived, rule: QualityRule) -> float:
    """How many of the rows break a rule that none may break, or 100 times their share."""
    count = dict(arrived.broken).get(rule.id, 0)
    return count if rule.unit == "rows" else 100.0 * count / max(arrived.rows, 1)


def _found(writer: Writer, relation: Relation) -> tuple[SourceColumn, ...]:
    """The source's columns; which of them may be NULL is in a Parquet file's own schema."""
    nullable: Mapping[str, bool] = {}
    if relation.file:
        nullable = {field.name: field.nullable for field in pq.read_schema(relation.file)}
    return tuple(SourceColumn(name, kind, nullable.get(name)) for name, kind in writer.described(relation.scan))


def _drift(
    relation: Relation,
    arrival: Arrival,
    found: Sequence[SourceColumn],
    before: Arrived | None,
) -> list[Finding]:
    """Notices of what is new or other than last time. Raises Drifted for what breaks the contract."""
    subject = f"{relation.schema}.{relation.name}"
    places = {name: (physical, where) for name, physical, where in arrival.places}
    now = {one.name.lower(): one for one in found}
    last = {one.name.lower(): one for one in before.columns} if before is not None else {}
    notices: list[Finding] = []
    breaks: list[Finding] = []
    for name, kind in relation.columns:
        physical, where = places[name]
        column = now.get(physical.lower())
        if column is None:
            breaks.append(_at(where, f"{subject} no longer has the column {name}", "bring it back, or drop it"))
            continue
        was = last.get(column.name.lower())
        if was is not None and was.type != column.type:
            told = f"{subject}.{name} is {column.type} now, it was {was.type}; each value is cast to {kind}"
            notices.append(_at(where, told, "nothing, if that is meant", severe=False))
        if name in arrival.required and was is not None and was.nullable is False and column.nullable:
            remedy = "NOT NULL at the source, or required: false"
            breaks.append(_at(where, f"{subject}.{name} may be NULL now, the contract requires it", remedy))
    if breaks:
        raise Drifted(breaks)
    if last:
        fresh = ", ".join(one.name for key, one in now.items() if key not in last)
        if fresh:
            told = f"{subject} has new columns: {fresh}"
            notices.append(_at(arrival.where, told, "declare them, if they are meant to be read", severe=False))
    return notices


class _Typed:
    """SELECTs over one input's rows, each value cast; a row is bad where a value does not cast or a rule is broken."""

    def __init__(self, relation: Relation, arrival: Arrival, given: Mapping[str, str]) -> None:
        self._relation, self._given = relation, given
        self._casts = [(name, f"$type{number}") for number, (name, kind) in enumerate(relation.columns)
                       if given[name] != kind]  # fmt: skip
        self.rules = [(f"{name}.type", quote(flag)) for name, flag in self._casts]
        # A value that does not cast is told as that, not as a missing one as well.
        unfit = dict(self.rules)
        for rule in arrival.rules:
            flag = unfit.get(f"{rule.column}.type")
            broken = f"coalesce({rule.broken}, false)"
            self.rules.append((rule.id, f"({broken} AND NOT {flag})" if flag else broken))

    @property
    def bad(self) -> str:
        """The condition of a row that breaks any rule."""
        return " OR ".join(broken for _, broken in self.rules) or "false"

    def rows(self, *, raw: bool = False) -> str:
        """Each row with its values as declared, a flag of each that does not cast, and as text where `raw`."""
        kinds = dict(self._relation.columns)
        items = [f"{self._value(name, kind)} AS {quote(name)}" for name, kind in kinds.items()]
        items += [f"{self._unfit(name, kinds[name])} AS {quote(flag)}" for name, flag in self._casts]
        items += [f"given.{quote(name)}" for name in (TURN, repeats.ROW) if name in self._given]
        if raw:
            items += [f"CAST(given.{quote(name)} AS VARCHAR) AS {quote(repeats.RAW + name)}" for name in kinds]
        return f"SELECT {', '.join(items)} FROM ({self._relation.select}) AS given"

    def standing(self, *, filtered: bool) -> repeats.Rows:
        """The rows that keep to their rules, with when each came."""

        def rows(raw: bool) -> str:
            came = self.rows(raw=raw)
            if TURN not in self._given:
                came = f"SELECT *, {repeats.NOW} AS {quote(TURN)} FROM ({came}) AS given"
            names = repeats.columns(self._relation, raw=raw)
            good = f"SELECT {names} FROM ({came}) AS arrived" + (f" WHERE NOT ({self.bad})" if filtered else "")
            return repeats.standing(self._relation, good)

        return rows

    def aside(self) -> str:
        """The bad rows as texts, with the rules that each breaks."""
        named = ", ".join(f"CASE WHEN {broken} THEN {literal(rule)} END" for rule, broken in self.rules)
        raw = ", ".join(f"{quote(repeats.RAW + name)} AS {quote(name)}" for name, _ in self._relation.columns)
        rows = f"({self.rows(raw=True)}) AS arrived"
        return f"SELECT concat_ws(', ', {named}) AS {quote(RULES)}, {raw} FROM {rows} WHERE {self.bad}"

    def casts(self, writer: Writer) -> dict[str, tuple[int, int]]:
        """Of each column that is cast: how many values do, and how many do not."""
        counts = [f"count({quote(name)}), count(*) FILTER (WHERE {quote(flag)})" for name, flag in self._casts]
        if not counts:
            return {}
        found = writer.integers(f"SELECT {', '.join(counts)} FROM ({self.rows()}) AS arrived")
        return {name: (found[2 * place], found[2 * place + 1]) for place, (name, _) in enumerate(self._casts)}

    def _value(self, name: str, kind: str) -> str:
        column = f"given.{quote(name)}"
        if self._given[name] == kind:
            return column
        return f"TRY_CAST({self._exact(name, kind)} AS {kind})"

    def _exact(self, name: str, kind: str) -> str:
        column = f"given.{quote(name)}"
        if kind in _WHOLE and self._given[name] == "VARCHAR":
            return f"TRY_CAST({column} AS {_EXACT})"
        return column

    def _unfit(self, name: str, kind: str) -> str:
        exact, given = self._exact(name, kind), self._given[name]
        unfit = f"TRY_CAST({exact} AS {kind}) IS NULL"
        if _INTEGER.fullmatch(kind) and (exact != f"given.{quote(name)}" or _FRACTIONAL.match(given)):
            unfit = f"({unfit} OR {exact} <> trunc({exact}))"
        return f"given.{quote(name)} IS NOT NULL AND {unfit}"


def _counted(writer: Writer, typed: _Typed) -> tuple[int, int, tuple[tuple[str, int], ...]]:
    """Rows, rows that break any rule, and those that break each that is broken."""
    conditions = ("true", typed.bad, *(broken for _, broken in typed.rules))
    counts = ", ".join(f"count(*) FILTER (WHERE {broken})" for broken in conditions)
    rows, aside, *each = writer.integers(f"SELECT {counts} FROM ({typed.rows()}) AS arrived")
    broken = zip((rule for rule, _ in typed.rules), each, strict=True)
    return rows, aside, tuple((rule, count) for rule, count in broken if count)


def _never(arrival: Arrival, relation: Relation, given: Mapping[str, str], casts: Mapping[str, Sequence[int]]) -> None:
    """Raises Drifted where a source's type is another one altogether: it has values, and not one casts."""
    breaks = []
    for name, physical, where in arrival.places:
        cast, unfit = casts.get(name, (0, 0))
        if unfit and not cast and given[name] not in _TEXTS:
            kind = dict(relation.columns)[name]
            told = f"{relation.schema}.{relation.name}.{physical} is {given[name]}, and none of its values is a {kind}"
            breaks.append(_at(where, told, f"a source column that casts to {kind}, or another physicalType"))
    if breaks:
        raise Drifted(breaks)


def _too_many(arrival: Arrival, rows: int, aside: int) -> bool:
    return aside > (arrival.limit if arrival.unit == "rows" else arrival.limit * rows / 100)


def limit_text(arrival: Arrival) -> str:
    """The limit in words."""
    return f"{arrival.limit:g} %" if arrival.unit == "percent" else f"{arrival.limit:g} rows"


def _excess(arrival: Arrival, arrived: Arrived, rule: str, count: int) -> Finding:
    known = {f"{name}.type": where for name, _, where in arrival.places}
    known |= {one.id: one.where for one in arrival.rules} | {one.id: one.where for one in arrival.keys}
    where = known.get(rule, arrival.where)
    told = f"{count} of {arrived.rows} rows of {arrived.input}.{arrived.table} break {rule}"
    return _at(where, told, f"mend them, or allow more: quarantineLimit is {limit_text(arrival)}")


def _set_aside(arrival: Arrival, arrived: Arrived) -> Finding:
    rules = ", ".join(f"{rule} {count}" for rule, count in arrived.broken)
    told = f"{arrived.aside} of {arrived.rows} rows of {arrived.input}.{arrived.table} are set aside: {rules}"
    return _at(arrival.where, told, "outport quarantine shows them", severe=False)


def _at(where: str, problem: str, remedy: str, *, severe: bool = True) -> Finding:
    file, _, path = where.partition(" ")
    return Finding(file, 0, path, problem, remedy, "error" if severe else "warning")
