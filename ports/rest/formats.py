"""Which format an answer has: `format=` or the Accept header (RFC 9110, 12.5.1). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from starlette.exceptions import HTTPException

from gateway import BadQuery

Name = Literal["json", "ndjson", "csv", "arrow"]


@dataclass(frozen=True)
class Format:
    """A format with the media type that it is sent as and the others by which it may be asked for."""

    name: Name
    media_type: str
    accepted: tuple[str, ...]


JSON = Format("json", "application/json", ("application/json",))
NDJSON = Format("ndjson", "application/x-ndjson", ("application/x-ndjson", "application/ndjson", "application/jsonl"))
CSV = Format("csv", "text/csv; charset=utf-8", ("text/csv",))
ARROW = Format("arrow", "application/vnd.apache.arrow.stream", ("application/vnd.apache.arrow.stream",))
ALL = (JSON, NDJSON, CSV, ARROW)


def choose(accept: str | None, asked: str | None, offered: Iterable[Format] = ALL) -> Format:
    """The format of the answer: `format=` first, else the best of `accept`, JSON where it says nothing.

    Raises BadQuery for an unknown `format=`, HTTPException 406 where nothing that is accepted is offered.
    """
    formats = tuple(offered)
    if asked is not None:
        for one in formats:
            if one.name == asked:
                return one
        names = ", ".join(one.name for one in formats)
        raise BadQuery(f'"{asked[:20]}" is not a value of format: it takes {names}', reason="value")
    if accept is None or not accept.strip():
        return formats[0]
    wanted = _ranges(accept)
    weights = [max((_weight(wanted, kind) for kind in one.accepted), default=0.0) for one in formats]
    best = max(weights)
    if best <= 0:
        kinds = ", ".join(one.accepted[0] for one in formats)
        raise HTTPException(406, f"nothing that Accept names is offered here; offered: {kinds}")
    return formats[weights.index(best)]


def _ranges(accept: str) -> dict[str, float]:
    """Media ranges with their weights; parameters other than q do not matter here."""
    wanted: dict[str, float] = {}
    for item in accept.split(","):
        kind, *parameters = [part.strip().lower() for part in item.split(";")]
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                weight = _q(value.strip())
        if kind:
            wanted[kind] = max(weight, wanted.get(kind, 0.0))
    return wanted


def _q(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return min(weight, 1.0) if weight > 0 else 0.0


def _weight(wanted: dict[str, float], kind: str) -> float:
    """The weight of `kind`: the most specific range that covers it decides, even against it (q=0)."""
    for covering in (kind, kind.split("/", maxsplit=1)[0] + "/*", "*/*"):
        if covering in wanted:
            return wanted[covering]
    return 0.0
