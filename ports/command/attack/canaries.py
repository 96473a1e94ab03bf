"""The canaries of one principal at one door: distinctive values, and names, that no answer to it may hold.

Asks the oracle; keeps only what the decisions leave nowhere in sight.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from gateway.sql import duck
from gateway.system_catalogs import pg_relations
from ports.command.attack.oracle import Canary, Oracle
from ports.command.attack.terrain import Seen

HIDDEN, MASKED, FILTERED, DENIED, NAME = (
    "a value of a hidden column",
    "the raw value of a masked column",
    "a value of a row that is filtered out",
    "a value of a table that is not granted",
    "a name that is hidden",
)
_LIMIT = 600
# Shorter words stand in documents and messages by chance.
_NAME_LENGTH = 8


def canaries(tables: Sequence[Seen], oracle: Oracle) -> tuple[Canary, ...]:
    """Values first, then names; each text once."""
    found: dict[str, str] = {}
    for one in tables:
        for kind, values in _values(one, oracle):
            for value in values:
                found.setdefault(value, kind)
    step = max(1, len(found) // _LIMIT)
    chosen = list(found)[::step]
    for one in tables:
        if one.visible:
            for access in one.access.columns:
                if access.treatment != "hidden" and not access.use:
                    shown = oracle.shown(one.path, access.expression, one.access.rows, chosen)
                    chosen = [value for value in chosen if value not in shown]
    return (*(Canary(value, found[value]) for value in chosen), *(Canary(name, NAME) for name in hidden_names(tables)))


def _values(one: Seen, oracle: Oracle) -> Iterator[tuple[str, list[str]]]:
    if not one.visible:
        for column in one.table.columns:
            yield DENIED, oracle.candidates(one.path, column.name)
        return
    for access in one.access.columns:
        if access.treatment == "hidden" or access.use:
            yield HIDDEN, oracle.candidates(one.path, access.column)
        elif access.expression != duck.quote(access.column):
            yield MASKED, oracle.candidates(one.path, access.column, one.access.rows)
        if one.access.rows is not None:
            yield FILTERED, oracle.candidates(one.path, access.column, one.access.rows, hidden_rows=True)


def hidden_names(tables: Sequence[Seen]) -> tuple[str, ...]:
    """Names that it may not read anywhere: no visible thing's, no word of what owners wrote, none of PostgreSQL's."""
    hidden: dict[str, None] = {}
    known = set(_vocabulary())
    shown = {one.snapshot.product.name for one in tables if one.visible}
    for one in tables:
        product, table = one.path
        if product in shown:
            known |= {product, *(given.name for given in one.snapshot.product.inputs)}
            known |= _words(one.snapshot.product)
        else:
            hidden[product] = None
        if not one.visible:
            hidden |= dict.fromkeys([table, *(column.name for column in one.table.columns)])
            continue
        known |= {table, *_words(one.table)}
        for access, column in zip(one.access.columns, one.table.columns, strict=True):
            if access.treatment == "hidden":
                hidden[access.column] = None
            else:
                known |= {access.column, *_words(column)}
    return tuple(name for name in hidden if name not in known and (len(name) >= _NAME_LENGTH or "_" in name))


def _words(described: object) -> set[str]:
    """Words of the prose about a product, a table or a column, and of what stands beside it."""
    texts = [getattr(described, name, "") for name in ("title", "owner", "domain", "purpose", "usage", "limitations")]
    texts += [getattr(described, name, "") for name in ("description", "granularity", "business_name")]
    for one in getattr(described, "semantics", ()):
        texts += [one.name, one.description, one.expression]
    for one in getattr(described, "relationships", ()):
        texts += [one.to_product, one.to_table, *one.to_columns]
    texts += [one for kind in ("tags",) for one in getattr(described, kind, ())]
    return _split(texts)


def _split(texts: Iterable[object]) -> set[str]:
    return {word for text in texts for word in re.findall(r"\w+", str(text).lower())}


@cache
def _vocabulary() -> frozenset[str]:
    """Every word that PostgreSQL's own catalogs hold."""
    files = [path for path in pg_relations.FOLDER.iterdir() if path.is_file()]
    return frozenset(_split(path.read_text(encoding="utf-8") for path in files))
