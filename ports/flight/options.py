"""Session options: `catalog` and `schema`, kept by the client in its token or a cookie. Pure: messages to values.

Source: apache/arrow, format/Flight.proto (SetSessionOptionsRequest and its kin). Their messages come without an Any.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from ports.flight import wire
from ports.flight.catalog import CATALOG
from ports.flight.wire import field

COOKIE = "outport_schema"
INVALID_NAME, INVALID_VALUE = 1, 2  # SetSessionOptionsResult.ErrorValue
CLOSED = 1  # CloseSessionResult.Status
_SCHEMA = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)


@dataclass(frozen=True)
class _Texts:
    values: tuple[str, ...] = field(1, "text", repeated=True)


@dataclass(frozen=True)
class _Value:
    """SessionOptionValue: one of its members, or none to unset the option."""

    string_value: str | None = field(1, "text", optional=True)
    bool_value: bool | None = field(2, "bool", optional=True)
    int64_value: int | None = field(3, "sfixed64", optional=True)
    double_value: float | None = field(4, "double", optional=True)
    string_list_value: _Texts | None = field(5, "message", message=_Texts)  # noqa: RUF009


@dataclass(frozen=True)
class _Option:
    key: str = field(1, "text")
    value: _Value | None = field(2, "message", message=_Value)  # noqa: RUF009


@dataclass(frozen=True)
class _Options:
    """SetSessionOptionsRequest, and GetSessionOptionsResult alike."""

    session_options: tuple[_Option, ...] = field(1, "message", repeated=True, message=_Option)


@dataclass(frozen=True)
class _Error:
    value: int = field(1, "int32")


@dataclass(frozen=True)
class _NamedError:
    key: str = field(1, "text")
    value: _Error | None = field(2, "message", message=_Error)  # noqa: RUF009


@dataclass(frozen=True)
class _Errors:
    errors: tuple[_NamedError, ...] = field(1, "message", repeated=True, message=_NamedError)


@dataclass(frozen=True)
class _Closed:
    status: int = field(1, "int32")


@dataclass(frozen=True)
class Change:
    """What SetSessionOptions asks: the schema from now on ("" for none, None unchanged), and the answer's bytes."""

    schema: str | None
    answer: bytes


def change(body: bytes) -> Change:
    """The change that a SetSessionOptionsRequest asks for; an option that is not taken is named in the answer.

    Raises BadQuery (value) if malformed.
    """
    schema: str | None = None
    errors: dict[str, int] = {}
    for option in wire.decode(_Options, body).session_options:
        given = option.value or _Value()
        text = "" if given == _Value() else given.string_value
        if option.key not in {"schema", "catalog"}:
            errors[option.key] = INVALID_NAME
        elif text is None or not _taken(option.key, text):
            errors[option.key] = INVALID_VALUE
        elif option.key == "schema":
            schema = text.lower()
    named = tuple(_NamedError(name, _Error(value)) for name, value in errors.items())
    return Change(schema, wire.encode(_Errors(named)))


def _taken(name: str, text: str) -> bool:
    return text == "" or (_SCHEMA.fullmatch(text.lower()) is not None if name == "schema" else text.lower() == CATALOG)


def shown(search_path: tuple[str, ...]) -> bytes:
    """GetSessionOptionsResult of a session."""
    present = {"catalog": CATALOG, **({"schema": search_path[0]} if search_path else {})}
    return wire.encode(_Options(tuple(_Option(name, _Value(text)) for name, text in present.items())))


def closed() -> bytes:
    """CloseSessionResult: there is nothing to close but what the client keeps."""
    return wire.encode(_Closed(CLOSED))


def cookie(schema: str) -> str:
    """The Set-Cookie header that keeps `schema`, or forgets it if ""."""
    return f"{COOKIE}={schema}; Path=/" if schema else f"{COOKIE}=; Path=/; Max-Age=0"


def kept(cookies: str) -> str | None:
    """The schema in a Cookie header, None where there is none."""
    try:
        found: Mapping[str, object] = SimpleCookie(cookies)
    except CookieError:
        return None
    value = getattr(found.get(COOKIE), "value", "")
    return value if _SCHEMA.fullmatch(value) else None
