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
_SECONDS = "CAST(hour($1) * 3600 + minute($1) * 60 + second($1) AS VARCHAR)"
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
    "WW": "lpad(CAST((dayofyear($1) - 1) // 7 + 1 AS VARCHAR), 2, '0')",
    "W": "CAST((day($1) - 1) // 7 + 1 AS VARCHAR)",
    "CC": "lpad(CAST((year($1) - 1) // 100 + 1 AS VARCHAR), 2, '0')",
    "J": "CAST(CAST(floor(julian($1)) AS BIGINT) AS VARCHAR)",
    "Y,YYY": "regexp_replace(strftime($1, '%Y'), '^(.)', '\\1,')",
    "SSSSS": _SECONDS,
    "SSSS": _SECONDS,
    "TZ": "strftime($1, '%Z')",
    "OF": "strftime($1, '%z')",
}
_UNPADDED: Mapping[str, str] = {"MM": "%-m", "DD": "%-d", "HH24": "%-H", "HH12": "%-I", "HH": "%-I", "MI": "%-M"}
_UNPADDED_TEXTS = frozenset({"Month", "MONTH", "month", "Day", "DAY", "day"})
# Fields of intervals.
_SPANS: Mapping[str, tuple[str, int]] = {
    "HH24": ("hour", 2),
    "MI": ("minute", 2),
    "SS": ("second", 2),
    "DD": ("day", 2),
    "MM": ("month", 2),
    "YYYY": ("year", 4),
}
# The end of an ordinal number: 1st, 2nd, 3rd, 4th, 11th.
_ORDINAL = (
    "$1 || CASE WHEN regexp_matches($1, '1[0-9]$') THEN 'th' WHEN ends_with($1, '1') THEN 'st' "
    "WHEN ends_with($1, '2') THEN 'nd' WHEN ends_with($1, '3') THEN 'rd' ELSE 'th' END"
)
_NAMES = sorted({*_FIELDS, *_EXPRESSIONS}, key=len, reverse=True)
_TOKEN = re.compile(
    rf'"(?P<text>[^"]*)"|(?P<fm>FM)?(?P<field>{"|".join(_NAMES)})(?P<th>th|TH)?|(?P<other>.)', re.DOTALL
)


def written(pattern: str) -> list[str]:
    """The parts of what to_char writes, as expressions over $1. Raises BadQuery (unsupported)."""
    parts: list[str] = []
    run = ""
    for token in _TOKEN.finditer(_upper(pattern)):
        field = token["field"]
        if (field in _FIELDS and not token["th"]) or field is None:
            run += _plain(token)
            continue
        if run:
            parts.append(_formatted(run))
            run = ""
        if token["th"]:
            shown = _EXPRESSIONS.get(field) or _formatted(_plain(token))
            ordinal = _ORDINAL.replace("$1", shown)
            parts.append(f"upper({ordinal})" if token["th"] == "TH" else ordinal)
            continue
        expression = _EXPRESSIONS[field]
        parts.append(f"rtrim({expression})" if token["fm"] and field in _UNPADDED_TEXTS else expression)
    return [*parts, _formatted(run)] if run else parts


def of_interval(pattern: str) -> list[str]:
    """The same of an interval: its parts as they are, none made of another. Raises BadQuery (unsupported)."""
    parts = list[str]()
    for token in _TOKEN.finditer(_upper(pattern)):
        if token["field"] is None:
            plain = _plain(token).replace("%%", "%").replace("'", "''")
            parts.append(f"'{plain}'")
            continue
        if token["field"] not in _SPANS:
            raise _unknown(token["field"])
        name, width = _SPANS[token["field"]]
        shown = f"CAST(date_part('{name}', $1) AS VARCHAR)"
        parts.append(shown if token["fm"] else f"CASE WHEN length({shown}) < {width} THEN lpad({shown}, {width}, '0') "
                     f"ELSE {shown} END")  # fmt: skip
    return parts


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
