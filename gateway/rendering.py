"""The one text of each type, and its one JSON, as SQL that DuckDB runs. Pure: type texts to SQL expressions.

Texts in JSON are strings but for these: numbers and booleans are themselves, nested values objects and lists.

| type | text |
| --- | --- |
| numbers | every digit, decimals with their scale; NaN, Infinity and -Infinity (strings in JSON) |
| DATE, TIME, TIMESTAMP | RFC 3339; years outside 1 to 9999 with a sign and six digits (ECMA-262, 21.4.1.32.1) |
| INTERVAL | ISO 8601 duration, a sign for each part |
| BLOB | base64 (RFC 4648, 4) |
| BIT | zeros and ones |
| STRUCT, UNION | JSON object |
| MAP | JSON list of {"key", "value"} |
| LIST, ARRAY, TUPLE | JSON list |
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

import orjson

_NUMBERS = re.compile(r"(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT))$")
# What a reader that keeps numbers as IEEE 754 doubles may not hold exactly (RFC 8259, 6).
_LONG = re.compile(r"(U?(BIGINT|HUGEINT)$|BIGNUM$|DECIMAL)")
_FLOATS = frozenset({"DOUBLE", "FLOAT"})
_DATE_TYPES = {
    # type -> the literals between which years have four digits
    "DATE": ("DATE '0001-01-01'", "DATE '9999-12-31'"),
    "TIMESTAMP": ("TIMESTAMP '0001-01-01'", "TIMESTAMP '9999-12-31 23:59:59.999999'"),
    "TIMESTAMP_MS": ("TIMESTAMP_MS '0001-01-01'", "TIMESTAMP_MS '9999-12-31 23:59:59.999'"),
    "TIMESTAMP_S": ("TIMESTAMP_S '0001-01-01'", "TIMESTAMP_S '9999-12-31 23:59:59'"),
}


def cell(value: str, kind: str) -> str:
    """SQL for the text of a value; NULL stays NULL."""
    if kind in {"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS", "TIMESTAMP_NS WITH TIME ZONE"}:
        local = "TIMESTAMP" if kind == "TIMESTAMP WITH TIME ZONE" else "TIMESTAMP_NS"
        return _moment(f"timezone('UTC', {value})", local, "Z")
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return _moment(value, kind, "")
    if kind == "TIME WITH TIME ZONE":
        # RFC 3339 offsets have minutes.
        return f"regexp_replace({value}::VARCHAR, '([+-][0-9]{{2}})$', '\\1:00')"
    if kind == "INTERVAL":
        return _duration(value)
    if kind in _FLOATS:
        return f"CASE WHEN isfinite({value}) THEN {value}::VARCHAR ELSE {_special(value)} END"
    if kind == "BLOB":
        return f"to_base64({value})"
    if _nested(kind):
        return f"CASE WHEN {value} IS NOT NULL THEN {member(value, kind)} END"
    return f"{value}::VARCHAR"


def json_object(members: Sequence[tuple[str, str, str]], *, strings: bool = False) -> str:
    """SQL for a JSON object of (name, value, type) members, in order.

    `strings`: integers of 64 bits and more and decimals are strings. Neighbours that DuckDB's own json_object renders
    as we would go through one call of it: planning a call for each member costs three times as much.
    """
    parts: list[str] = []
    for ours, neighbours in itertools.groupby(members, key=lambda one: _is_ours(one[2])):
        run = list(neighbours)
        if ours:
            parts += [
                part
                for name, value, kind in run
                for part in (_string(orjson.dumps(name).decode() + ":"), member(value, kind, strings=strings), "','")
            ]
        else:
            pairs = ", ".join(f"{_string(name)}, {_plain(value, kind, strings)}" for name, value, kind in run)
            parts += [f"json_object({pairs})[2:-2]", "','"]
    return f"concat('{{', {''.join(f'{part}, ' for part in parts[:-1])}'}}')"


def member(value: str, kind: str, *, strings: bool = False) -> str:
    """SQL for the JSON of a value; never NULL."""
    if kind == '"NULL"':
        return "'null'"
    return f"coalesce({_json(value, kind, strings)}, 'null')"


def exact_in_arrow(kind: str) -> bool:
    """Whether the engine's Arrow batches hold every value of `kind` as it is.

    UHUGEINT leaves as a signed decimal, TIME WITH TIME ZONE without its zone, BIT and BIGNUM in DuckDB's own layout.
    """
    return not re.search(r"\b(UHUGEINT|TIME WITH TIME ZONE|BIT|BIGNUM|VARIANT)\b", _unnamed(kind))


def exact_in_parquet(kind: str) -> bool:
    """Whether Parquet has a type for `kind`: it has none for intervals of months and for unions."""
    return exact_in_arrow(kind) and not re.search(r"\bINTERVAL\b|\bUNION\(|\"NULL\"", _unnamed(kind))


def _unnamed(kind: str) -> str:
    """`kind` without quoted names, which may read like types; "NULL" is a type."""
    return re.sub(r'"(?!NULL"(?:[ ,)\[]|$))(?:[^"]|"")*"', "x", kind)


def _json(value: str, kind: str, strings: bool) -> str:
    """SQL for the JSON of a value, NULL for NULL."""
    if kind.endswith("]"):
        return _list(value, kind[: kind.rindex("[")], strings)
    if strings and _LONG.match(kind):
        return f"""'"' || {value}::VARCHAR || '"'"""
    if kind in {"BOOLEAN", "BIGNUM"} or _NUMBERS.match(kind) or kind.startswith("DECIMAL"):
        return f"{value}::VARCHAR"
    if kind in _FLOATS:
        return f"""CASE WHEN isfinite({value}) THEN {value}::VARCHAR ELSE '"' || {_special(value)} || '"' END"""
    if kind == "JSON":
        return _valid(value)
    if kind.startswith("STRUCT("):
        members = [(name, f"{value}[{_string(name)}]", item) for name, item in _members(kind[7:-1])]
        return f"CASE WHEN {value} IS NOT NULL THEN {json_object(members, strings=strings)} END"
    if kind.startswith("TUPLE("):
        items = enumerate(split_types(kind[6:-1]), 1)
        parts = ", ',', ".join(member(f"{value}[{place}]", item, strings=strings) for place, item in items)
        return f"CASE WHEN {value} IS NOT NULL THEN concat('[', {parts}, ']') END"
    if kind.startswith("UNION("):
        return _union(value, kind, strings)
    if kind.startswith("MAP("):
        key, item = split_types(kind[4:-1])
        return _list(f"map_entries({value})", f'STRUCT("key" {key}, "value" {item})', strings)
    return f"to_json({cell(value, kind)})::VARCHAR"


def _list(value: str, item: str, strings: bool) -> str:
    variable = f"e{value.count('lambda')}x"
    shown = member(variable, item, strings=strings)
    return f"'[' || array_to_string(list_transform({value}, lambda {variable}: {shown}), ',') || ']'"


def _union(value: str, kind: str, strings: bool) -> str:
    """A union as an object whose one member is named by the tag."""
    cases = ""
    for name, item in _members(kind[6:-1]):
        shown = json_object([(name, f"union_extract({value}, {_string(name)})", item)], strings=strings)
        cases += f"WHEN {_string(name)} THEN {shown} "
    return f"CASE union_tag({value})::VARCHAR {cases}END"


def _valid(value: str) -> str:
    """The text of a JSON value as it stands, where that is JSON and one line.

    DuckDB takes NaN, infinities and trailing commas for JSON, and keeps line ends. A line end becomes a space, a value
    with trailing commas is written anew, and one with a number that JSON has not is a string of its text.
    """
    text = f"{value}::VARCHAR"
    unquoted = f"regexp_replace({text}, '\"(\\\\.|[^\"\\\\])*\"', '', 'g')"
    line = f"replace(replace({text}, chr(10), ' '), chr(13), ' ')"
    return (
        f"CASE WHEN NOT regexp_matches({text}, '(?i)(^|[:,\\[])\\s*-?(nan|inf)|,\\s*[\\]}}]|[\\r\\n]') THEN {text} "
        f"WHEN regexp_matches({unquoted}, '(?i)nan|inf') THEN to_json({text})::VARCHAR "
        f"WHEN regexp_matches({unquoted}, ',\\s*[\\]}}]') THEN to_json({value})::VARCHAR ELSE {line} END"
    )


def _is_ours(kind: str) -> bool:
    """Whether JSON of this type is rendered by `member`: DuckDB's own drops scale, or writes NaN."""
    return (
        kind in {"DOUBLE", "FLOAT", "HUGEINT", "UHUGEINT", "BIGNUM", "JSON", '"NULL"'}
        or kind.startswith("DECIMAL")
        or _nested(kind)
    )


def _plain(value: str, kind: str, strings: bool) -> str:
    if strings and _LONG.match(kind):
        return f"{value}::VARCHAR"
    return value if kind in {"BOOLEAN", "VARCHAR"} or _NUMBERS.match(kind) else cell(value, kind)


def _moment(value: str, kind: str, zone: str) -> str:
    """A date or time stamp; its zone is written only where it is finite."""
    shown = f"{value}::VARCHAR" if kind == "DATE" else f"replace({value}::VARCHAR, ' ', 'T')"
    shown = f"{shown} || '{zone}'" if zone else shown
    bounds = _DATE_TYPES.get(kind)
    if bounds is None:  # nanoseconds: from 1677 to 2262
        return f"CASE WHEN isfinite({value}) THEN {shown} ELSE {value}::VARCHAR END"
    return (
        f"CASE WHEN {value} BETWEEN {bounds[0]} AND {bounds[1]} THEN {shown} "
        f"WHEN isfinite({value}) THEN {_expanded(value, kind, zone)} ELSE {value}::VARCHAR END"
    )


def _expanded(value: str, kind: str, zone: str) -> str:
    """A date outside the years 1 to 9999: a sign and six digits (more if need be), 1 BC being +000000."""
    time = "" if kind == "DATE" else f" || 'T' || {value}::TIME::VARCHAR || '{zone}'"
    return f"format('{{:+07d}}', year({value})) || strftime({value}, '-%m-%d'){time}"


def _duration(value: str) -> str:
    """Years and months, days, and time each with their own sign, as PostgreSQL's intervalstyle iso_8601 has them."""

    def part(unit: str, letter: str) -> str:
        number = f"datepart('{unit}', {value})"
        return f"CASE WHEN {number} <> 0 THEN {number} || '{letter}' ELSE '' END"

    micros = f"datepart('microsecond', {value})"
    fraction = f"rtrim(lpad((abs({micros}) % 1000000)::VARCHAR, 6, '0'), '0')"
    seconds = (
        f"CASE WHEN {micros} <> 0 THEN concat(CASE WHEN {micros} < 0 THEN '-' ELSE '' END, abs({micros}) // 1000000, "
        f"CASE WHEN {micros} % 1000000 <> 0 THEN '.' || {fraction} ELSE '' END, 'S') ELSE '' END"
    )
    days = f"concat({part('year', 'Y')}, {part('month', 'M')}, {part('day', 'D')})"
    time = f"concat({part('hour', 'H')}, {part('minute', 'M')}, {seconds})"
    shown = f"concat('P', {days}, CASE WHEN {time} <> '' THEN 'T' || {time} ELSE '' END)"
    return f"CASE WHEN {value} IS NOT NULL THEN coalesce(nullif({shown}, 'P'), 'PT0S') END"


def _special(value: str) -> str:
    return f"CASE WHEN isnan({value}) THEN 'NaN' WHEN {value} > 0 THEN 'Infinity' WHEN {value} < 0 THEN '-Infinity' END"


def _string(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(("STRUCT(", "TUPLE(", "MAP(", "UNION("))


def _members(text: str) -> list[tuple[str, str]]:
    """Names and types of the members of a STRUCT or UNION: `"a b" INTEGER` or `a INTEGER`."""
    found: list[tuple[str, str]] = []
    for one in split_types(text):
        quoted = re.match(r'"((?:[^"]|"")*)" (.*)$', one, re.DOTALL)
        name, kind = (quoted[1].replace('""', '"'), quoted[2]) if quoted else one.split(" ", maxsplit=1)
        found.append((name, kind))
    return found


def split_types(text: str) -> list[str]:
    """The members of a type list, split at commas outside brackets and quotes."""
    parts, level, start, inside = [], 0, 0, False
    for place, letter in enumerate(text):
        if letter == '"':
            inside = not inside
        elif not inside and letter in "([":
            level += 1
        elif not inside and letter in ")]":
            level -= 1
        elif not inside and level == 0 and letter == ",":
            parts.append(text[start:place].strip())
            start = place + 1
    return [*parts, text[start:].strip()]
