"""The formats of to_char, to_date and to_timestamp as DuckDB's: the common ones, anything else is refused. Pure.

Source: PostgreSQL 15, chapter 9.8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.errors import BadQuery

# Fields that strftime writes alike.
_FIELDS: Mapping[str, str] = {
    "YYYY": "%Y",
    "YY": "%y",
    "IYYY": "%G",
    "MM": "%m",
    "DD": "%d",
    "DDD": "%j",
    "IW": "%V",
    "HH24": "%H",
    "HH12": "%I",
    "HH": "%I",
    "MI": "%M",
    "SS": "%S",
    "MS": "%g",
    "US": "%f",
    "AM": "%p",
    "PM": "%p",
}
# Fields that are expressions over $1: what strftime does not write, or pads otherwise.
_EXPRESSIONS: Mapping[str, str] = {
    "Month": "rpad(strftime($1, '%B'), 9, ' ')",
    "MONTH": "rpad(upper(strftime($1, '%B')), 9, ' ')",
    "month": "rpad(lower(strftime($1, '%B')), 9, ' ')",
    "Day": "rpad(strftime($1, '%A'), 9, ' ')",
    "DAY": "rpad(upper(strftime($1, '%A')), 9, ' ')",
    "day": "rpad(lower(strftime($1, '%A')), 9, ' ')",
    "Mon": "strftime($1, '%b')",
    "MON": "upper(strftime($1, '%b'))",
    "mon": "lower(strftime($1, '%b'))",
    "Dy": "strftime($1, '%a')",
    "DY": "upper(strftime($1, '%a'))",
    "dy": "lower(strftime($1, '%a'))",
    "am": "lower(strftime($1, '%p'))",
    "pm": "lower(strftime($1, '%p'))",
    "Q": "CAST(quarter($1) AS VARCHAR)",
    "D": "CAST(dayofweek($1) + 1 AS VARCHAR)",
    "ID": "CAST(isodow($1) AS VARCHAR)",
    "WW": "strftime($1, '%U')",
}
_UNPADDED: Mapping[str, str] = {"MM": "%-m", "DD": "%-d", "HH24": "%-H", "HH12": "%-I", "HH": "%-I", "MI": "%-M"}
_UNPADDED_TEXTS = frozenset({"Month", "MONTH", "month", "Day", "DAY", "day"})
_NAMES = sorted({*_FIELDS, *_EXPRESSIONS} - {"WW"}, key=len, reverse=True)
_TOKEN = re.compile(rf'"(?P<text>[^"]*)"|(?P<fm>FM)?(?P<field>{"|".join(_NAMES)})|(?P<other>.)', re.DOTALL)


def written(pattern: str) -> list[str]:
    """The parts of what to_char writes, as expressions over $1. Raises BadQuery (unsupported)."""
    parts: list[str] = []
    run = ""
    for token in _TOKEN.finditer(_upper(pattern)):
        field = token["field"]
        if field in _FIELDS or field is None:
            run += _plain(token)
            continue
        if run:
            parts.append(_formatted(run))
            run = ""
        expression = _EXPRESSIONS[field]
        parts.append(f"rtrim({expression})" if token["fm"] and field in _UNPADDED_TEXTS else expression)
    return [*parts, _formatted(run)] if run else parts


def read(pattern: str) -> str:
    """The format of strptime for one of to_date's or to_timestamp's. Raises BadQuery (unsupported)."""
    found = ""
    for token in _TOKEN.finditer(_upper(pattern)):
        if token["field"] in {"Mon", "MON", "mon"}:
            found += "%b"
        elif token["field"] is not None and token["field"] not in _FIELDS:
            raise _unknown(token["field"])
        else:
            found += _plain(token)
    return found


def _upper(pattern: str) -> str:
    """Fields of numbers mean the same in lower case."""
    return re.sub(
        r'"[^"]*"|yyyy|iyyy|hh24|hh12|mm|dd|hh|mi|ss|ms|us|yy|iw',
        lambda one: one[0] if '"' in one[0] else one[0].upper(),
        pattern,
    )


def _plain(token: re.Match[str]) -> str:
    if token["field"] is not None:
        return _UNPADDED.get(token["field"], _FIELDS[token["field"]]) if token["fm"] else _FIELDS[token["field"]]
    if token["text"] is not None:
        return str(token["text"]).replace("%", "%%")
    if token["other"].isalnum():
        raise _unknown(token["other"])
    return str(token["other"]).replace("%", "%%")


def _formatted(run: str) -> str:
    quoted = run.replace("'", "''")
    return f"strftime($1, '{quoted}')"


def _unknown(field: str) -> BadQuery:
    return BadQuery(
        f'the format "{field[:20]}" is not supported',
        reason="unsupported",
        hint="YYYY MM DD HH24 MI SS MS US Mon Day Q",
    )
