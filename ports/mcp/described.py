"""describe_product: tables, columns and how they are seen, measures, examples. Touches the front door only."""

from __future__ import annotations

from typing import Any

from gateway import BadQuery, Query, VisibleProduct, VisibleTable
from ports.http import names, projection
from ports.http.provenance import timestamp
from ports.http.sql import quoted
from ports.http.values import comparable
from ports.mcp import rows
from ports.mcp.arguments import Describe
from ports.mcp.budget import Answered, Json, Page
from ports.mcp.call import Call, provenance, source
from ports.mcp.context import context, note, titled

VALUES = 50
TEXT_LIMIT = 400


def describe(call: Call, asked: Describe) -> Answered:
    """A product, one table of it, or one column with its values. Raises NotFound, BadQuery."""
    schema, visible = call.product(asked.product)
    tables = visible.tables if asked.table is None else (visible.table(asked.table),)
    if asked.column is not None:
        if asked.table is None and len(tables) > 1:
            raise BadQuery("column takes the table that it is in", reason="parameter", hint=_names(visible))
        return _column(call, asked, schema, tables[0])
    page = Page(call.tokens(asked.max_tokens), {**_head(visible), "tables": []}, _lines(visible))
    for table in tables:
        _table(page, schema, visible, table)
    rest = f"Name one table ({_names(visible)}), or raise max_tokens."
    return page.answered(rest if asked.table is None else "Raise max_tokens, or name one column.")


def document(visible: VisibleProduct, schema: str, limit: int) -> Json:
    """The whole product as a document, within `limit` tokens."""
    page = Page(limit, {**_head(visible), "tables": []}, [])
    for table in visible.tables:
        _table(page, schema, visible, table)
    return page.answered("describe_product tells of one table at a time.").content


def table_document(visible: VisibleProduct, schema: str, table: VisibleTable, limit: int) -> Json:
    """One table as a document, within `limit` tokens."""
    page = Page(limit, {"product": visible.product.name, "tables": []}, [])
    _table(page, schema, visible, table)
    return page.answered("describe_product tells of one column at a time.").content


def examples(schema: str, table: VisibleTable) -> list[str]:
    """Queries of a table that are answered: a measure by a dimension, a count by a column, the first rows."""
    name = f"{schema}.{quoted(table.table.name)}"
    found = []
    measures = [one.name for one in table.semantics if one.kind == "measure"]
    dimension = _dimension(table)
    if measures:
        by = f"{quoted(dimension)}, " if dimension else ""
        group = " GROUP BY 1 ORDER BY 2 DESC LIMIT 10" if dimension else ""
        found.append(f"SELECT {by}MEASURE({quoted(measures[0])}) FROM {name}{group}")
    elif dimension:
        found.append(f"SELECT {quoted(dimension)}, count(*) AS n FROM {name} GROUP BY 1 ORDER BY 2 DESC LIMIT 10")
    shown = [quoted(one.name) for one in table.columns[:6]]
    if shown:
        found.append(f"SELECT {', '.join(shown)} FROM {name} LIMIT 5")
    return found


def _dimension(table: VisibleTable) -> str | None:
    """What its rows are best grouped by: a dimension, or a short text that is no key and shown as it is."""
    for one in table.semantics:
        if one.kind == "dimension" and not one.grains:
            return one.name
    keys = {*table.key, *(name for each in table.relationships for name in each.columns)}
    for column in table.columns:
        if column.type == "VARCHAR" and column.name not in keys and projection.raw(table, column.name):
            return column.name
    return None


def _names(visible: VisibleProduct) -> str:
    return ", ".join(one.table.name for one in visible.tables)


def _head(visible: VisibleProduct) -> Json:
    product, snapshot = visible.product, visible.snapshot
    told: Json = {
        "product": product.name,
        "version": product.version,
        "title": note(visible, product.title),
        "projection_of": visible.over,
        "domain": product.domain,
        "owner": product.owner,
        "purpose": note(visible, product.purpose[:TEXT_LIMIT]),
        "usage": product.usage[:TEXT_LIMIT],
        "limitations": product.limitations[:TEXT_LIMIT],
        "snapshot": snapshot.id,
        "digest": product.digest,
        "published_at": timestamp(snapshot.published_at),
        "data_time": None if snapshot.data_time is None else timestamp(snapshot.data_time),
        "quality": round(visible.state.quality, 4),
        "sla": [
            f"{one.property} {one.value}{f' {one.unit}' if one.unit else ''}"
            for one in product.sla
            if projection.names_only(one.element, visible)
        ],
        "context": context(visible),
    }
    if visible.lifespan.deprecated is not None:
        told["deprecated"] = timestamp(visible.lifespan.deprecated)
    if visible.lifespan.sunset is not None:
        told["sunset"] = timestamp(visible.lifespan.sunset)
    return {name: value for name, value in told.items() if value not in ("", [], {}, None)}


def _lines(visible: VisibleProduct) -> list[str]:
    told = _head(visible)
    head = f"{told['product']}@{told['version']} {titled(visible)}"
    lines = [head]
    for name in ("purpose", "usage", "limitations", "owner", "deprecated", "sunset"):
        words = " ".join(str(told.get(name, "")).split())
        lines += [f"{name}: {words}"] if words else []
    as_of = f"data as of {told['data_time']}; " if "data_time" in told else ""
    lines.append(f"{as_of}published {told['published_at']}; quality {told['quality']}; snapshot {told['snapshot']}")
    lines += [f"sla: {'; '.join(told['sla'])}"] if "sla" in told else []
    said = told.get("context", {})
    lines += [f"owner's note: {' '.join(one.split())}" for one in said.get("instructions", ())]
    lines += [f"owner's constraint: {' '.join(one.split())}" for one in said.get("constraints", ())]
    lines += [f"verified: {one['question']} -> {one['answer']}" for one in said.get("verified", ())]
    return lines


def _table(page: Page, schema: str, visible: VisibleProduct, table: VisibleTable) -> None:
    count = projection.row_count(visible, table)
    filtered = table.decision.rows is not None
    told: Json = {
        "name": table.table.name,
        "description": note(visible, " ".join(table.table.description.split())[:TEXT_LIMIT]),
        "granularity": table.table.granularity,
        "key": list(table.key),
        "rows": "filtered: you see some" if filtered else "all",
        "row_count": count,
        "columns": [],
        "references": [],
        "measures": [],
        "quality": [],
        "examples": examples(schema, table),
    }
    size = "some rows are not yours" if filtered else f"{count} rows" if count is not None else "all rows"
    head = f"\ntable {schema}.{told['name']}: {told['description']} [{told['granularity'] or 'rows'}; {size}]"
    head += f"\nkey: {', '.join(table.key)}" if table.key else ""
    head += "".join(f"\nexample: {one}" for one in told["examples"])
    if not page.add(head, page.content["tables"], told):
        return
    # The table was weighed while its lists were empty; what comes into them is weighed as it comes.
    kept = page.content["tables"][-1]
    for column in table.known:
        value = _column_told(table, column.name)
        page.add(_column_line(value), kept["columns"], value)
    for one in table.relationships:
        to = f"{one.to_product or visible.product.name}.{one.to_table}"
        line = f"references: {', '.join(one.columns)} -> {to} ({', '.join(one.to_columns)})"
        page.add(line, kept["references"], {"columns": one.columns, "to": to, "to_columns": one.to_columns})
    for measure in table.semantics:
        line = f"{measure.kind} {measure.name} {measure.type}: {' '.join(measure.description.split())[:TEXT_LIMIT]}"
        line += f" (also {', '.join(measure.synonyms)})" if measure.synonyms else ""
        page.add(line, kept["measures"], {"name": measure.name, "kind": measure.kind, "type": measure.type})
    for rule in projection.outcomes(visible, table):
        if not rule.holds:
            page.add(f"quality: {rule.name or rule.rule} does not hold", kept["quality"], rule.name or rule.rule)


def _column_told(table: VisibleTable, name: str) -> Json:
    column, treatment = table.table.column(name), table.decision.treatments[name]
    use = table.decision.uses.get(name)
    seen = treatment.kind if use is None else f"only to {use.kind}"
    if use is not None and use.floors:
        seen += f", groups of {', '.join(f'{floor} or more {of}' for of, floor in dict(use.floors).items())}"
    elif treatment.kind == "raw" and not projection.raw(table, name):
        seen = "raw, and NULL in rows where it is not yours"
    elif treatment.mask:
        seen = f"{treatment.kind} by {treatment.mask}"
    told = {
        "name": column.name,
        "type": column.type,
        "description": " ".join((column.description or column.business_name).split())[:TEXT_LIMIT],
        "classification": column.effective_class,
        "seen": seen,
    }
    return {name: value for name, value in told.items() if value}


def _column_line(told: Json) -> str:
    seen = "" if told["seen"] == "raw" else f" [{told['seen']}]"
    about = f": {told['description']}" if "description" in told else ""
    return f"- {told['name']} {told['type']}{seen}{about}"


def _column(call: Call, asked: Describe, schema: str, table: VisibleTable) -> Answered:
    """One column and its most frequent values, as any query would give them."""
    known = {one.name for one in table.known}
    assert asked.column is not None
    name = asked.column.lower()
    if name not in known:
        hint = names.advice(name, tuple(one.name for one in table.known))
        raise BadQuery(f'column "{name[:63]}" does not exist', reason="column", hint=hint)
    told = _column_told(table, name)
    content: Json = {"product": schema, "table": table.table.name, "column": told, "values": []}
    lines = [_column_line(told)]
    if name not in {one.name for one in table.columns} or not comparable(told["type"]):
        return Answered("\n".join(lines), {**content, "truncated": False})
    text = (
        f"SELECT {quoted(name)}, count(*) AS n FROM {quoted(schema)}.{quoted(table.table.name)} "
        f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {VALUES + 1}"
    )
    with call.lifeline.hold(call.gateway.answer(call.session, Query(text), form="json")) as result:
        lines.append(source(result.provenance))
        lines.append(f"{name},n")
        spent = len("\n".join(lines).encode())
        found = rows.fitted(result.batches(), 2, call.tokens(asked.max_tokens), VALUES, spent)
        content["provenance"] = provenance(result.provenance)
    values: list[Any] = [{"value": value, "n": n} for value, n in found.values]
    note = "there are more values" if found.more else ""
    lines += [*found.lines, *([note] if note else [])]
    return Answered("\n".join(lines), {**content, "values": values, "truncated": bool(found.more)})
