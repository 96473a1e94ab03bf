"""Values as the PostgreSQL wire shows them: the text of each type, and the Arrow values its binary formats follow from.

Pure: type texts to SQL expressions. Source: the output functions of PostgreSQL 15 under its default settings
(DateStyle ISO, IntervalStyle postgres, bytea_output hex, extra_float_digits 1).
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.serving.rendering import cell

_JSON_LIKE = ("STRUCT(", "MAP(", "UNION(", "TUPLE(")
_NEVER_QUOTED = frozenset(
    """
    BOOLEAN TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT DOUBLE FLOAT UUID
    """.split()
)
_REG_TYPES = frozenset({"regclass", "regtype", "regproc", "regprocedure", "regnamespace", "regrole"})
_NANOSECONDS = frozenset({"TIMESTAMPTZ_NS", "TIMESTAMP_NS WITH TIME ZONE"})
_AS_TEXT = frozenset({"BIT", "BIGNUM", "VARIANT", '"NULL"', "JSON"})


UTC = "UTC"


@dataclass(frozen=True)
class Wire:
    """The form of an answer on the PostgreSQL wire: for each column 0 (text) or 1 (binary).

    One code stands for all columns, none for text, as in a Bind message. `zone` (a name of the IANA's) is what times
    with a zone are shown in, and what the query's own expressions take for the session's.
    """

    codes: tuple[int, ...] = ()
    zone: str = UTC

    def of(self, columns: int) -> tuple[int, ...]:
        """A code for each of so many columns. Raises ValueError where their number is another."""
        if len(self.codes) == columns:
            return self.codes
        if len(self.codes) > 1:
            raise ValueError(f"bind message has {len(self.codes)} result formats but query has {columns} columns")
        return (self.codes or (0,)) * columns


def text(value: str, kind: str, zone: str = UTC) -> str:
    """SQL for PostgreSQL's text of a value; NULL stays NULL."""
    if kind.startswith("pg."):
        return _catalog_text(value, kind.removeprefix("pg."))
    if kind.endswith("]"):
        item = kind[: kind.rindex("[")]
        return cell(value, kind) if item.endswith("]") else _array(value, item, zone)
    if kind == "BOOLEAN":
        return f"CASE WHEN {value} THEN 't' WHEN NOT {value} THEN 'f' END"
    if kind in {"DOUBLE", "FLOAT"}:
        return _float(value, kind)
    if kind == "BLOB":
        return f"'\\x' || lower(hex({value}))"
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return _moment(value, kind, zone)
    if kind == "INTERVAL":
        return _interval(value)
    if kind.startswith("DECIMAL("):
        return cell(value, kind)
    if kind.startswith(_JSON_LIKE):
        return cell(value, kind)
    return f"{value}::VARCHAR"


def _catalog_text(value: str, name: str) -> str:
    """Types that stand in catalogs only: vectors are numbers with blanks between them, reg* types are names."""
    if name.startswith("_"):
        return _array(value, "BIGINT" if name in {"_oid", "_regclass", "_regtype"} else "VARCHAR")
    if name.endswith("vector"):
        return f"array_to_string({value}, ' ')"
    return f"cat_{name}_out({value})" if name in _REG_TYPES else f"{value}::VARCHAR"


def binary(value: str, kind: str) -> str:
    """SQL for a value from whose Arrow form the binary format follows: a BLOB where that is made of bytes."""
    if kind.startswith("pg."):
        return value
    if kind == "TIME WITH TIME ZONE":
        # Microseconds, and the zone's seconds west of UTC.
        zone = f"(4294967296 - datepart('timezone', {value})) % 4294967296"
        return f"unhex(lpad(to_hex(epoch_us({value})), 16, '0') || lpad(to_hex({zone}), 8, '0'))"
    if kind == "UUID":
        return f"unhex(replace({value}::VARCHAR, '-', ''))"
    if kind.endswith("]"):
        item = kind[: kind.rindex("[")]
        if item.endswith("]"):
            return cell(value, kind)
        variable = f"e{value.count('lambda')}x"
        inner = binary(variable, item)
        listed = f"{value}::{item}[]" if kind[-2] != "[" else value
        return listed if inner == variable else f"list_transform({listed}, lambda {variable}: {inner})"
    if kind in _AS_TEXT or kind.startswith(_JSON_LIKE):
        return text(value, kind)
    return value


def _float(value: str, kind: str) -> str:
    """Without the `.0` of whole numbers, NaN and infinities spelled out, an exponent from 1e15 (DOUBLE) or 1e6 on.

    Few calls: what a query's float columns cost to plan is what a short answer takes.
    """
    shown = f"{value}::VARCHAR"
    whole = f"CASE WHEN ends_with({shown}, '.0') THEN ({shown})[:-3] ELSE {shown} END"
    digits = f"regexp_replace(rtrim(replace({shown}, '.', ''), '0'), '^(-?[0-9])([0-9]+)$', '\\1.\\2')"
    power = "'15'"
    if kind == "FLOAT":
        power = f"lpad((length(split_part(replace({shown}, '-', ''), '.', 1)) - 1)::VARCHAR, 2, '0')"
    # From 1e16 on the engine writes an exponent itself; NULL, NaN and infinities come there too.
    other = f"replace(regexp_replace({shown}, '-?nan', 'NaN'), 'inf', 'Infinity')"
    least = "1e6" if kind == "FLOAT" else "1e15"
    far = f"WHEN abs({value}) < 1e16 THEN {digits} || 'e+' || {power}"
    return f"CASE WHEN abs({value}) < {least} THEN {whole} {far} ELSE {other} END"


def _interval(value: str) -> str:
    """One is singular and minus one is not; what follows a negative part has its sign."""
    shown = f"replace(replace({value}::VARCHAR, 'months', 'mons'), 'month', 'mon')"
    several = f"regexp_replace({shown}, '-1 (year|mon|day)( |$)', '-1 \\1s\\2', 'g')"
    return f"regexp_replace({several}, '(-[0-9]+ [a-z]+) ([0-9])', '\\1 +\\2', 'g')"


def _moment(value: str, kind: str, zone: str) -> str:
    """Times with their offset from UTC; a year before 1 has BC at the end."""
    zoned = kind in {"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS", "TIMESTAMP_NS WITH TIME ZONE"}
    if zoned:
        shown = f"timezone('{zone}', {value})::VARCHAR"
        end = " || '+00'" if zone == UTC else f" || {_offset(value, zone)}"
    else:
        shown, end = f"{value}::VARCHAR", ""
    finite = f"replace({shown}, ' (BC)', ''){end} || CASE WHEN contains({shown}, '(BC)') THEN ' BC' ELSE '' END"
    if kind in _NANOSECONDS:  # of which none is infinite
        return finite
    return f"CASE WHEN isfinite({value}) THEN {finite} ELSE {value}::VARCHAR END"


def _offset(value: str, zone: str) -> str:
    """`+02`, `-03:30`: hours, and minutes and seconds where there are any."""
    seconds = f"(epoch(timezone('{zone}', {value})) - epoch(timezone('UTC', {value})))::BIGINT"
    return (
        f"concat(CASE WHEN {seconds} < 0 THEN '-' ELSE '+' END, lpad((abs({seconds}) // 3600)::VARCHAR, 2, '0'), "
        f"CASE WHEN {seconds} % 3600 <> 0 THEN ':' || lpad((abs({seconds}) // 60 % 60)::VARCHAR, 2, '0') ELSE '' END, "
        f"CASE WHEN {seconds} % 60 <> 0 THEN ':' || lpad((abs({seconds}) % 60)::VARCHAR, 2, '0') ELSE '' END)"
    )


def _array(value: str, item: str, zone: str = UTC) -> str:
    """An array's text: `{1,NULL,"a b"}`."""
    variable = f"e{value.count('lambda')}x"
    shown = _element(text(variable, item, zone), item)
    elements = f"list_transform({value}, lambda {variable}: coalesce({shown}, 'NULL'))"
    return f"CASE WHEN {value} IS NOT NULL THEN '{{' || array_to_string({elements}, ',') || '}}' END"


def _element(shown: str, item: str) -> str:
    """An element's text, in quotes where an array would be read otherwise."""
    if item in _NEVER_QUOTED or item.startswith("DECIMAL("):
        return shown
    escaped = f"replace(replace({shown}, '\\', '\\\\'), '\"', '\\\"')"
    special = f"regexp_matches({shown}, '[{{}},\"\\\\\\s]') OR {shown} = '' OR lower({shown}) = 'null'"
    return f"CASE WHEN {special} THEN '\"' || {escaped} || '\"' ELSE {shown} END"
