"""Session options and the protocol's messages about them. Pure: messages to values, values to messages.

Source: apache/arrow, format/Flight.proto (SetSessionOptionsRequest and its kin). Their messages come without an Any.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway import BadQuery, GatewayError
from ports.flight import wire
from ports.flight.columns import CATALOG
from ports.flight.wire import field

INVALID_NAME, INVALID_VALUE = 1, 2  # SetSessionOptionsResult.ErrorValue
CLOSED = 1  # CloseSessionResult.Status
ENDPOINT_LIMIT = 64
SNAPSHOT_LIMIT = 64
CURRENT = "current"
NAMES = ("catalog", "schema", "purpose", "snapshot", "endpoints", "on_behalf_of")
_SCHEMA = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_SNAPSHOT = re.compile(r"[0-9a-z_]{1,128}", re.ASCII)


@dataclass(frozen=True)
class Options:
    """What a connection has chosen: "", () and 0 where nothing."""

    schema: str = field(1, "text")
    purpose: str = field(2, "text")
    snapshots: tuple[str, ...] = field(3, "text", repeated=True)
    endpoints: int = field(4, "int32")
    on_behalf_of: str = field(5, "text")

    def over(self, others: Options) -> Options:
        """These, and what they leave open from `others`."""
        return Options(
            self.schema or others.schema,
            self.purpose or others.purpose,
            self.snapshots or others.snapshots,
            self.endpoints or others.endpoints,
            self.on_behalf_of or others.on_behalf_of,
        )


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
class _Nothing:
    """GetSessionOptionsRequest and CloseSessionRequest."""


@dataclass(frozen=True)
class _Closed:
    status: int = field(1, "int32")


@dataclass(frozen=True)
class Change:
    """What SetSessionOptions leaves behind: the options from now on, and the answer's bytes."""

    options: Options
    answer: bytes


def change(body: bytes, present: Options, checked: Callable[[Options], Options]) -> Change:
    """What a SetSessionOptionsRequest makes of `present`; an option that is not taken is named in the answer.

    `checked` gives options as they may be chosen, or raises a GatewayError. Raises BadQuery (value) if malformed.
    """
    errors: dict[str, int] = {}
    for option in wire.decode(_Options, body).session_options:
        errors.pop(option.key, None)
        if option.key not in NAMES:
            errors[option.key] = INVALID_NAME
            continue
        try:
            present = checked(_with(present, option.key, option.value or _Value()))
        except GatewayError:
            errors[option.key] = INVALID_VALUE
    named = tuple(_NamedError(name, _Error(value)) for name, value in errors.items())
    return Change(present, wire.encode(_Errors(named)))


def _with(options: Options, name: str, value: _Value) -> Options:
    """`options` with one of NAMES set, or unset by an empty value. Raises BadQuery."""
    text = "" if value == _Value() else value.string_value
    if name == "snapshot" and value.string_list_value is not None:
        return replace(options, snapshots=snapshots(value.string_list_value.values))
    if name == "endpoints" and value.int64_value is not None:
        return replace(options, endpoints=endpoints(str(value.int64_value)))
    match name, text:
        case "schema", str():
            return replace(options, schema=schema(text))
        case "purpose", str():
            return replace(options, purpose=text)
        case "on_behalf_of", str():
            return replace(options, on_behalf_of=text)
        case "snapshot", str():
            return replace(options, snapshots=snapshots(text.split(",") if text else ()))
        case "endpoints", str():
            return replace(options, endpoints=endpoints(text) if text else 0)
        case "catalog", str() if text.lower() in {"", CATALOG}:
            return options
    raise BadQuery(f"this is no value of the option {name}", reason="value")


def schema(text: str) -> str:
    """A schema's name, or "". Raises BadQuery."""
    if text and not _SCHEMA.fullmatch(text.lower()):
        raise BadQuery("a schema is one name, without quotes", reason="value")
    return text.lower()


def snapshots(ids: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Snapshot ids, or the one word `current`. Raises BadQuery."""
    named = tuple(dict.fromkeys(one.strip() for one in ids))
    if len(named) > SNAPSHOT_LIMIT or not all(_SNAPSHOT.fullmatch(one) for one in named):
        raise BadQuery(f"snapshots are at most {SNAPSHOT_LIMIT} ids, separated by commas", reason="value")
    return named


def endpoints(text: str) -> int:
    """How many endpoints large scans are split into. Raises BadQuery."""
    if not re.fullmatch(r"[0-9]{1,3}", text, re.ASCII) or not 1 <= int(text) <= ENDPOINT_LIMIT:
        raise BadQuery(f"endpoints are 1 to {ENDPOINT_LIMIT}", reason="value")
    return int(text)


def shown(options: Options) -> bytes:
    """GetSessionOptionsResult."""
    present = {
        "catalog": _Value(string_value=CATALOG),
        "schema": _Value(string_value=options.schema) if options.schema else None,
        "purpose": _Value(string_value=options.purpose) if options.purpose else None,
        "snapshot": _Value(string_list_value=_Texts(options.snapshots)) if options.snapshots else None,
        "on_behalf_of": _Value(string_value=options.on_behalf_of) if options.on_behalf_of else None,
        "endpoints": _Value(int64_value=options.endpoints) if options.endpoints else None,
    }
    return wire.encode(_Options(tuple(_Option(name, value) for name, value in present.items() if value is not None)))


def expect_nothing(body: bytes) -> None:
    """The body of a request without fields. Raises BadQuery (value) if malformed."""
    wire.decode(_Nothing, body)


def closed() -> bytes:
    """CloseSessionResult: there is nothing to close but what the client keeps."""
    return wire.encode(_Closed(CLOSED))
