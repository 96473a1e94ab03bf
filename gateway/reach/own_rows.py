"""Which rows of the product `outport` an asker may see: those of what its decisions show, beside whatever policies say.

Pure: asks for decisions only. No rule can take this away, and none is needed for it. A table without a column that
says what its rows are about shows none.
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from gateway.binding.views import Grant
from gateway.decision import Decision
from gateway.product import Product, Table
from gateway.service_levels import quality
from gateway.serving.catalog import Snapshot
from gateway.sql import duck

# A cell of such a column is there for who sees every row and cell, unmasked, of what the row was counted over.
FULL_SIGHT = "full-sight"
# The same for who sees every table and column of the row's product, in whatever rows and form.
WHOLE_SIGHT = "whole-sight"
REMEMBERED = 4096
Look = Callable[[Snapshot, str], Grant | None]


@dataclass(frozen=True)
class Seen:
    """What an asker sees of one product: `names` are its tables, and their columns as `table.column`.

    `counted` are those of `names` that it sees whole, every row and as they are. `until` is when this is to be asked
    anew.
    """

    product: Product
    names: frozenset[str]
    counted: frozenset[str]
    until: float

    @property
    def whole(self) -> bool:
        """Whether there is no table and no column of the product beside those that it sees."""
        return all(
            table.name in self.names and all(f"{table.name}.{column.name}" in self.names for column in table.columns)
            for table in self.product.tables
        )


def seen(snapshot: Snapshot, look: Look) -> Seen | None:
    """What is seen of a snapshot's product, None where no table of it is. `look` gives the grant on a table, if any."""
    found = [one for table in snapshot.product.tables if (one := look(snapshot, table.name)) is not None]
    if not found:
        return None
    return seen_of(snapshot.product, [(one.table.name, one.decision) for one in found])


def seen_of(product: Product, decided: Iterable[tuple[str, Decision]]) -> Seen:
    """What these decisions on tables of a product show of it."""
    found = list(decided)
    names = {table for table, _ in found} | {f"{table}.{column}" for table, one in found for column in one.visible}
    counted = {name for table, one in found for name in _counted(table, one)}
    until = min(one.valid_until for _, one in found)
    return Seen(product, frozenset(names), frozenset(counted), until)


def managing(one: Seen) -> Seen:
    """The same for who manages the product: what its inputs' contracts say of what arrives is told as well."""
    names = {f"{source.name}.{table.name}" for source in one.product.inputs for table in source.tables}
    every = frozenset(map(quality.of_input, names))
    return replace(one, names=one.names | every, counted=one.counted | every)


def _counted(table: str, decision: Decision) -> Iterable[str]:
    if decision.rows is not None:
        return ()
    plain = [name for name in decision.visible if decision.treatments[name].expression == duck.quote(name)]
    return (table, *(f"{table}.{name}" for name in plain))


def rows(table: Table, visible: Iterable[Seen], mine: Iterable[str], managed: Iterable[str]) -> str:
    """The filter of one table, by the columns that say what a row is about.

    `reads` names tables and columns of the row's product, `table_name` one table, `products` several products; one
    that is `whole` speaks of all of its product. A row with a `subject` is of a person: `mine` are the asker's names,
    `managed` the products that it manages.
    """
    columns = {column.name for column in table.columns}
    if "products" in columns:
        named = _list(one.product.name for one in visible)
        about = f"list_has_all({named}, products)"
    elif "product" in columns:
        about = _any(_about(one, columns) for one in visible)
    else:
        return "false"
    if "subject" in columns:
        own = _any([f"subject IN {_set(mine)}", *([f"product IN {_set(managed)}"] if "product" in columns else [])])
        return f"({about}) AND ({own})"
    return about


def counted(visible: Iterable[Seen], columns: set[str]) -> str:
    """Of which rows the numbers are shown: where all that `reads` names is seen whole."""
    return _any(f"{_of(one, columns)} AND list_has_all({_list(one.counted)}, reads)" for one in visible if one.counted)


def whole(visible: Iterable[Seen], columns: set[str]) -> str:
    """Of which rows what is said of a product as a whole is shown: where all of it is seen."""
    return _any(_of(one, columns) for one in visible if one.whole)


def _about(one: Seen, columns: set[str]) -> str:
    mine = _of(one, columns)
    if "whole" in columns and not one.whole:
        mine = f"{mine} AND NOT whole"
    if "reads" in columns:
        return f"{mine} AND list_has_all({_list(one.names)}, reads)"
    if "table_name" in columns:
        tables = _set(name for name in one.names if "." not in name)
        return f"{mine} AND (table_name IS NULL OR table_name IN {tables})"
    return mine


def _of(one: Seen, columns: set[str]) -> str:
    product = f"product = {_literal(one.product.name)}"
    return f"{product} AND major = {one.product.major}" if "major" in columns else product


def _any(terms: Iterable[str]) -> str:
    return " OR ".join(f"({term})" for term in terms) or "false"


def _list(names: Iterable[str]) -> str:
    texts = ", ".join(_literal(name) for name in sorted(set(names)))
    return f"CAST([{texts}] AS VARCHAR[])"


def _set(names: Iterable[str]) -> str:
    texts = ", ".join(_literal(name) for name in sorted(set(names)))
    return f"({texts})" if texts else "(NULL)"


@functools.lru_cache(maxsize=8192)
def _literal(name: str) -> str:
    return duck.literal(name)


class Narrowing:
    """Decisions on tables of the product, narrowed; the same object for the same one. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[object, ...], Decision] = OrderedDict()

    def narrowed(
        self, decision: Decision, table: Table, visible: list[Seen], mine: Iterable[str], managed: Iterable[str]
    ) -> Decision:
        """`decision` with the filter that nobody can take away, and the cells that follow from it."""
        only = rows(table, visible, mine, managed)
        until = min([decision.valid_until, *(one.until for one in visible)])
        columns = {column.name for column in table.columns}
        sights = {
            FULL_SIGHT: counted(visible, columns) if "reads" in columns else "false",
            WHOLE_SIGHT: whole(visible, columns) if columns & {"product"} else "false",
        }
        key = (decision.product, table.name, decision.fingerprint, decision.rules, until, only, *sights.values())
        with self._lock:
            found = self._known.get(key)
            if found is None:
                found = self._known[key] = _narrowed(decision, table, only, sights, until)
                if len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
            return found


def _narrowed(decision: Decision, table: Table, only: str, sights: Mapping[str, str], until: float) -> Decision:
    both = f"({only})" if decision.rows is None else f"({decision.rows}) AND ({only})"
    treatments = dict(decision.treatments)
    for column in table.columns:
        given = treatments[column.name]
        for tag, condition in sights.items():
            if tag in column.tags and given.kind != "hidden":
                expression = f"CASE WHEN {condition} THEN {given.expression} ELSE CAST(NULL AS {column.type}) END"
                treatments[column.name] = replace(given, expression=expression)
    return replace(decision, rows=both, treatments=treatments, valid_until=until)
