"""Every refusal as a gRPC status: one table from the error tree to the exceptions that pyarrow translates. No I/O.

pyarrow sends the traceback of whatever is not a FlightError to the client, and no FlightError stands for
INVALID_ARGUMENT, NOT_FOUND or UNIMPLEMENTED. So these three are Arrow errors that cannot be formatted: then the
client gets the message and the name of the class, nothing else.
"""

from __future__ import annotations

import functools
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn, ParamSpec, TypeVar

import pyarrow as pa
import pyarrow.flight as fl

from gateway import (
    BadQuery,
    Cancelled,
    Exhausted,
    Expired,
    Forbidden,
    GatewayError,
    NotFound,
    Timeout,
    Unauthenticated,
    Unavailable,
)

_log = logging.getLogger("outport.flight")
_P = ParamSpec("_P")
_R = TypeVar("_R")


class _Unformatted(Exception):
    """An exception of which no traceback can be made: `traceback` always asks for the cause."""

    @property
    def __cause__(self) -> NoReturn:  # type: ignore[override]
        raise TypeError("this exception has no traceback")


class InvalidArgument(_Unformatted, pa.ArrowInvalid):  # type: ignore[misc]
    """INVALID_ARGUMENT."""


class Missing(_Unformatted, pa.ArrowKeyError):  # type: ignore[misc]
    """NOT_FOUND."""


class Unimplemented(_Unformatted, pa.ArrowNotImplementedError):  # type: ignore[misc]
    """UNIMPLEMENTED."""


# (class, reason) -> exception; the reason "" stands for every reason that has no line of its own.
STATUS: Mapping[tuple[type[GatewayError], str], type[Exception]] = {
    (Unauthenticated, ""): fl.FlightUnauthenticatedError,
    (Forbidden, ""): fl.FlightUnauthorizedError,
    (NotFound, ""): Missing,
    (BadQuery, ""): InvalidArgument,
    (BadQuery, "protocol"): Unimplemented,
    (Exhausted, ""): fl.FlightUnavailableError,
    (Timeout, ""): fl.FlightTimedOutError,
    (Cancelled, ""): fl.FlightCancelledError,
    (Expired, ""): Missing,
    (Unavailable, ""): fl.FlightUnavailableError,
}


def status(error: GatewayError) -> Exception:
    """`error` as the exception that gives its status; the message says hint, position and error id."""
    fallback: type[Exception] = fl.FlightInternalError
    kind = STATUS.get((type(error), error.reason)) or STATUS.get((type(error), ""), fallback)
    position = "" if error.position is None else f" (at character {error.position + 1})"
    hint = f"; {error.hint}" if error.hint else ""
    return kind(f"{error.message}{position}{hint} [{error.error_id}]")


def unexpected(error: BaseException) -> Exception:
    """A defect: the client gets an id and nothing else, the log gets the rest under that id."""
    error_id = uuid.uuid4().hex[:12]
    _log.error("unexpected error %s", error_id, exc_info=error)
    kind: type[Exception] = fl.FlightInternalError
    return kind(f"an unexpected error; the server's log has it [{error_id}]")


@contextmanager
def translating() -> Iterator[None]:
    """Inside, whatever is raised leaves as a status; what is one already stays as it is."""
    try:
        yield
    except (fl.FlightError, _Unformatted):
        raise
    except GatewayError as error:
        raise status(error) from None
    except Exception as error:
        raise unexpected(error) from None


def translated(call: Callable[_P, _R]) -> Callable[_P, _R]:
    """`call`, of which whatever is raised leaves as a status."""

    @functools.wraps(call)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with translating():
            return call(*args, **kwargs)

    return guarded
