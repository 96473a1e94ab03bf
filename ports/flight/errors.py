"""Every refusal as a gRPC status: one table from the error tree to the exceptions that pyarrow translates. No I/O.

pyarrow sends the traceback of whatever is not a FlightError to the client, and no FlightError stands for
INVALID_ARGUMENT, NOT_FOUND or UNIMPLEMENTED. So these three are Arrow errors that cannot be formatted: then the
client gets the message and the name of the class, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

import pyarrow as pa
import pyarrow.flight as fl

from gateway import (
    BadQuery,
    Cancelled,
    Exhausted,
    Expired,
    Forbidden,
    GatewayError,
    Internal,
    NotFound,
    Timeout,
    Unauthenticated,
    Unavailable,
)


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
    (Internal, ""): fl.FlightInternalError,
}


def status(error: GatewayError) -> Exception:
    """`error` as the exception that gives its status; the message says hint, position and error id."""
    kind: type[Exception] = error.line(STATUS) or fl.FlightInternalError
    position = "" if error.position is None else f" (at character {error.position + 1})"
    hint = f"; {error.hint}" if error.hint else ""
    return kind(f"{error.message}{position}{hint} [{error.error_id}]")


@contextmanager
def translating(told: Callable[[Exception], GatewayError]) -> Iterator[None]:
    """Inside, whatever is raised leaves as the status of what may be `told`; what is one already stays as it is."""
    try:
        yield
    except (fl.FlightError, _Unformatted):
        raise
    except Exception as error:
        raise status(told(error)) from None
