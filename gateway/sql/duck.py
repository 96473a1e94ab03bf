"""DuckDB as parser and serving instance. Beside the rooms that are named duck_* this one alone imports duckdb.

Parsing happens on empty, locked instances that hold no data. Engine texts never leave: duck_errors.py
translates them into the error tree, and logs them under the error's id.
"""

from __future__ import annotations

import functools
import json
import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from gateway.cache import BytesLru
from gateway.errors import BadQuery
from gateway.principal import Claim
from gateway.sql import tree
from gateway.sql.duck_errors import logged

VERSION = "2.0.0"
Connection = duckdb.DuckDBPyConnection
Error = duckdb.Error
Interrupted = duckdb.InterruptException
_NESTING = 250
_parsed: BytesLru[str, str] = BytesLru(4 << 20)

if duckdb.__version__ != VERSION:
    raise ImportError(f"outport's allow-lists are read for duckdb {VERSION}; {duckdb.__version__} is installed")


def locked(instance: Connection, *, allowed: Path | None = None) -> Connection:
    """Shut `instance` for good: no files (but `allowed`), no network, no extensions, no Python variables."""
    for name in ("python_enable_replacements", "autoinstall_known_extensions", "autoload_known_extensions"):
        instance.execute(f"SET {name} = false")
    if allowed is not None:
        instance.execute(f"SET allowed_directories = [{_text(str(allowed))}]")
        instance.execute("SET allowed_configs = ['max_execution_time', 'operator_memory_limit', 'TimeZone']")
    instance.execute("SET enable_external_access = false")
    instance.execute("SET lock_configuration = true")
    return instance


@functools.cache
def _parser() -> Connection:
    return locked(duckdb.connect(":memory:", config={"threads": 1}))


_local = threading.local()


def _parser_cursor() -> Connection:
    cursor: Connection | None = getattr(_local, "cursor", None)
    if cursor is None:
        cursor = _local.cursor = _parser().cursor()
    return cursor


def parse(text: str) -> tree.Node:
    """The tree of the one SELECT in `text`: {"node": ..., "named_param_map": ...}, not yet checked.

    Raises BadQuery: syntax (with a position), read_only, unsupported, limit.
    """
    if len(text) > tree.TEXT_LIMIT:
        raise BadQuery(f"a query has at most {tree.TEXT_LIMIT} characters", reason="limit")
    if "\x00" in text:
        raise BadQuery("a query holds no NUL character", reason="syntax", position=text.index("\x00"))
    if _nesting(text) > _NESTING:
        raise BadQuery("the query is nested too deeply", reason="limit")
    try:
        answer = orjson.loads(_serialized(text))
    except (duckdb.Error, UnicodeError, orjson.JSONDecodeError) as error:
        raise logged(BadQuery("the query cannot be parsed", reason="syntax"), error) from error
    if answer["error"]:
        raise _syntax(answer, text)
    statements: list[tree.Node] = answer["statements"]
    if len(statements) != 1:
        found = "none" if not statements else str(len(statements))
        raise BadQuery(f"exactly one statement is expected, found {found}", reason="syntax")
    return statements[0]


def _serialized(text: str) -> str:
    """What the parser says of a text. The last few are kept: the rooms on a statement's way read its tree in turn."""
    found = _parsed.get(text)
    if found is None:
        row = _parser_cursor().execute("SELECT json_serialize_sql($1::VARCHAR)", [text]).fetchone()
        assert row is not None
        found = str(row[0])
        _parsed.put(text, found, len(text) + len(found))
    return found


def _nesting(text: str) -> int:
    """The deepest nesting of brackets outside quotes: bounded before the parser recurses."""
    level = deepest = 0
    for bracket in re.findall(r"'[^']*'|\"[^\"]*\"|[()\[\]{}]", text):
        if bracket in "([{":
            level += 1
            deepest = max(deepest, level)
        elif bracket in ")]}":
            level -= 1
    return deepest


_WRITES = re.compile(
    r"\s*(insert|update|delete|merge|create|drop|alter|copy|truncate|attach|detach|load|install|vacuum|checkpoint|set"
    r"|reset|pragma|call|use|export|import|grant|revoke|begin|commit|rollback|comment|execute|prepare|deallocate)\b",
    re.IGNORECASE,
)


def _syntax(answer: tree.Node, text: str) -> BadQuery:
    message = str(answer["error_message"])
    if answer["error_type"] != "parser":
        word = _WRITES.match(text)
        if word:
            return BadQuery(
                f"{word.group(1).upper()} is not allowed: products are read-only, ask with SELECT", reason="read_only"
            )
        if "named and positional" in message:
            return BadQuery("use either $1, $2 or $name parameters, not both", reason="parameter")
        return BadQuery("only one SELECT statement is accepted", reason="unsupported")
    if "expression depth" in message:
        return BadQuery("the query is nested too deeply", reason="limit")
    place = int(answer["position"]) if str(answer.get("position", "")).isdigit() else None
    near = re.match(r'syntax error at or near "(.*)"$', message, re.DOTALL)
    if near and near.group(1) in text:
        return BadQuery(f'syntax error at or near "{near.group(1)[:60]}"', reason="syntax", position=place)
    return BadQuery("syntax error", reason="syntax", position=place)


def deparse(statement: tree.Node) -> str:
    """The SQL text of one statement's tree. Raises BadQuery (unsupported) if DuckDB cannot write it."""
    body = json.dumps({"error": False, "statements": [statement]})
    try:
        row = _parser_cursor().execute("SELECT json_deserialize_sql($1::JSON)", [body]).fetchone()
    except duckdb.Error as error:
        raise logged(BadQuery("this query is not supported", reason="unsupported"), error) from error
    assert row is not None
    return str(row[0])


def expression(text: str) -> tree.Node:
    """The tree of one scalar expression. Raises BadQuery (syntax) for anything that is not exactly one."""
    node = parse(f"SELECT ({text})")["node"]
    bare = parse("SELECT 1")["node"] | {"select_list": node.get("select_list")}
    if node != bare or len(node["select_list"]) != 1:
        raise BadQuery("exactly one expression is expected", reason="syntax")
    result: tree.Node = node["select_list"][0]
    if result["alias"]:
        raise BadQuery("an expression has no alias", reason="syntax")
    return result


def write_expression(node: tree.Node) -> str:
    """The SQL text of one expression's tree."""
    statement = parse("SELECT 1")
    statement["node"]["select_list"] = [node | {"alias": ""}]
    return deparse(statement).removeprefix("SELECT ")


def quote(identifier: str) -> str:
    """A quoted SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def literal_node(value: Claim | None) -> tree.Node:
    """A claim as a typed literal's tree: a constant under a cast, or list_value of such."""
    blank = parse("SELECT 'x'::VARCHAR, [1]")["node"]["select_list"]
    cast, call = blank[0], blank[1]
    if isinstance(value, tuple):
        items = [{"name": "", "expression": literal_node(item)} for item in value]
        return {**call, "arguments": items}
    kind, text, type_name = _literal_parts(value)
    constant = {**cast["child"], "literal": {"kind": kind, "text": text}}
    path = {"type_name": type_name, "qualified_name": {"path": [type_name]}}
    if isinstance(value, Decimal):
        return {**cast, "child": constant, "type_expr": _decimal_type(value)}
    return {**cast, "child": constant, "type_expr": {**cast["type_expr"], **path}}


def _literal_parts(value: Claim | None) -> tuple[str, str, str]:
    if value is None:
        return "NULL_LITERAL", "", "VARCHAR"
    if isinstance(value, bool):
        return "BOOLEAN", str(value).lower(), "BOOLEAN"
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise BadQuery("an integer claim has at most 64 bits", reason="type")
        return "STRING", str(value), "BIGINT"
    names: dict[type, str] = {float: "DOUBLE", Decimal: "DECIMAL", datetime: "TIMESTAMP", date: "DATE"}
    for python_type, name in names.items():
        if isinstance(value, python_type):
            return "STRING", str(value), name
    return "STRING", str(value), "VARCHAR"


def _decimal_type(value: Decimal) -> tree.Node:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise BadQuery("a decimal claim is finite", reason="type")
    scale = max(0, -exponent)
    width = max(18, min(38, len(value.as_tuple().digits) + scale))
    cast: tree.Node = parse(f"SELECT NULL::DECIMAL({width},{min(scale, 38)})")["node"]["select_list"][0]["type_expr"]
    return cast


def literal(value: Claim | None) -> str:
    """A claim as typed literal text, written by DuckDB's own printer."""
    return write_expression(literal_node(value))


@functools.lru_cache(maxsize=4096)
def canonical_type(text: str) -> str:
    """DuckDB's own text of a type: `numeric(10, 2)` -> `DECIMAL(10,2)`. Raises BadQuery (type)."""
    statement = parse(f"SELECT CAST(NULL AS {text})")
    item = statement["node"]["select_list"]
    if len(item) != 1 or item[0].get("class") != "CAST" or item[0]["alias"]:
        raise BadQuery(f"{text} is not a type", reason="type")
    tree.check(statement)
    try:
        return str(_parser_cursor().sql(deparse(statement)).types[0])
    except duckdb.Error as error:
        raise logged(BadQuery(f"{text} is not a type", reason="type"), error) from error


def constants(text: str) -> list[tuple[Any, ...]]:
    """The rows of a query over no table. Raises Error."""
    return _parser_cursor().execute(text).fetchall()


def serving(
    *,
    threads: int,
    memory_limit: str,
    snapshots: Path,
    spill: Path,
    temp_limit: str | None = None,
    workers: AbstractContextManager[None] | None = None,
) -> Connection:
    """The serving instance: in memory, its files confined to `snapshots`, its configuration locked.

    Within `workers` its threads begin that compute beside whoever asks.
    """
    config: dict[str, Any] = {
        "threads": 1,
        "memory_limit": memory_limit,
        "temp_directory": str(spill),
        "allow_unsigned_extensions": "false",
    }
    if temp_limit is not None:
        config["max_temp_directory_size"] = temp_limit
    instance = duckdb.connect(":memory:", config=config)
    with workers or nullcontext():
        instance.execute(f"SET threads = {threads}")
    instance.execute("LOAD icu")
    instance.execute("SET GLOBAL TimeZone = 'UTC'")
    return locked(instance, allowed=snapshots)


def catalog(*, memory_limit: str) -> Connection:
    """An empty, locked instance in memory, in which `define` makes relations and macros."""
    config: dict[str, Any] = {"threads": 1, "memory_limit": memory_limit, "temp_directory": ""}
    instance = duckdb.connect(":memory:", config=config)
    instance.execute("LOAD icu")
    instance.execute("SET GLOBAL TimeZone = 'UTC'")
    # It makes 2.0.0 fail with an error of its own where a join's condition has a subquery ("dict-surviving cache").
    instance.execute("SET GLOBAL disabled_optimizers = 'statistics_propagation'")
    return locked(instance)


def define(instance: Connection, statements: Sequence[str], rows: Mapping[str, Sequence[pa.Table]]) -> None:
    """Run trusted statements, and add to each table that `rows` names the rows of its Arrow tables."""
    instance.execute("BEGIN")
    try:
        instance.execute(";".join(statements))
        for name, parts in rows.items():
            for part in parts:
                instance.register("given", part)
                instance.execute(f"INSERT INTO {name} SELECT * FROM given")
                instance.unregister("given")
        instance.execute("COMMIT")
    except BaseException:
        instance.execute("ROLLBACK")
        raise


def told(cursor: Connection, name: str, values: Mapping[str, str]) -> Connection:
    """`cursor` with a variable of its own, a map of texts."""
    # As parameters: the literals of 60 settings take twice the time.
    return cursor.execute(
        f"SET VARIABLE {quote(name)} = MAP($1::VARCHAR[], $2::VARCHAR[])", [[*values], [*values.values()]]
    )


@functools.cache
def time_zones() -> Mapping[str, str]:
    """The names of time zones that the engine knows, by their lower case; no abbreviations but the usual ones."""
    instance = duckdb.connect(":memory:", config={"threads": 1})
    try:
        instance.execute("LOAD icu")
        rows = instance.execute("SELECT name FROM pg_timezone_names() WHERE name NOT LIKE 'SystemV/%'").fetchall()
    finally:
        instance.close()
    usual = frozenset({"UTC", "GMT", "UCT", "EST", "MST", "HST", "CET", "MET", "EET", "WET"})
    return {name.lower(): name for (name,) in rows if len(name) > 3 or name in usual}


def zoned(cursor: Connection, zone: str) -> Connection:
    """`cursor` with a session's time zone, of those that the IANA names; UTC is what it has anyway."""
    if zone != "UTC":
        cursor.execute(f"SET TimeZone = {_text(zone)}")
    return cursor


def bounded(cursor: Connection, memory_bytes: int | None) -> Connection:
    """`cursor` whose sorts and hash tables spill beyond so many bytes; None for what the instance leaves them."""
    if memory_bytes is not None:
        cursor.execute(f"SET operator_memory_limit = '{memory_bytes}B'")
    return cursor


def stream(cursor: Connection, text: str, values: list[Any] | dict[str, Any], batch_rows: int) -> pa.RecordBatchReader:
    """The answer to `text` as it is computed. Raises DuckDB's own errors.

    `cursor.sql(text).to_arrow_reader()` is public, and plans three times: to look for further statements, to say the
    types, to run. A lookup in JSON takes 2.9 ms so, and 1.7 ms here. VERSION is what holds this call in place.
    """
    return cursor._submit(text, values or None, "stream", batch_rows).arrow_reader()


def function_names() -> frozenset[str]:
    """Lower-case names of every function that this DuckDB knows."""
    rows = _parser_cursor().execute("SELECT DISTINCT lower(function_name) FROM duckdb_functions()").fetchall()
    return frozenset(row[0] for row in rows)
