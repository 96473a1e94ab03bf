"""The body of POST /sql to a Query. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from starlette.exceptions import HTTPException

from gateway import BadQuery, Query, Value

MEMBERS = ("sql", "parameters", "search_path")
INTEGER_BITS = 127
DECIMAL_DIGITS = 38
DEPTH_LIMIT = 32


@dataclass(frozen=True)
class Statement:
    """One question in SQL, with the schemas in which unqualified names are looked up."""

    query: Query
    search_path: tuple[str, ...]


def understand(body: bytes) -> Statement:
    """The statement in `body`. Raises BadQuery where it is no JSON, HTTPException 422 where it has another shape."""
    document = read(body)
    if not isinstance(document, dict):
        raise HTTPException(422, "the body is a JSON object with sql, parameters and search_path")
    for name in document:
        if name not in MEMBERS:
            raise HTTPException(422, f'unknown member "{name[:63]}": the body has {", ".join(MEMBERS)}')
    text = document.get("sql")
    if not isinstance(text, str) or not text.strip():
        raise HTTPException(422, "sql is the text of one SELECT")
    return Statement(Query(plain(text, "sql"), _parameters(document.get("parameters", []))), _path(document))


def read(body: bytes) -> Any:
    """The JSON value that `body` is. Raises BadQuery."""
    try:
        return json.loads(
            body.decode("utf-8"), parse_float=_number, parse_constant=_no_constant, object_pairs_hook=_object
        )
    except UnicodeDecodeError as error:
        raise BadQuery("the body is not UTF-8", reason="syntax") from error
    except json.JSONDecodeError as error:
        raise BadQuery(f"the body is not JSON at character {error.pos}", reason="syntax") from error
    except RecursionError as error:
        raise BadQuery("the body is nested too deeply", reason="limit") from error
    except ValueError as error:
        raise BadQuery("a number of the body is too long", reason="value") from error


def _number(text: str) -> Decimal | float:
    """A fraction as SQL would read it: a decimal as written, a double where it has an exponent."""
    if "e" in text.lower() or len(text) > DECIMAL_DIGITS:
        return float(text)
    return Decimal(text)


def _no_constant(name: str) -> float:
    raise BadQuery(f"{name} is not JSON", reason="syntax")


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in members]
    if len(set(names)) != len(names):
        raise BadQuery("the body names a member twice", reason="syntax")
    return dict(members)


def _parameters(given: object) -> tuple[Value, ...] | dict[str, Value]:
    if isinstance(given, list):
        return tuple(_value(value, f"parameters[{i}]") for i, value in enumerate(given))
    if isinstance(given, dict):
        return {plain(name, "parameters"): _value(value, f"parameters.{name[:63]}") for name, value in given.items()}
    raise HTTPException(422, "parameters is a list for $1, $2 and ?, or an object for $name")


def _value(value: object, where: str) -> Value:
    if isinstance(value, list):
        return [cast(Any, _value(item, where)) if not isinstance(item, list) else _nested(where) for item in value]
    if isinstance(value, dict):
        _nested(where)
    if isinstance(value, str):
        return plain(value, where)
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > INTEGER_BITS:
        raise HTTPException(422, f"{where} is an integer of more than {INTEGER_BITS} bits")
    return cast(Value, value)


def _nested(where: str) -> Any:
    raise HTTPException(422, f"{where} is a text, number, boolean, null, or one list of these")


def plain(text: str, where: str) -> str:
    """`text` if it can be text in SQL. Raises BadQuery for a NUL or half a surrogate pair."""
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadQuery(f"{where} holds a NUL or half a character", reason="value")
    return text


def _path(document: dict[str, Any]) -> tuple[str, ...]:
    path: Sequence[object] | object = document.get("search_path", [])
    if not isinstance(path, list) or not all(isinstance(name, str) for name in path) or len(path) > 100:
        raise HTTPException(422, "search_path is a list of product names, at most 100")
    return tuple(plain(name, "search_path") for name in path)
