"""Which rows of a product are those of one subject: SQL conditions on its tables, by key and by foreign keys. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.product import Column, Product, Relationship, Table
from gateway.sql.duck import literal, quote

Conditions = Mapping[str, str]


def conditions(product: Product, table: Table, key: Sequence[str], base: str) -> Conditions:
    """Table -> the condition of the subject's rows, for `table`, where `key` names the subject, and what refers to it.

    Rows of other tables that refer to such a row go with it, and so on. A table that refers to itself does so as
    somebody else: those rows stay. `base` is the catalog and schema of the stored tables.
    """
    values = {name: _value(table.column(name), text) for name, text in zip(table.key, key, strict=True)}
    found = {table.name: _equal(values)}
    waiting = [table.name]
    while waiting:
        parent = waiting.pop(0)
        for child in product.tables:
            links = [one for one in child.relationships if _refers(one, product, parent)]
            if child.name in found or not links:
                continue
            found[child.name] = " OR ".join(_linked(one, parent, found[parent], values, table, base) for one in links)
            waiting.append(child.name)
    return found


def kept(columns: Sequence[str], table: str, condition: str | None, base: str) -> str:
    """A SELECT of `columns` of a stored table without the rows of `condition`."""
    names = ", ".join(quote(name) for name in columns)
    left = f" WHERE NOT coalesce({condition}, false)" if condition is not None else ""
    return f"SELECT {names} FROM {base}.{quote(table)}{left}"


def _refers(link: Relationship, product: Product, table: str) -> bool:
    return link.to_product == product.name and link.to_table == table


def _linked(link: Relationship, parent: str, condition: str, values: Mapping[str, str], table: Table, base: str) -> str:
    if parent == table.name and set(link.to_columns) == set(values):
        # By value: so a row goes as well whose subject is in no table any more.
        return _equal({name: values[to] for name, to in zip(link.columns, link.to_columns, strict=True)})
    names, targets = (", ".join(quote(name) for name in part) for part in (link.columns, link.to_columns))
    return f"(({names}) IN (SELECT ({targets}) FROM {base}.{quote(parent)} WHERE {condition}))"


def _equal(values: Mapping[str, str]) -> str:
    return f"({' AND '.join(f'{quote(name)} = {value}' for name, value in values.items())})"


def _value(column: Column, text: str) -> str:
    return f"CAST({literal(text)} AS {column.type})"
