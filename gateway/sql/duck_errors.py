"""DuckDB's errors in the gateway's own words. Touches the log; its own texts say no more than the client's did.

An engine's text quotes rows, and lists columns and tables: it goes to the log under the error's id, and nowhere else.
"""

from __future__ import annotations

import logging
import re

import duckdb

from gateway.errors import BadQuery, Exhausted, GatewayError, Timeout, Unavailable

_log = logging.getLogger("outport.engine")


def logged(error: GatewayError, cause: BaseException) -> GatewayError:
    """`error` itself, its cause written to the log under the error's id."""
    _log.warning("%s %s: %s", error.error_id, type(cause).__name__, cause)
    return error


def fatal(error: BaseException) -> bool:
    """Whether the engine's instance has broken down: after an error of its own it answers nothing any more.

    Told by the class that the engine gives it, never by words in which a client's value may stand.
    """
    if isinstance(error, duckdb.Error):
        return isinstance(error, duckdb.InternalException | duckdb.FatalException | duckdb.ConnectionException)
    named = re.search(r"\b([A-Z][A-Za-z ]*) Error:", str(error))  # the first is the engine's own
    return named is not None and named[1] in {"INTERNAL", "FATAL", "Connection"}


_COLUMN = re.compile(r'(?:Referenced column|column|Table|table)? ?"([^"]{1,63})"')
_TABLE: tuple[tuple[str, str, str], ...] = (
    # (DuckDB's words, reason, our words)
    (
        r"GROUP BY|must appear in|aggregate function|not aggregated|cannot contain aggregates",
        "grouping",
        "grouping or aggregate misuse",
    ),
    (r"[Aa]mbiguous", "ambiguous", "ambiguous column reference"),
    (r"No function matches", "function", "an operator or function is used with arguments of the wrong types"),
    (r"[Ff]unction .*does not exist", "function", "unknown function"),
    (r"[Cc]annot (compare|mix|cast|combine)|[Tt]ype mismatch|explicit cast", "type", "values of different types"),
    (r"Division by zero", "division", "division by zero"),
    (r"same number of result columns", "syntax", "each side of UNION, INTERSECT or EXCEPT has as many columns"),
    (r"Subquery returns \d+ columns", "syntax", "a subquery in an expression has one column"),
    (r"ORDER term out of range", "place", "ORDER BY has a number that is no column's place"),
    (r"LIMIT/OFFSET cannot be negative", "count", "LIMIT and OFFSET are not negative"),
    (
        r'function call "[^a-z"]{1,3}\(.*STRING_LITERAL',
        "value",
        "a text is no value of the type that an operator takes",
    ),
    (r'function call "[a-z_]+\(.*STRING_LITERAL', "candidates", "a function's arguments say too little: write a cast"),
)


def translate(error: BaseException, text: str) -> GatewayError:
    """The gateway's own error for one of the engine's; names are echoed only if they stand in `text`.

    `text` is what the client wrote. Positions are left to the caller, which knows the client's tree.
    """
    message = str(error)
    kind = type(error) if isinstance(error, duckdb.Error) else _kind_of(message)
    for classes, reason, words in _ENGINE:
        if issubclass(kind, classes):
            if reason == "bind":
                return logged(_binding(message, text), error)
            if reason == "value" and (special := _special(message)) is not None:
                return logged(special, error)
            if reason == "value" and "parameter" in message.lower():
                return logged(BadQuery("the parameters given do not match the query's", reason="parameter"), error)
            return logged(BadQuery(words, reason=reason), error)
    if issubclass(kind, duckdb.InterruptException):
        return logged(Timeout("the query was stopped"), error)
    if issubclass(kind, duckdb.OutOfMemoryException | MemoryError):
        return logged(Exhausted("the query needs more memory than is allowed", reason="memory"), error)
    return logged(Unavailable("the query could not be answered", reason="engine"), error)


def lacks_memory(error: BaseException) -> bool:
    """Whether a query failed since there was no more memory."""
    kind = type(error) if isinstance(error, duckdb.Error) else _kind_of(str(error))
    return issubclass(kind, duckdb.OutOfMemoryException)


def _special(message: str) -> BadQuery | None:
    """Values that are refused for a reason that has a name."""
    for pattern, reason, words in _VALUES:
        if re.search(pattern, message):
            return BadQuery(words, reason=reason)
    return None


_VALUES: tuple[tuple[str, str, str], ...] = (
    (r"[Dd]ivision by zero", "division", "division by zero"),
    (r"More than one row returned", "cardinality", "more than one row returned by a subquery used as an expression"),
    (r"(date|time|timestamp) field value out of range", "moment_range", "a date or time is out of range"),
    (r"invalid (date|time|timestamp) field|to INTERVAL", "moment", "a value is no date, time or interval"),
    (
        r"Out of Range Error|out of range|[Oo]verflow|string '-?\d{5,}' to INT",
        "range",
        "a value is out of the range of its type",
    ),
)
_ENGINE: tuple[tuple[tuple[type[BaseException], ...], str, str], ...] = (
    ((duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException), "bind", ""),
    ((duckdb.ConversionException,), "value", "a value cannot be converted to the type asked for"),
    ((duckdb.OutOfRangeException,), "value", "a value is out of the range of its type"),
    (
        (duckdb.InvalidInputException, duckdb.InvalidTypeException, duckdb.TypeMismatchException),
        "value",
        "a function was given a value that it cannot take",
    ),
    ((duckdb.NotImplementedException, duckdb.NotSupportedError), "unsupported", "this query is not supported"),
)
_PREFIXES: tuple[tuple[str, type[BaseException]], ...] = (
    ("Conversion Error", duckdb.ConversionException),
    ("Out of Range Error", duckdb.OutOfRangeException),
    ("Invalid Input Error", duckdb.InvalidInputException),
    ("Not implemented Error", duckdb.NotImplementedException),
    ("Out of Memory Error", duckdb.OutOfMemoryException),
    ("INTERRUPT", duckdb.InterruptException),
    ("Binder Error", duckdb.BinderException),
)


def _kind_of(message: str) -> type[BaseException]:
    """The engine's class of an error that came through an Arrow stream as an OSError: its text says it."""
    for prefix, kind in _PREFIXES:
        if prefix in message[:60]:
            return kind
    return OSError


def _binding(message: str, text: str) -> BadQuery:
    missing = re.search(r'(?:Referenced column|does not have a column named|column named) "([^"]{1,63})"', message)
    if missing and "not found" in message + "not found" and missing.group(1).lower() in text.lower():
        return BadQuery(f'column "{missing.group(1)}" does not exist', reason="column")
    table = re.search(r'Referenced table "([^"]{1,63})" not found', message)
    if table and table.group(1).lower() in text.lower():
        return BadQuery(f'missing FROM-clause entry for "{table.group(1)}"', reason="column")
    for pattern, reason, words in _TABLE:
        if re.search(pattern, message):
            return BadQuery(words, reason=reason)
    return BadQuery("the query does not fit the tables it names", reason="type")
