"""Which format an answer has: `format=` or the Accept header (RFC 9110, 12.5.1). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from starlette.exceptions import HTTPException

from gateway import BadQuery, Form
from ports.http.accept import Range, ranges

Name = Literal["json", "ndjson", "csv", "arrow", "parquet", "array", "object"]


@dataclass(frozen=True)
class Format:
    """A format: what the gateway renders for it, the media type that it is sent as, and how else it may be asked for.

    `parameter` is the parameter of the media type that asks for this variant of the format, "" for the plain one.
    """

    name: Name
    form: Form
    media_type: str
    accepted: tuple[str, ...]
    parameter: str = ""


INT64 = "int64"
STRING = "int64=string"
_JSON = ("application/json",)
_NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
JSON = Format("json", "json", "application/json", _JSON)
NDJSON = Format("ndjson", "ndjson", "application/x-ndjson", _NDJSON)
CSV = Format("csv", "csv", "text/csv; charset=utf-8", ("text/csv",))
ARROW = Format("arrow", "arrow", "application/vnd.apache.arrow.stream", ("application/vnd.apache.arrow.stream",))
PARQUET = Format("parquet", "parquet", "application/vnd.apache.parquet", ("application/vnd.apache.parquet",))
# PostgREST's own types: bare rows, and one bare row.
ARRAY = Format("array", "json", "application/vnd.pgrst.array+json", ("application/vnd.pgrst.array+json",))
OBJECT = Format("object", "json", "application/vnd.pgrst.object+json", ("application/vnd.pgrst.object+json",))
JSON_STRINGS = Format("json", "json_strings", f"application/json; {STRING}", _JSON, STRING)
NDJSON_STRINGS = Format("ndjson", "ndjson_strings", f"application/x-ndjson; {STRING}", _NDJSON, STRING)
ARRAY_STRINGS = Format("array", "json_strings", f"{ARRAY.media_type}; {STRING}", ARRAY.accepted, STRING)
OBJECT_STRINGS = Format("object", "json_strings", f"{OBJECT.media_type}; {STRING}", OBJECT.accepted, STRING)
ALL = (
    *(JSON, NDJSON, CSV, ARROW, PARQUET, ARRAY, OBJECT),
    *(JSON_STRINGS, NDJSON_STRINGS, ARRAY_STRINGS, OBJECT_STRINGS),
)


def choose(accept: str | None, asked: str | None, int64: str | None = None, offered: Iterable[Format] = ALL) -> Format:
    """The format of the answer: `format=` first, else the best of `accept`, JSON where it says nothing.

    `int64="string"` makes strings of the numbers of JSON that a double cannot hold. Raises BadQuery for an unknown
    `format=` or `int64=`, HTTPException 406 where nothing that is accepted is offered.
    """
    formats = tuple(offered)
    if int64 not in (None, "string", "number"):
        raise BadQuery(f'"{int64[:20]}" is not a value of int64: it takes number, string', reason="value")
    found = _accepted(accept, formats) if asked is None else _named(asked, formats)
    if int64 is None:
        return found
    wanted = STRING if int64 == "string" else ""
    return next((one for one in formats if one.name == found.name and one.parameter == wanted), found)


def _named(asked: str, formats: tuple[Format, ...]) -> Format:
    for one in formats:
        if one.name == asked:
            return one
    names = ", ".join(dict.fromkeys(one.name for one in formats))
    raise BadQuery(f'"{asked[:20]}" is not a value of format: it takes {names}', reason="value")


def _accepted(accept: str | None, formats: tuple[Format, ...]) -> Format:
    wanted = ranges(accept or "")
    if not wanted:
        return formats[0]
    weights = [_weight(wanted, one) for one in formats]
    best = max(weights)
    if best <= 0:
        kinds = ", ".join(dict.fromkeys(one.accepted[0] for one in formats))
        raise HTTPException(406, f"nothing that Accept names is offered here; offered: {kinds}")
    return formats[weights.index(best)]


def _weight(wanted: Iterable[Range], offered: Format) -> float:
    """The weight of a format: the most specific range that covers it decides, even against it (q=0).

    A variant is only sent to those who name its parameter. Other parameters do not matter here.
    """
    kind = offered.accepted[0]
    specificity = {kind.partition("/")[0] + "/*": 2, "*/*": 1} | dict.fromkeys(offered.accepted, 3)
    best, weight = 0, 0.0
    for one in wanted:
        asked = offered.parameter in one.parameters if offered.parameter else STRING not in one.parameters
        matched = specificity.get(one.value, 0) if asked else 0
        if matched > best:
            best, weight = matched, one.weight
        elif matched:
            weight = max(weight, one.weight) if matched == best else weight
    return weight
