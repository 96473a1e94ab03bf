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
_DAY, _TIME = "-%m-%d", "-%m-%dT%H:%M:%S.%f"
# Texts in which JSON has nothing to escape.
_SAFE = re.compile(r"(DATE|UUID|BIT|BLOB|INTERVAL)$|TIME")
# From so many on, json_object is worth its braces: a text in a call of its own takes 80 us more to plan.
MANY_TEXTS = 4


def cell(value: str, kind: str) -> str:
    """SQL for the text of a value; NULL stays NULL."""
    if _nested(kind):
        return f"CASE WHEN {value} IS NOT NULL THEN {member(value, kind)} END"
    if kind in {"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"}:
        return _zoned(value, kind)
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return _moment(value, kind)
    if kind == "TIME WITH TIME ZONE":
        # RFC 3339 offsets have minutes.
        return f"regexp_replace({value}::VARCHAR, '([+-][0-9]{{2}})$', '\\1:00')"
    if kind == "INTERVAL":
        return _duration(value)
    if kind in _FLOATS:
        return f"CASE WHEN isfinite({value}) THEN {value}::VARCHAR ELSE {_special(value)} END"
    if kind == "BLOB":
        return f"to_base64({value})"
    if kind.startswith("DECIMAL("):
        return _decimal(value, kind)
    return f"{value}::VARCHAR"


def client_text(value: str, kind: str) -> str:
    """The text of `cell`, in functions that a client's own statement may call: printf, faster to plan, is none."""
    return _FAR.sub(_without_printf, cell("\0", kind)).replace("\0", value)


def json_object(members: Sequence[tuple[str, str, str]], *, strings: bool = False) -> str:
    """SQL for a JSON object of (name, value, type) members, in order.

    `strings`: integers of 64 bits and more and decimals are strings. What DuckDB's own json_object renders as we would
    is left to it where that is the whole row, or many texts: it is planned faster, but cutting off its braces costs.
    """
    if all(_is_plain(kind) for _, _, kind in members):
        return f"json_object({_pairs(members, strings)})::VARCHAR"
    parts: list[str] = []
    for plain, neighbours in itertools.groupby(members, key=lambda one: _is_plain(one[2])):
        run = list(neighbours)
        if plain and sum(kind == "VARCHAR" for _, _, kind in run) >= MANY_TEXTS:
            parts += [f"json_object({_pairs(run, strings)})[2:-2]", "','"]
            continue
        for name, value, kind in run:
            parts += [_string(orjson.dumps(name).decode() + ":"), member(value, kind, strings=strings), "','"]
    return f"concat('{{', {''.join(f'{part}, ' for part in parts[:-1])}'}}')"


def member(value: str, kind: str, *, strings: bool = False) -> str:
    """SQL for the JSON of a value; never NULL."""
    if kind == '"NULL"':
        return "'null'"
    if kind == "VARCHAR":
        return f"coalesce(to_json({value})::VARCHAR, 'null')"
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
        return f"""'"' || {cell(value, kind)} || '"'"""
    if kind in {"BOOLEAN", "BIGNUM"} or _NUMBERS.match(kind) or kind.startswith("DECIMAL"):
        return cell(value, kind)
    if kind in _FLOATS:
        return f"""CASE WHEN isfinite({value}) THEN {value}::VARCHAR ELSE '"' || {_special(value)} || '"' END"""
    if kind == "JSON":
        return _valid(value)
    if kind.startswith("STRUCT("):
        members = [(name, f"{value}[{_string(name)}]", item) for name, item in member_types(kind[7:-1])]
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
    if _SAFE.match(kind):
        return f"""'"' || {cell(value, kind)} || '"'"""
    return f"to_json({cell(value, kind)})::VARCHAR"


def _list(value: str, item: str, strings: bool) -> str:
    variable = f"e{value.count('lambda')}x"
    shown = member(variable, item, strings=strings)
    return f"'[' || array_to_string(list_transform({value}, lambda {variable}: {shown}), ',') || ']'"


def _union(value: str, kind: str, strings: bool) -> str:
    """A union as an object whose one member is named by the tag."""
    cases = ""
    for name, item in member_types(kind[6:-1]):
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


def _is_plain(kind: str) -> bool:
    """Whether DuckDB's json_object renders this type as `member` does, if it is given numbers and texts."""
    drops_scale_or_writes_nan = {"DOUBLE", "FLOAT", "HUGEINT", "UHUGEINT", "BIGNUM", "JSON", '"NULL"'}
    return not (kind in drops_scale_or_writes_nan or kind.startswith("DECIMAL") or _nested(kind))


def _pairs(members: Sequence[tuple[str, str, str]], strings: bool) -> str:
    return ", ".join(f"{_string(name)}, {_plain(value, kind, strings)}" for name, value, kind in members)


def _plain(value: str, kind: str, strings: bool) -> str:
    if strings and _LONG.match(kind):
        return f"{value}::VARCHAR"
    return value if kind in {"BOOLEAN", "VARCHAR"} or _NUMBERS.match(kind) else cell(value, kind)


def _moment(value: str, kind: str) -> str:
    """A date or time stamp without a zone. An infinite one has no year, and its text no space."""
    if kind == "TIMESTAMP_NS":  # from 1677 to 2262
        return f"replace({value}::VARCHAR, ' ', 'T')"
    shown = f"{value}::VARCHAR" if kind == "DATE" else f"replace({value}::VARCHAR, ' ', 'T')"
    # strftime would take seconds and milliseconds for nanoseconds, which do not reach far.
    far = f"{value}::TIMESTAMP" if kind in {"TIMESTAMP_S", "TIMESTAMP_MS"} else value
    return (
        f"CASE WHEN year({value}) NOT BETWEEN 1 AND 9999 THEN {_expanded(far, _DAY if kind == 'DATE' else _TIME)} "
        f"ELSE {shown} END"
    )


def _zoned(value: str, kind: str) -> str:
    """A time stamp with a zone, as UTC."""
    local = f"timezone('UTC', {value})"
    shown = f"replace({local}::VARCHAR, ' ', 'T') || 'Z'"
    if kind != "TIMESTAMP WITH TIME ZONE":
        return f"CASE WHEN isfinite({local}) THEN {shown} ELSE {value}::VARCHAR END"
    return (
        f"CASE WHEN {local} BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999' THEN {shown} "
        f"ELSE coalesce({_expanded(local, _TIME + 'Z')}, {value}::VARCHAR) END"
    )


def _expanded(value: str, rest: str) -> str:
    """A date far away: a sign and six digits or more of years, 1 BC being +000000; NULL for an infinite one."""
    return f"printf('%+07d%s', year({value}), strftime({value}, '{rest}'))"


# What `_expanded` writes.
_CALL = r"(?:[^()]|\([^()]*\))*"
_FAR = re.compile(rf"printf\('%\+07d%s', year\(({_CALL})\), (strftime\({_CALL}\))\)")


def _without_printf(far: re.Match[str]) -> str:
    digits = f"abs(year({far[1]}))::VARCHAR"
    sign = f"CASE WHEN year({far[1]}) < 0 THEN '-' ELSE '+' END"
    return f"{sign} || right('00000' || {digits}, greatest(6, length({digits}))) || {far[2]}"


def _decimal(value: str, kind: str) -> str:
    """All digits, the one before the point too, which DuckDB leaves out where none is declared."""
    width, _, scale = kind.removeprefix("DECIMAL(").removesuffix(")").partition(",")
    text = f"{value}::VARCHAR"
    return f"regexp_replace({text}, '^(-?)[.]', '\\1' || '0.')" if width.strip() == scale.strip() else text


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


def member_types(text: str) -> list[tuple[str, str]]:
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
