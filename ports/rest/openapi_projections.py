"""What the OpenAPI document says of consumers' projections: addresses that everybody may ask. Pure."""

from __future__ import annotations

from typing import Any

from ports.rest.openapi_about import several, shape, single
from ports.rest.openapi_parts import BEHALF, BODY_REFUSALS, PURPOSE, UNSTORED_REFUSALS, taking, unstored
from ports.rest.projections import TYPES

Json = dict[str, Any]
_TEXT: Json = {"type": "string"}
_NAME: Json = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$"}
_REFUSALS = (*UNSTORED_REFUSALS, "503")

_EXAMPLE: Json = {
    "kind": "Projection", "name": "NAME_reach", "of": "PRODUCT",
    "tables": [{"name": "people", "of": "TABLE", "columns": ["COLUMN", {"name": "COLUMN2", "as": "label"}]}],
}  # fmt: skip


def of_all() -> Json:
    """The addresses, by path and method."""
    name: Json = {"name": "name", "in": "path", "required": True, "schema": _NAME}
    told = shape(name=_NAME, owner=_TEXT, of=_TEXT, tables=several(_of("ProjectedTable")))
    asked = [PURPOSE, BEHALF]
    gone = single(shape(projection=_NAME))
    defined = unstored(
        "define_projection", None, "Define a projection over what you see, or another in its place", [PURPOSE],
        single(told), refusals=_REFUSALS,
    )  # fmt: skip
    body = {kind: {"schema": _of("Projection"), "example": _EXAMPLE} for kind in TYPES}
    return {
        "/-/projections": {
            "get": unstored("projections", None, "Projections that you own or see", asked, single(several(told))),
            "post": taking(defined, body, {code: BODY_REFUSALS[code] for code in ("413", "415")}),
        },
        "/-/projections/{name}": {
            "get": unstored("projection", None, "One of them", [name, *asked], single(told)),
            "delete": unstored(
                "delete_projection", None, "Take back one that you own", [name, PURPOSE], gone, refusals=_REFUSALS
            ),
        },
    }


def shapes() -> Json:
    """What the addresses take and tell, by name: generators name their types so."""
    column: Json = {"type": "object", "required": ["name"], "properties": {"name": _NAME, "as": _NAME}}
    lists = {key: several({"anyOf": [_NAME, _of("ProjectedColumn")]}) for key in ("columns", "grain", "measures")}
    table = {"name": _NAME, "of": _NAME, "description": _TEXT, **lists}
    return {
        "ProjectedColumn": {**column, "additionalProperties": False},
        "ProjectedTable": {"type": "object", "required": ["name"], "properties": table},
        "Projection": _declared(),
    }


def _of(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _declared() -> Json:
    members = {
        "kind": {"const": "Projection"},
        "name": _NAME,
        "owner": _TEXT,
        "of": {"type": "string", "description": "the product, with @MAJOR for one of its majors"},
        "title": _TEXT,
        "description": _TEXT,
        "consumers": several(_TEXT),
        "tables": {"type": "array", "items": _of("ProjectedTable"), "minItems": 1},
    }
    needed = ["kind", "name", "of", "tables"]
    return {"type": "object", "required": needed, "properties": members, "additionalProperties": False}
