"""What the OpenAPI document says of acts: what changes a product, for who manages it, and pushes, for who may. Pure."""

from __future__ import annotations

from typing import Any

from gateway import PUSH_ON_BAD, VisibleProduct
from ports.rest import openapi_about
from ports.rest.openapi_about import Rights, json, several, shape, single
from ports.rest.openapi_parts import BODY_REFUSALS, PURPOSE, header, parameter, taking, unstored
from ports.rest.pushes import FORMS, KEY_HEADER

Json = dict[str, Any]
_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_REASON: Json = {"type": "string", "maxLength": 500, "description": "why, in one line: it goes on record"}
_FORCE: Json = {**_REASON, "description": "why it must be though it is not over yet, or in use: it goes on record"}
_SNAPSHOT = shape(name=_TEXT, version=_TEXT, snapshot=_TEXT)
# An act is answered in JSON whatever Accept says.
_REFUSALS = ("400", "401", "403", "404", "410", "429", "503")
_TOO_LONG = {"413": BODY_REFUSALS["413"]}
_BREAKS = {"409": "It would break readers under a version that does not say so: what, and who has used it"}
_PUSH_REFUSALS = {
    "413": "The body is longer than push_bytes",
    "415": f"The body is in one of {', '.join(FORMS)}",
    "422": "Rows break the contract, or the key was used for another body",
}
_SUNSET: Json = {"type": "string", "format": "date", "description": "the day on which it ends"}


def of(product: VisibleProduct, rights: Rights) -> Json:
    """The acts on one product, by path and method."""
    found: Json = _managing(product.product.name) if product.product.name in rights.manages else {}
    return found | (_pushes(product) if product.product.name in rights.pushes else {})


def of_all(rights: Rights) -> Json:
    """The acts on several products together, for who manages some."""
    if not rights.manages:
        return {}
    told = "Publish the folders of several products as they stand, all at one moment or none"
    content = json(shape(data=several(_SNAPSHOT)))
    made = unstored("apply", None, told, [openapi_about.together(rights), PURPOSE], content, refusals=_REFUSALS)
    body = _body({"type": "object", "additionalProperties": False}, {})
    return {"/-/apply": {"post": taking(made, body, _TOO_LONG | _BREAKS, required=False)}}


def _managing(name: str) -> Json:
    base = f"/products/{name}"
    incident: Json = {"name": "incident", "in": "path", "required": True, "schema": _TEXT}
    words: Json = shape(acknowledge={"type": "string", "minLength": 1, "maxLength": 2000, "pattern": r"\S"})
    seen = unstored(
        "acknowledge", name, "Say that an incident was seen", [incident, PURPOSE],
        single(shape(acknowledged=_TEXT)), refusals=_REFUSALS,
    )  # fmt: skip
    acts: Json = {
        "apply": _act(name, "apply", "Publish the folder of {} as it stands", {}),
        "promote": _act(name, "promote", "Make the draft of {} active", {"reason": _REASON}),
        "deprecate": _act(
            name, "deprecate", "Say when {} ends", {"sunset": _SUNSET, "reason": _REASON}, {"sunset": "2999-12-31"}
        ),
        "retire": _act(name, "retire", "Serve {} no more", {"force": _FORCE, "successor": _TEXT}),
        "refresh": _refresh(name),
        "slo/incidents/{incident}": taking(
            seen,
            _body(words | {"additionalProperties": False}, {"acknowledge": "seen"}),
            {code: BODY_REFUSALS[code] for code in ("413", "415")},
        ),
    }
    found = {f"{base}/-/{path}": {"post": made} for path, made in acts.items()} | {base: {"delete": _delete(name)}}
    return found | {f"{base}/-/{path}": methods for path, methods in _maintenance(name).items()}


def _maintenance(name: str) -> Json:
    words = {name: {"type": "string", "format": "date-time"} for name in ("from", "until")} | {"reason": _REASON}
    window: Json = {"name": "window", "in": "path", "required": True, "schema": _TEXT}
    declared = unstored(
        "declare_maintenance", name, f"Say when {name} need not be served", [PURPOSE],
        single(shape(window=_TEXT, **{"from": _TEXT, "until": _TEXT})), status=201, refusals=_REFUSALS,
    )  # fmt: skip
    example = {"from": "2999-01-01T22:00", "until": "2999-01-01T23:00", "reason": "new disks"}
    refused = {code: BODY_REFUSALS[code] for code in ("413", "415")}
    taken = taking(declared, _body(shape(**words) | {"additionalProperties": False}, example), refused)
    cancelled = unstored(
        "cancel_maintenance", name, f"End such a time of {name}", [window, PURPOSE], single(shape(cancelled=_TEXT)),
        refusals=_REFUSALS,
    )  # fmt: skip
    return {"maintenance": {"post": taken}, "maintenance/{window}": {"delete": cancelled}}


def _act(name: str, act: str, told: str, members: Json, example: Json | None = None) -> Json:
    """An act with a body of texts, of which those in `example` must be there."""
    content = json(shape(data=several(_SNAPSHOT)))
    made = unstored(act, name, told.format(name), [PURPOSE], content, refusals=_REFUSALS)
    body: Json = {"type": "object", "additionalProperties": False, "properties": members}
    needed, refused = example or {}, _TOO_LONG | (_BREAKS if act == "apply" else {})
    return taking(
        made, _body(body | ({"required": list(needed)} if needed else {}), needed), refused,
        required=bool(needed),
    )  # fmt: skip


def _refresh(name: str) -> Json:
    run = single(shape(run=_TEXT, product=_TEXT, asked=_TEXT, attempt=_COUNT))
    told = f"Ask for {name} to be made anew"
    made = unstored("refresh", name, told, [PURPOSE], run, status=202, refusals=_REFUSALS)
    made["responses"]["202"]["headers"]["Location"] = {"description": "its runs", "schema": _TEXT}
    return made


def _delete(name: str) -> Json:
    force = parameter("force", _FORCE, "why it must go though it is in use: it goes on record")
    content, told = single(shape(product=_TEXT, snapshots=_COUNT)), f"Remove every snapshot of {name}; its folder stays"
    return unstored("delete", name, told, [force, PURPOSE], content, refusals=_REFUSALS)


def _pushes(product: VisibleProduct) -> Json:
    """An address for each input that takes pushes."""
    name = product.product.name
    answer = single(shape(rows=_COUNT, quarantined=_COUNT, broken={"type": "object", "additionalProperties": _COUNT}))
    key = header(KEY_HEADER.title(), {"type": "string", "minLength": 1, "maxLength": 255}, "one for each push")
    on_bad = parameter("on-bad", {"type": "string", "enum": list(PUSH_ON_BAD)}, "what becomes of bad rows")
    rows: Json = {"type": "array", "items": {"type": "object"}}
    bodies = {kind: {"schema": rows if kind == "application/json" else {}} for kind in FORMS}
    found: Json = {}
    for source in product.product.inputs:
        tables = [table for table, _ in source.feeds]
        if not tables:
            continue
        told = {"type": "string", "enum": tables}
        asked = [parameter("table", told, "the table", required=len(tables) > 1), on_bad, key | {"required": True}]
        made = unstored(
            "push", name, f"Rows for the input {source.name} of {name}", [*asked, PURPOSE],
            answer, status=201, refusals=_REFUSALS, of=source.name,
        )  # fmt: skip
        found[f"/products/{name}/-/inputs/{source.name}"] = {"post": taking(made, bodies, _PUSH_REFUSALS)}
    return found


def _body(schema: Json, example: Json) -> Json:
    return {"application/json": {"schema": schema, "example": example}}
