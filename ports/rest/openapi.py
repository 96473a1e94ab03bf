"""The OpenAPI 3.1 document of what a principal may see: its products, tables and columns, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from gateway import Column, Session, VisibleProduct, VisibleTable
from ports.http import errors, projection
from ports.http.comparing import COMPARISONS, STEPS
from ports.rest import formats, schemas

Json = dict[str, Any]
MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.1"
_REFUSALS = {
    "400": "The question is wrong: what, where, and what would be right",
    "401": "Credentials are required",
    "403": "Not granted",
    "404": "Not found, or not granted",
    "406": "Nothing that Accept names is offered",
    "416": "The offset lies behind the last of the rows that were counted",
    "410": "The snapshot is no longer kept",
    "429": "A limit is reached",
    "503": "Unavailable",
    "504": "The query took too long",
}
_PROBLEM: Json = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "message": {"type": "string", "description": "detail under the name that PostgREST's clients read"},
        "hint": {"type": "string"},
        "position": {"type": "integer"},
        "error_id": {"type": "string"},
    },
}
_HEADERS = {
    "ETag": "of the decision, the snapshots and the question",
    "X-Outport-Query-Id": "under which the audit keeps it",
    "X-Outport-Products": "the products read, with version, snapshot, data time and quality",
    "X-Outport-Policy": "fingerprint of the decisions, keyed per principal",
    "Link": "next page; describedby: the product; service-desc: its OpenAPI document",
    "Deprecation": "RFC 9745: since when a product that was read is deprecated",
    "Sunset": "RFC 8594: when a product that was read ends",
    "RateLimit-Policy": "requests in how many seconds",
    "RateLimit": "requests that are left, and seconds until all are there again",
}


def document(products: Iterable[VisibleProduct], session: Session, version: str) -> Json:
    """The document for `session`'s principal, of exactly these products; `version` is the server's."""
    visible = list(products)
    rows = {_row_name(product, table): _row(table) for product in visible for table in product.tables}
    paths: Json = {"/products": {"get": _listing()}, "/sql": {"post": _sql()}}
    for product in visible:
        paths |= _product(product)
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
            "schemas": {"Problem": _PROBLEM, "Page": _page({}), **rows},
            "responses": {
                code: {
                    "description": told,
                    "content": {errors.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
                for code, told in _REFUSALS.items()
            },
            "headers": {name: {"description": told, "schema": {"type": "string"}} for name, told in _HEADERS.items()},
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
        for operation in (one for methods in paths.values() for one in methods.values()):
            operation["deprecated"] = True
    return paths


def _row_name(product: VisibleProduct, table: VisibleTable) -> str:
    words = f"{product.product.name}_{table.table.name}".split("_")
    return "".join(word.capitalize() for word in words)


def _row(table: VisibleTable) -> Json:
    cells = {one.name: schemas.cell(one, projection.raw(table, one.name)) for one in table.columns}
    shown: Json = {"type": "object", "properties": cells}
    return {**shown, "description": table.table.description} if table.table.description else shown


def _page(row: Json) -> Json:
    return {
        "type": "object",
        "required": ["data", "next"],
        "properties": {
            "data": {"type": "array", "items": row},
            "next": {"type": ["string", "null"], "description": "the cursor of the next page, null on the last"},
        },
    }


def _operation(name: str, tag: str | None, summary: str, parameters: Sequence[Json], content: Json) -> Json:
    headers = {one: {"$ref": f"#/components/headers/{one}"} for one in _HEADERS}
    answer = {"description": "The answer", "headers": headers, "content": content}
    made: Json = {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": answer, **{code: {"$ref": f"#/components/responses/{code}"} for code in _REFUSALS}},
    }
    return {**made, "tags": [tag]} if tag else made


def _contents(one: Json, several: Json) -> Json:
    """Every format of rows; `several` is how JSON shows a page of them."""
    found: Json = {}
    for form in formats.ALL:
        kind = form.accepted[0]
        if form.name == "json":
            found[kind] = {"schema": several}
        elif form.name == "object":
            found[kind] = {"schema": one}
        elif form.name == "array":
            found[kind] = {"schema": {"type": "array", "items": one}}
        else:
            found[kind] = {"schema": {"type": "string"}} if form.name in {"csv", "ndjson"} else {}
    return found


def _parameter(name: str, schema: Json, told: str, **more: Any) -> Json:
    return {"name": name, "in": "query", "required": False, "description": told, "schema": schema, **more}


_LIMIT = {"type": "integer", "minimum": 0, "maximum": 10_000}
_OFFSET = {"type": "integer", "minimum": 0, "maximum": 1_000_000}
_FORMAT = _parameter(
    "format",
    {"type": "string", "enum": ["json", "ndjson", "csv", "arrow", "parquet", "array"]},
    "the format, before Accept",
)
_SNAPSHOT = _parameter("snapshot", {"type": "string"}, "the id of a kept snapshot, of several with commas between them")
_JSON_ONLY = [_parameter("format", {"type": "string", "enum": ["json"]}, "the format")]
_INT64 = _parameter(
    "int64", {"type": "string", "enum": ["number", "string"]}, "how JSON writes integers that a double cannot hold"
)


def _header(name: str, schema: Json, told: str) -> Json:
    return {**_parameter(name, schema, told), "in": "header"}


_PURPOSE = _header("X-Outport-Purpose", {"type": "string"}, "one of the purposes that you were granted")
_BEHALF = _header(
    "X-Outport-On-Behalf-Of",
    {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}$"},
    "the principal on whose behalf you ask, if you may",
)
_PINNED = _header("X-Outport-Snapshot", {"type": "string"}, "ids of kept snapshots, with commas between them")
_PREFER = _header(
    "Prefer",
    {"type": "string", "pattern": "^count=(exact|planned|estimated)(, handling=(strict|lenient))?$"},
    "RFC 7240: how many rows there are is told in Content-Range",
)
_IF_NONE_MATCH = _header(
    "If-None-Match",
    {"type": "string", "pattern": r'^(\*|W/"[0-9a-f]{32}"(, W/"[0-9a-f]{32}")?)$'},
    "the ETag of what you have: 304 while that holds",
)


def _select(table: VisibleTable) -> Json:
    names = " ".join(one.name for one in table.columns)
    told = f"some of {names}; also alias:column, column::text, aggregates such as amount.sum(), and related tables"
    for one in table.used:
        told += f"; {one.name} is only for {table.decision.uses[one.name].words}"
    return _parameter("select", {"type": "string", "pattern": schemas.selecting(table.columns)}, told)


def _ordered(table: VisibleTable) -> list[Json]:
    pattern = schemas.ordering(table.columns)
    told = "columns, each with .asc or .desc and .nullsfirst or .nullslast"
    return [] if pattern is None else [_parameter("order", {"type": "string", "pattern": pattern}, told)]


def _logic(table: VisibleTable) -> list[Json]:
    schema = {"type": "string", "pattern": schemas.logic(table.columns)}
    told = {
        "or": "conditions (column.operator.value,...), one of which holds; and(...) and or(...) nest",
        "and": "conditions that all hold",
        "not.or": "conditions none of which holds",
        "not.and": "conditions that do not all hold",
    }
    return [_parameter(name, schema, meaning) for name, meaning in told.items()]


def _rows(product: VisibleProduct, table: VisibleTable) -> Json:
    parameters = [
        _select(table),
        *_ordered(table),
        _parameter("limit", _LIMIT, "the most rows; 100 in JSON if unset"),
        _parameter("offset", _OFFSET, "rows to pass over"),
        _parameter("cursor", {"type": "string"}, "what a page's next said"),
        _FORMAT,
        _INT64,
        _SNAPSHOT,
        *_logic(table),
        *(_filter(one) for one in table.columns if one.name not in _RESERVED),
        *(_PREFER, _IF_NONE_MATCH, _PINNED, _PURPOSE, _BEHALF),
    ]
    name = _row_name(product, table)
    row = {"$ref": f"#/components/schemas/{name}"}
    summary = f"Rows of {product.product.name}.{table.table.name}"
    found = _operation(
        f"list_{_id(product, table)}", product.product.name, summary, parameters, _contents(row, _page(row))
    )
    found["responses"]["206"] = {
        **found["responses"]["200"],
        "description": "A part of the rows, counted (Prefer: count)",
    }
    found["responses"]["304"] = {"description": "The answer to If-None-Match is the same as before"}
    return found


_RESERVED = frozenset({"select", "order", "limit", "offset", "cursor", "format", "int64", "snapshot", "and", "or"})


def _filter(column: Column) -> Json:
    told = f"{column.description} [not.]operator.value".strip()
    return _parameter(column.name, {"type": "string", "pattern": schemas.filtering(column.type)}, told)


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
    parameters = [*key, _select(table), _FORMAT, _INT64, _SNAPSHOT, _IF_NONE_MATCH, _PINNED, _PURPOSE, _BEHALF]
    found = _operation(f"get_{_id(product, table)}", product.product.name, summary, parameters, _contents(row, one))
    found["responses"]["304"] = {"description": "The answer to If-None-Match is the same as before"}
    return found


def _id(product: VisibleProduct, table: VisibleTable) -> str:
    return f"{product.product.name}_{table.table.name}"


def _listing() -> Json:
    page = {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}
    return _operation("list_products", None, "The products that you may see", _JSON_ONLY, page)


def _described(name: str) -> Json:
    schema: Json = {"type": "object", "required": ["data"], "properties": {"data": {"type": "object"}}}
    content = {"application/json": {"schema": schema}}
    return _operation(
        f"describe_{name}", name, f"What {name} is", [*_JSON_ONLY, _SNAPSHOT, _PINNED, _PURPOSE, _BEHALF], content
    )


def _measures(name: str) -> Json:
    """The addresses of measures; which there are, and by what, the first of them tells."""
    told = _page({"type": "object"})
    json: Json = {"application/json": {"schema": told}}
    common = [_SNAPSHOT, _IF_NONE_MATCH, _PINNED, _PURPOSE, _BEHALF]
    which: Json = {"name": "measures", "in": "path", "required": True, "schema": {"type": "string"}}
    by = _parameter(
        "by", {"type": "string"}, "dimensions, with commas between them, also table.column of related tables"
    )
    grain = _parameter(
        "grain", {"type": "string", "enum": list(STEPS)}, "the step of the time in by, or of the only one"
    )
    ends = [_parameter(end, {"type": "string"}, f"{end} which value") for end in ("from", "to")]
    asking = [
        *(which, by, grain),
        _parameter("order", {"type": "string"}, "dimensions and measures, with .asc or .desc"),
        _parameter("limit", _LIMIT, "the most rows"),
        _parameter("offset", _OFFSET, "rows to pass over"),
        _parameter("compare", {"type": "string", "enum": list(COMPARISONS)}, "adds that period, and the change"),
        *(_FORMAT, _INT64),
    ]
    one: Json = {"application/json": {"schema": {"type": "object"}}}
    chart: Json = {"text/vnd.mermaid": {"schema": {"type": "string"}}}
    found: Json = {}
    for path, summary, parameters, content in (
        ("measures", "Its measures and dimensions", _JSON_ONLY, json),
        ("measures/{measures}", "Values of measures", asking, _contents({"type": "object"}, told)),
        ("metric-tree", "What drives its measures", _JSON_ONLY, {**json, **chart}),
        ("metric-tree.mmd", "What drives its measures, as Mermaid", [], chart),
        ("decompose/{measures}", "A change, by its drivers", [which, by, grain, *ends], one),
        ("what-if/{measures}", "A measure, if its drivers were others", [which], one),
    ):
        kind = path.partition("/")[0].replace("-", "_").replace(".", "_") + ("_of" if path.endswith("}") else "")
        found[path] = _operation(f"{kind}_{name}", name, summary, [*parameters, *common], content)
    for operation in found.values():
        operation["responses"]["304"] = {"description": "The answer to If-None-Match is the same as before"}
    return {f"/products/{name}/-/{path}": {"get": operation} for path, operation in found.items()}


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
            "limit": _LIMIT,
            "offset": _OFFSET,
            "cursor": {"type": "string", "description": "what a page's next said"},
            "format": _FORMAT["schema"],
            "count": {"type": "string", "enum": ["exact", "planned", "estimated"]},
        },
    }
    name = product.product.name
    found = _operation(
        f"query_{name}",
        name,
        f"A question to {name} in a body",
        [_PREFER, _PINNED, _PURPOSE, _BEHALF],
        _contents({"type": "object"}, _page({"type": "object"})),
    )
    found["responses"]["206"] = {**found["responses"]["200"], "description": "A part of the rows, counted"}
    return _with_body(found, body)


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
    content = _contents({"type": "object"}, _page({"type": "object"}))
    return _with_body(
        _operation(
            "sql", None, "One SELECT over products", [_FORMAT, _INT64, _SNAPSHOT, _PINNED, _PURPOSE, _BEHALF], content
        ),
        body,
    )


def _with_body(operation: Json, body: Json) -> Json:
    refusals = {
        "413": "The body is too long",
        "415": "The body is application/json",
        "422": "The body has another shape",
    }
    problem = {errors.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation["responses"] |= {code: {"description": told, "content": problem} for code, told in refusals.items()}
    return {**operation, "requestBody": {"required": True, "content": {"application/json": {"schema": body}}}}
