"""The texts of PostgreSQL's intervals as months, days and microseconds, and those as DuckDB reads them. Pure.

Source: PostgreSQL 15, chapter 8.5.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

_LENGTH_LIMIT = 200
_UNITS: Mapping[str, tuple[str, int]] = {
    **dict.fromkeys(("millennium", "millennia"), ("months", 12_000)),
    **dict.fromkeys(("century", "centuries", "c"), ("months", 1_200)),
    **dict.fromkeys(("decade", "decades"), ("months", 120)),
    **dict.fromkeys(("y", "yr", "yrs", "year", "years"), ("months", 12)),
    **dict.fromkeys(("mon", "mons", "month", "months"), ("months", 1)),
    **dict.fromkeys(("w", "week", "weeks"), ("days", 7)),
    **dict.fromkeys(("d", "day", "days"), ("days", 1)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), ("us", 3_600_000_000)),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), ("us", 60_000_000)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("us", 1_000_000)),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), ("us", 1_000)),
    **dict.fromkeys(("us", "usec", "microsecond", "microseconds"), ("us", 1)),
}
_PIECE = re.compile(
    r"\s*+(?:([+-]?)(\d{1,9}):(\d\d?)(?::(\d\d?(?:\.\d{0,6})?))?(?=\s|$)"
    r"|([+-]?\d{1,12}(?:\.\d{0,12})?)\s*+([A-Za-z]+)(?=[\s\d+-]|$)"
    r"|([+-]?)(\d{1,6})-(\d\d?)(?=\s|$))"
)
_ISO = re.compile(
    r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)W)?(?:(-?\d+)D)?"
    r"(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?\d+(?:\.\d+)?)S)?)?"
)
_ISO_UNITS = ("year", "month", "week", "day", "hour", "minute", "second")


class PgInterval(NamedTuple):
    """An interval as PostgreSQL keeps it: no part is ever carried into another."""

    months: int
    days: int
    micros: int

    @property
    def text(self) -> str:
        """Its text as DuckDB reads it."""
        return f"{self.months} months {self.days} days {self.micros} microseconds"


def read(text: str) -> PgInterval | None:
    """The interval that a text says, None where it says none."""
    body = text.strip()
    if not 0 < len(body) <= _LENGTH_LIMIT:
        return None
    found = {"months": Fraction(0), "days": Fraction(0), "us": Fraction(0)}
    iso = _ISO.fullmatch(body)
    if iso is not None and any(iso.groups()):
        for value, name in zip(iso.groups(), _ISO_UNITS, strict=True):
            unit, factor = _UNITS[name]
            found[unit] += Fraction(value or 0) * factor
        return _whole(found)
    if body.isascii() and body.removeprefix("-").isdecimal():
        return _whole({**found, "us": Fraction(body) * 1_000_000})
    sign = -1 if body.lower().endswith(" ago") else 1
    body, place = body.removeprefix("@")[: -4 if sign < 0 else None].rstrip(), 0
    while place < len(body):
        piece = _PIECE.match(body, place)
        if piece is None or not _add(piece, found):
            return None
        place = piece.end()
    return _whole({unit: sign * value for unit, value in found.items()})


def _add(piece: re.Match[str], found: dict[str, Fraction]) -> bool:
    """One piece of an interval's text; False where its unit is none."""
    if piece[6]:
        if piece[6].lower() not in _UNITS:
            return False
        unit, factor = _UNITS[piece[6].lower()]
        found[unit] += Fraction(piece[5]) * factor
    elif piece[2]:
        clock = int(piece[2]) * 3600 + int(piece[3]) * 60 + Fraction(piece[4] or 0)
        found["us"] += (-1 if piece[1] == "-" else 1) * clock * 1_000_000
    else:
        found["months"] += (-1 if piece[7] == "-" else 1) * (int(piece[8]) * 12 + int(piece[9]))
    return True


def _whole(found: Mapping[str, Fraction]) -> PgInterval:
    """Fractions of months are days of 30, fractions of days are hours of 24."""
    months = int(found["months"])
    days = found["days"] + (found["months"] - months) * 30
    return PgInterval(months, int(days), int(found["us"] + (days - int(days)) * 86_400_000_000))
