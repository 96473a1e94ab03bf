"""The OpenAPI 3.1 document of what a principal may see: its products, tables and columns, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway import Column, Session, VisibleProduct, VisibleTable
from ports.http import errors, projection
from ports.http.comparing import COMPARISONS, STEPS
from ports.rest import openapi_about, openapi_acts, openapi_projections, schemas
from ports.rest.openapi_about import Rights
from ports.rest.openapi_parts import (
    BEHALF,
    FORMAT,
    HEADERS,
    IF_NONE_MATCH,
    INT64,
    JSON_ONLY,
    LIMIT,
    OFFSET,
    PINNED,
    PREFER,
    PROBLEM,
    PURPOSE,
    REFUSALS,
    SNAPSHOT,
    contents,
    joined,
    operation,
    page,
    parameter,
    with_body,
)

Json = dict[str, Any]
MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.1"


def document(products: Iterable[VisibleProduct], session: Session, version: str, rights: Rights) -> Json:
    """The document for `session`'s principal, of exactly these products; `version` is the server's.

    `rights` are what the principal may do with them beside asking.
    """
    visible = list(products)
    rows = {_row_name(product, table): _row(table) for product in visible for table in product.tables}
    paths: Json = {"/products": {"get": _listing()}, "/sql": {"post": _sql()}, **openapi_about.of_all(rights)}
    paths |= {**openapi_acts.of_all(rights), **openapi_projections.of_all()}
    for product in visible:
        for more in (_product(product), openapi_about.of(product, rights), openapi_acts.of(product, rights)):
            for path, methods in more.items():
                paths[path] = paths.get(path, {}) | methods
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Outport",
            "version": version,
            "description": f"The data products that {session.principal.subject} may see.",
        },
        "servers": [{"url": "/"}],
        "security": [{"basic": []}, {"bearer": []}],
        "tags": [{"name": one.product.name, "description": one.product.purpose} for one in visible],
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM, "Page": page({}), **openapi_projections.shapes(), **rows},
            "responses": {
                code: {
                    "description": told,
                    "content": {errors.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
                for code, told in REFUSALS.items()
            },
            "headers": {name: {"description": told, "schema": {"type": "string"}} for name, told in HEADERS.items()},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _product(product: VisibleProduct) -> Json:
    name = product.product.name
    paths: Json = {
        f"/products/{name}": {"get": _described(name)},
        f"/products/{name}/-/query": {"post": _query(product)},
    }
    if any(one.kind == "measure" for table in product.tables for one in table.semantics):
        paths |= _measures(name)
    for table in product.tables:
        path = f"/products/{name}/{table.table.name}"
        paths[path] = {"get": _rows(product, table)}
        if table.key and all(schemas.value(table.table.column(one).type) for one in table.key):
            key = ",".join(f"{{{one}}}" for one in table.key)
            paths[f"{path}/{key}"] = {"get": _by_key(product, table)}
    if product.lifespan.deprecated is not None:
        for one in (one for methods in paths.values() for one in methods.values()):
            one["deprecated"] = True
    return paths


def _row_name(product: VisibleProduct, table: VisibleTable) -> str:
    return joined(product.product.name, table.table.name)


def _row(table: VisibleTable) -> Json:
    cells = {one.name: schemas.cell(one, projection.raw(table, one.name)) for one in table.columns}
    shown: Json = {"type": "object", "properties": cells}
    return {**shown, "description": table.table.description} if table.table.description else shown


def _select(table: VisibleTable) -> Json:
    names = " ".join(one.name for one in table.columns)
    told = f"some of {names}; also alias:column, column::text, aggregates such as amount.sum(), and related tables"
    for one in table.used:
        told += f"; {one.name} is only for {table.decision.uses[one.name].words}"
    return parameter("select", {"type": "string", "pattern": schemas.selecting(table.columns)}, told)


def _ordered(table: VisibleTable) -> list[Json]:
    pattern = schemas.ordering(table.columns)
    told = "columns, each with .asc or .desc and .nullsfirst or .nullslast"
    return [] if pattern is None else [parameter("order", {"type": "string", "pattern": pattern}, told)]


def _logic(table: VisibleTable) -> list[Json]:
    schema = {"type": "string", "pattern": schemas.logic(table.columns)}
    told = {
        "or": "conditions (column.operator.value,...), one of which holds; and(...) and or(...) nest",
        "and": "conditions that all hold",
        "not.or": "conditions none of which holds",
        "not.and": "conditions that do not all hold",
    }
    return [parameter(name, schema, meaning) for name, meaning in told.items()]


def _rows(product: VisibleProduct, table: VisibleTable) -> Json:
    parameters = [
        _select(table),
        *_ordered(table),
        parameter("limit", LIMIT, "the most rows; 100 in JSON if unset"),
        parameter("offset", OFFSET, "rows to pass over"),
        parameter("cursor", {"type": "string"}, "what a page's next said"),
        FORMAT,
        INT64,
        SNAPSHOT,
        *_logic(table),
        *(_filter(one) for one in table.columns if one.name not in _RESERVED),
        *(PREFER, IF_NONE_MATCH, PINNED, PURPOSE, BEHALF),
    ]
    name = _row_name(product, table)
    row = {"$ref": f"#/components/schemas/{name}"}
    summary = f"Rows of {product.product.name}.{table.table.name}"
    found = operation("list", product.product.name, summary, parameters, contents(row, page(row)), table.table.name)
    found["responses"]["206"] = {
        **found["responses"]["200"],
        "description": "A part of the rows, counted (Prefer: count)",
    }
    found["responses"]["304"] = {"description": "The answer to If-None-Match is the same as before"}
    return found


_RESERVED = frozenset({"select", "order", "limit", "offset", "cursor", "format", "int64", "snapshot", "and", "or"})


def _filter(column: Column) -> Json:
    told = f"{column.description} [not.]operator.value".strip()
    return parameter(column.name, {"type": "string", "pattern": schemas.filtering(column.type)}, told)


def _by_key(product: VisibleProduct, table: VisibleTable) -> Json:
    key = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {
                "type": "string",
                "pattern": f"^{schemas.value(table.table.column(name).type)}$",
                "minLength": 1,
            },
        }
        for name in table.key
    ]
    row = {"$ref": f"#/components/schemas/{_row_name(product, table)}"}
    one: Json = {"type": "object", "required": ["data"], "properties": {"data": row}}
    summary = f"One row of {product.product.name}.{table.table.name}"
    parameters = [*key, _select(table), FORMAT, INT64, SNAPSHOT, IF_NONE_MATCH, PINNED, PURPOSE, BEHALF]
    found = operation("get", product.product.name, summary, parameters, contents(row, one), table.table.name)
    found["responses"]["304"] = {"description": "The answer to If-None-Match is the same as before"}
    return found


def _listing() -> Json:
    page = {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}
    return operation("list_products", None, "The products that you may see", JSON_ONLY, page)


def _described(name: str) -> Json:
    schema: Json = {"type": "object", "required": ["data"], "properties": {"data": {"type": "object"}}}
    content = {"application/json": {"schema": schema}}
    return operation("describe", name, f"What {name} is", [*JSON_ONLY, SNAPSHOT, PINNED, PURPOSE, BEHALF], content)


def _measures(name: str) -> Json:
    """The addresses of measures; which there are, and by what, the first of them tells."""
    told = page({"type": "object"})
    json: Json = {"application/json": {"schema": told}}
    common = [SNAPSHOT, IF_NONE_MATCH, PINNED, PURPOSE, BEHALF]
    which: Json = {"name": "measures", "in": "path", "required": True, "schema": {"type": "string"}}
    by = parameter(
        "by", {"type": "string"}, "dimensions, with commas between them, also table.column of related tables"
    )
    grain = parameter(
        "grain", {"type": "string", "enum": list(STEPS)}, "the step of the time in by, or of the only one"
    )
    ends = [parameter(end, {"type": "string"}, f"{end} which value") for end in ("from", "to")]
    asking = [
        *(which, by, grain),
        parameter("order", {"type": "string"}, "dimensions and measures, with .asc or .desc"),
        parameter("limit", LIMIT, "the most rows"),
        parameter("offset", OFFSET, "rows to pass over"),
        parameter("compare", {"type": "string", "enum": list(COMPARISONS)}, "adds that period, and the change"),
        *(FORMAT, INT64),
    ]
    one: Json = {"application/json": {"schema": {"type": "object"}}}
    chart: Json = {"text/vnd.mermaid": {"schema": {"type": "string"}}}
    found: Json = {}
    for path, summary, parameters, content in (
        ("measures", "Its measures and dimensions", JSON_ONLY, json),
        ("measures/{measures}", "Values of measures", asking, contents({"type": "object"}, told)),
        ("metric-tree", "What drives its measures", JSON_ONLY, {**json, **chart}),
        ("metric-tree.mmd", "What drives its measures, as Mermaid", [], chart),
        ("decompose/{measures}", "A change, by its drivers", [which, by, grain, *ends], one),
        ("what-if/{measures}", "A measure, if its drivers were others", [which], one),
    ):
        kind = path.partition("/")[0].replace("-", "_").replace(".", "_") + ("_of" if path.endswith("}") else "")
        found[path] = operation(kind, name, summary, [*parameters, *common], content)
    for made in found.values():
        made["responses"]["304"] = {"description": "The answer to If-None-Match is the same as before"}
    return {f"/products/{name}/-/{path}": {"get": made} for path, made in found.items()}


def _query(product: VisibleProduct) -> Json:
    tables = [table.table.name for table in product.tables]
    body: Json = {
        "type": "object",
        "required": ["table"],
        "additionalProperties": False,
        "properties": {
            "table": {"type": "string", "enum": tables},
            "select": schemas.SELECT,
            "where": {"type": "object", "additionalProperties": False, "description": "column: operator.value"},
            "limit": LIMIT,
            "offset": OFFSET,
            "cursor": {"type": "string", "description": "what a page's next said"},
            "format": FORMAT["schema"],
            "count": {"type": "string", "enum": ["exact", "planned", "estimated"]},
        },
    }
    name = product.product.name
    found = operation(
        "query",
        name,
        f"A question to {name} in a body",
        [PREFER, PINNED, PURPOSE, BEHALF],
        contents({"type": "object"}, page({"type": "object"})),
    )
    found["responses"]["206"] = {**found["responses"]["200"], "description": "A part of the rows, counted"}
    return with_body(found, body)


def _sql() -> Json:
    body: Json = {
        "type": "object",
        "required": ["sql"],
        "additionalProperties": False,
        "properties": {
            "sql": {"type": "string", "description": "one SELECT over product names"},
            "parameters": {"type": "array", "items": {}, "description": "for $1, $2 and ?; an object for $name"},
            "search_path": {"type": "array", "items": {"type": "string"}},
        },
    }
    content = contents({"type": "object"}, page({"type": "object"}))
    return with_body(
        operation("sql", None, "One SELECT over products", [FORMAT, INT64, SNAPSHOT, PINNED, PURPOSE, BEHALF], content),
        body,
    )
