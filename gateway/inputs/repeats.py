"""Rows of an input that repeat a key which its contract declares: which of them stand. SQL for the writer.

What came earlier stays. Of rows that came at once and are equal in every column one stands; of rows that came at once
with the same key and other values none does, since nothing says which is right. Rows that broke another rule take no
key. All of it depends on the rows and on the order in which they came, and on nothing else. Where rows replace others,
one that is set aside replaces nothing: what it would have replaced keeps its keys.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from gateway.inputs.duck_writer import Writer
from gateway.inputs.job import STAGE_CATALOG, Relation
from gateway.inputs.segments import TURN
from gateway.product import KeyRule
from gateway.sql.duck import literal, quote

# Which row of its push each is. No column of a contract has such a name.
ROW = "$row"
RAW = "$raw."
# Of each row that is set aside: by which rules.
RULES = "$rules"
_TOLD_APART = re.compile("FLOAT|DOUBLE|INTERVAL")
# Rows are held to what they do not replace after all so many times; the last time as if they replaced nothing.
_ROUNDS = (False, False, False, True)
# Of rows that came at once: after all that came before.
NOW = "CAST(9223372036854775807 AS BIGINT)"
# Typed rows with their turn, and with their values as text where it is asked for.
Rows = Callable[[bool], str]


@dataclass(frozen=True)
class Judged:
    """What became of rows: the `good` ones, how many each rule has set aside, and SELECTs of it and those, as text."""

    good: Rows
    broken: tuple[tuple[str, int], ...]
    selects: tuple[str, ...]

    @property
    def aside(self) -> int:
        """How many rows were set aside."""
        return sum(count for _, count in self.broken)


def judged(writer: Writer, relation: Relation, good: Rows, earlier: str) -> Judged:
    """Hold rows to the keys of their contract, one after the other. Raises WriteError.

    `earlier` is the SELECT of rows that came before and are not of `good`, "" where there are none.
    """
    broken, selects = Counter[str](), list[str]()
    for number, strict in enumerate(_ROUNDS if earlier and relation.replaces else _ROUNDS[:1]):
        before = f"$before{number}" if earlier else ""
        one = _once(writer, relation, good, earlier, before, strict=strict)
        good = one.good
        broken.update(dict(one.broken))
        selects += one.selects
        if not one.broken:
            break
    return Judged(good, tuple(broken.items()), tuple(selects))


def _once(writer: Writer, relation: Relation, good: Rows, earlier: str, before: str, *, strict: bool) -> Judged:
    assert relation.arrival is not None
    broken, selects = [], []
    for number, key in enumerate(relation.arrival.keys):
        place = f"{relation.schema}.{relation.name}${number}{before}"
        held = f"{place}$held" if earlier else ""
        if held:
            writer.stage_select(held, _held(relation, key, good(False), earlier, strict=strict))
        writer.stage_select(f"{place}$keys", _repeated(key, good(False), held))
        if not writer.number(f"SELECT count(*) FROM {_stage(f'{place}$keys')}"):
            continue
        writer.stage_select(f"{place}$rows", _decided(relation, key, good(True), f"{place}$keys", held))
        left = f'FROM {_stage(f"{place}$rows")} WHERE NOT "$taken" AND NOT "$held"'
        count = int(writer.number(f"SELECT count(*) {left}") or 0)
        if count:
            broken.append((key.id, count))
            raw = ", ".join(f"{quote(RAW + name)} AS {quote(name)}" for name, _ in relation.columns)
            selects.append(f"SELECT {literal(key.id)} AS {quote(RULES)}, {raw} {left}")
        good = _without(relation, key, good, place)
    return Judged(good, tuple(broken), tuple(selects))


def columns(relation: Relation, *, raw: bool) -> str:
    """The columns that rows have here."""
    names = [name for name, _ in relation.columns]
    return ", ".join(map(quote, [*names, TURN, *(RAW + name for name in names if raw)]))


def standing(relation: Relation, rows: str) -> str:
    """Of rows by upsert that came at once: the last of each key."""
    key = _list(relation.replaces)
    return f"{rows} QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {quote(ROW)} DESC) = 1" if key else rows


def _held(relation: Relation, key: KeyRule, rows: str, earlier: str, *, strict: bool) -> str:
    """Rows of before with a key of `rows`, but for those that these replace; `strict`: that they say anew."""
    found = f"SELECT {columns(relation, raw=False)} FROM ({earlier}) AS one SEMI JOIN ({rows}) AS new"
    found += f" USING ({_list(key.columns)})"
    if not relation.replaces:
        return found
    told = list(dict.fromkeys((*relation.replaces, *(key.columns if strict else ()))))
    return f"SELECT * FROM ({found}) AS one ANTI JOIN ({rows}) AS mine USING ({_list(told)})"


def _repeated(key: KeyRule, rows: str, held: str) -> str:
    """Keys that stand twice: the one aggregate that proves a key where there is none."""
    names = _list(key.columns)
    present = " AND ".join(f"{quote(name)} IS NOT NULL" for name in key.columns)
    twice = f"SELECT {names} FROM ({rows}) AS one WHERE {present} GROUP BY {names} HAVING count(*) > 1"
    return f"{twice} UNION SELECT {names} FROM {_stage(held)}" if held else twice


def _decided(relation: Relation, key: KeyRule, rows: str, keys: str, held: str) -> str:
    """The rows with these keys, and whether each is `$taken`."""
    names, every = _list(key.columns), _list([name for name, _ in relation.columns])
    came = f'SELECT *, false AS "$held" FROM ({rows}) AS one'
    if held:
        came += f' UNION ALL BY NAME SELECT *, true AS "$held" FROM {_stage(held)}'
    # What is equal may be told in two ways, as 0.0 and -0.0 are: it is one of them whatever the engine met first.
    told = [f"CAST({quote(name)} AS VARCHAR)" for name, kind in relation.columns if _TOLD_APART.search(kind)]
    order = f" ORDER BY {', '.join(told)}" if told else ""
    copies = f'row_number() OVER (PARTITION BY {every}, "$turn"{order}) AS "$copy"'
    some = f"SELECT one.*, {copies} FROM ({came}) AS one SEMI JOIN {_stage(keys)} AS two USING ({names})"
    kinds = f'count(*) FILTER (WHERE "$copy" = 1) OVER (PARTITION BY {names}, "$turn") AS "$kinds"'
    first = f'min("$turn") FILTER (WHERE "$kinds" = 1) OVER (PARTITION BY {names}) AS "$first"'
    ranked = f"SELECT *, {first} FROM (SELECT *, {kinds} FROM ({some}) AS one) AS one"
    return f'SELECT *, coalesce("$copy" = 1 AND "$turn" = "$first", false) AS "$taken" FROM ({ranked}) AS one'


def _without(relation: Relation, key: KeyRule, good: Rows, place: str) -> Rows:
    """The rows but for those that were set aside."""

    def left(raw: bool) -> str:
        names = columns(relation, raw=raw)
        others = f"SELECT {names} FROM ({good(raw)}) AS one ANTI JOIN {_stage(f'{place}$keys')} AS two"
        taken = f'SELECT {names} FROM {_stage(f"{place}$rows")} WHERE "$taken" AND NOT "$held"'
        return f"{others} USING ({_list(key.columns)}) UNION ALL {taken}"

    return left


def _list(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(map(quote, names))


def _stage(name: str) -> str:
    return f"{STAGE_CATALOG}.main.{quote(name)}"
