"""What the OpenAPI document says of the addresses that tell about a product: each for who may ask it. Pure but for
asking the gateway who that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway import PORTS, Gateway, Session, VisibleProduct
from ports.rest.openapi_parts import (
    BEHALF,
    JSON_ONLY,
    PINNED,
    PURPOSE,
    SNAPSHOT,
    page,
    parameter,
    unstored,
)
from ports.rest.suggest import NAME_LENGTH, NAMES

Json = dict[str, Any]
_TEXT: Json = {"type": "string"}
_TEXT_OR_NULL: Json = {"type": ["string", "null"]}
_NUMBER: Json = {"type": "number"}
_NUMBER_OR_NULL: Json = {"type": ["number", "null"]}
_COUNT: Json = {"type": "integer", "minimum": 0}
_FLAG: Json = {"type": "boolean"}
_ANY: Json = {"type": "object"}
_MOMENT = r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])(T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?$"
_LAST = parameter("limit", {"type": "integer", "minimum": 1, "maximum": 1000}, "the most; 50 if unset")


@dataclass(frozen=True)
class Rights:
    """What a principal may do beside asking: the products that it manages and pushes to, and whether it simulates."""

    manages: frozenset[str] = frozenset()
    pushes: frozenset[str] = frozenset()
    simulates: bool = False

    @classmethod
    def of(cls, gateway: Gateway, session: Session, products: Iterable[VisibleProduct]) -> Rights:
        """Those of the session on `products`. Raises Unavailable."""
        seen = [one.product for one in products]
        return cls(
            frozenset(one.name for one in seen if gateway.managers.rule(session, one)),
            frozenset(one.name for one in seen if gateway.intake.takes(session, one)),
            gateway.stewards.looks(session),
        )


def of(product: VisibleProduct, rights: Rights) -> Json:
    """The addresses of one product that change nothing, by path and method."""
    name = product.product.name
    found = {**_states(name), **_descriptors(name)}
    if name in rights.manages:
        found |= _managed(name)
    if rights.simulates:
        found["access"] = _access(name)
    return {f"/products/{name}/-/{path}": {"get": made} for path, made in found.items()}


def of_all(rights: Rights) -> Json:
    """The addresses of no product, by path and method: that everybody may ask, and of bundles for who manages some."""
    card, suggested = shape(at=_TEXT_OR_NULL), page(shape(wanted=_TEXT, kind=_TEXT, place=_TEXT, about=_TEXT))
    named = {"type": "string", "pattern": rf"^[A-Za-z0-9_ .-]{{1,{NAME_LENGTH}}}$"}
    names: Json = {"type": "array", "items": named, "minItems": 1, "maxItems": NAMES}
    wanted = parameter("name", names, "a column, an entity or a measure that is wanted", required=True)
    workspaces = several(
        shape(
            name=_TEXT, title=_TEXT, owners=several(_TEXT), teams=several(_TEXT), products=several(_TEXT), limits=_ANY,
            use=shape(running=_COUNT, waiting=_COUNT, queries=_COUNT, computed_s=_NUMBER, window_s=_NUMBER),
        )
    )  # fmt: skip
    told = "What publishing several products together would change, and whom it breaks"
    planned = {"/-/plan": {"get": unstored("plan", None, told, [together(rights), PURPOSE], single(_PLAN))}}
    return (planned if rights.manages else {}) | {
        "/-/scorecards": {
            "get": unstored(
                "scorecards", None, "What products are worth, by product and domain", [BEHALF], single(card)
            )
        },
        "/-/suggest": {
            "get": unstored(
                "suggest", None, "What is served already of what is wanted", [wanted, PURPOSE, BEHALF], json(suggested)
            )
        },
        "/-/workspaces": {
            "get": unstored(
                "workspaces", None, "Workspaces that you answer for, their limits and use", [BEHALF], single(workspaces)
            )
        },
    }


def together(rights: Rights) -> Json:
    """The parameter that names several products of a plan or a publication."""
    names: Json = {"type": "array", "items": {"enum": sorted(rights.manages)}, "minItems": 1, "maxItems": 50}
    return parameter("product", names, "one that you manage", required=True)


def _states(name: str) -> Mapping[str, Json]:
    """How the product is, to who sees it."""
    asked = [PURPOSE, BEHALF]
    since = parameter("since", {"type": "string", "pattern": _MOMENT}, "publications since that moment")
    form = parameter("format", {"type": "string", "enum": ["json", "oors"]}, "the format")
    quality = single(_quality()) | {"application/oors+json": {"schema": _ANY}}
    slo = single(shape(at=_TEXT_OR_NULL, objectives=several(_ANY), incidents=several(_ANY), maintenance=several(_ANY)))
    said = page(shape(id=_TEXT, at=_TEXT, kind=_TEXT, text=_TEXT, subject=_TEXT, answers=_TEXT))
    kept = page(shape(id=_TEXT, version=_TEXT, published_at=_TEXT, served=_FLAG, kept_until=_TEXT_OR_NULL))
    return {
        "quality": unstored(
            "quality", name, f"What rules gave of {name}, scores, and how they went",
            [since, _LAST, form, SNAPSHOT, PINNED, *asked], quality,
        ),
        "slo": unstored(
            "slo", name, f"How the promises of {name} are kept, and its incidents", [*JSON_ONLY, *asked], slo
        ),
        "snapshots": unstored(
            "snapshots", name, f"Snapshots of {name} that can be asked for", [*JSON_ONLY, *asked], json(kept)
        ),
        "feedback": unstored(
            "feedback", name, f"What was said of {name}, as far as it is yours to read", [*JSON_ONLY, *asked],
            json(said),
        ),
    }  # fmt: skip


def _descriptors(name: str) -> Mapping[str, Json]:
    """The product in the words of standards."""
    asked = [PURPOSE, BEHALF]
    told = {
        "odps": (f"The descriptor of {name} (ODPS), of what you may see", _ANY),
        "odcs": (f"The contract of {name} (ODCS), of what you may see", _ANY),
        "openlineage": (f"The publications of {name} as events of OpenLineage", several(_ANY)),
    }
    return {path: unstored(path, name, said, asked, json(shown)) for path, (said, shown) in told.items()}


def _managed(name: str) -> Mapping[str, Json]:
    """What who manages the product may know more of it."""
    run = shape(
        run=_TEXT, product=_TEXT, trigger=_TEXT, by=_TEXT, attempt=_COUNT, begun=_TEXT_OR_NULL, ended=_TEXT_OR_NULL,
        outcome=_TEXT, finding=_TEXT, snapshot=_TEXT_OR_NULL,
    )  # fmt: skip
    aside = shape(
        input=_TEXT, table=_TEXT, rows=_COUNT, aside=_COUNT, broken={"type": "object", "additionalProperties": _COUNT},
        shown=several(_TEXT), sample=several(_ANY), pushed=_FLAG,
    )  # fmt: skip
    return {
        "plan": unstored(
            "plan", name, f"What publishing the folder of {name} would change, and whom it breaks", [PURPOSE],
            single(_PLAN),
        ),
        "refreshes": unstored("refreshes", name, f"The last runs of {name}", [_LAST, PURPOSE], json(page(run))),
        "quarantine": unstored(
            "quarantine", name, f"What was set aside of the inputs of {name}", [*JSON_ONLY, PURPOSE],
            json(page(aside)),
        ),
    }  # fmt: skip


def _access(name: str) -> Json:
    given: Json = {"type": "string", "minLength": 1}
    asked = [
        parameter("as", given, "whose access; one whom you may simulate", required=True),
        parameter("port", {"type": "string", "enum": list(PORTS)}, "the door; rest if unset"),
        parameter("purpose", given, "what would be stated"),
        parameter("on_behalf_of", given, "for whom it would ask"),
        *JSON_ONLY,
        PURPOSE,
    ]
    shown = shape(subject=_TEXT, product=_TEXT, tables=several(_ANY))
    return unstored("access", name, f"What another would get of {name}, and by which rules", asked, single(shown))


def _quality() -> Json:
    scored = shape(
        rules=_COUNT, held=_COUNT, score=_NUMBER_OR_NULL,
        dimensions={"type": "object", "additionalProperties": {"type": "number"}},
    )  # fmt: skip
    rule = shape(
        rule=_TEXT, name=_TEXT, table=_TEXT, dimension=_TEXT, severity=_TEXT, holds=_FLAG, value=_NUMBER_OR_NULL,
        expected=_TEXT_OR_NULL, unit=_TEXT, counted=_FLAG, measured=_FLAG,
    )  # fmt: skip
    check = shape(at=_TEXT, run=_TEXT, version=_TEXT, snapshot=_TEXT_OR_NULL, score=scored)
    return shape(
        product=_TEXT, version=_TEXT, snapshot=_TEXT, checked_at=_TEXT, score=scored, rules=several(rule),
        history=several(check),
    )  # fmt: skip


def shape(**members: Json) -> Json:
    """An object that has these members, and maybe more."""
    return {"type": "object", "required": list(members), "properties": members}


def several(item: Json) -> Json:
    """A list."""
    return {"type": "array", "items": item}


def json(schema: Json) -> Json:
    """An answer in JSON."""
    return {"application/json": {"schema": schema}}


def single(schema: Json) -> Json:
    """An answer in JSON that holds one thing."""
    return json(shape(data=schema))


_PLAN: Json = shape(changes=_FLAG, refused=_FLAG, consumers_since=_TEXT, products=several(_ANY))
_PLAN["properties"] |= {"access": several(_ANY)}  # to who may look at others' access
