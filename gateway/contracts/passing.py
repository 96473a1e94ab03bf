"""Which columns of an input's table a model gives as they are, under their own names. Pure but for DuckDB's parser."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.product import Table
from gateway.sql import duck

# By these a model leaves rows out.
_CHOICES = ("where_clause", "having", "qualify", "sample", "group_expressions")
# What makes other columns of `*` than those that there are.
_CHANGES = ("columns", "expr", "exclude_list", "replace_list", "rename_list", "qualified_exclude_list", "relation_name")


def as_they_are(table: Table, *, every_row: bool) -> Iterator[str]:
    """The columns `input.table.column` that a model of that table alone gives as they are, by name.

    With `every_row`, none of a model that leaves rows out: what it would not pass on is nobody's to see.
    """
    if table.model is None:
        return
    node = duck.parse(table.model)["node"]
    if node["type"] != "SELECT_NODE" or node["from_table"]["type"] != "BASE_TABLE":
        return
    source = node["from_table"]
    if source["column_name_alias"] or (every_row and (source["sample"] or any(node[part] for part in _CHOICES))):
        return
    if every_row and any(one["type"] != "ORDER_MODIFIER" for one in node["modifiers"]):
        return
    path = [str(part).lower() for part in source["qualified_name"]["path"]]
    place = ".".join(path)
    known = [[], path, path[-1:], [str(source["alias"]).lower()]]
    for item in node["select_list"]:
        if item["class"] == "COLUMN_REF":
            *of, name = (str(part).lower() for part in item["column_names"])
            # What else stands before a name is a struct, of which it is a part.
            if of in known and str(item["alias"] or name).lower() == name:
                yield f"{place}.{name}"
        elif item["class"] == "STAR" and not any(item[key] for key in _CHANGES):
            yield from (f"{place}.{column.name}" for column in table.columns)
