"""Dates, times and intervals of a Bind message to values: text and binary. Pure.

What Python's own types cannot hold (years before 1 and after 9999, infinities, months) is a text that the engine reads
as the type beside which it stands. Source: the input and receive functions of PostgreSQL 15.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

from gateway import PgInterval, pg_interval

START = datetime(2000, 1, 1)
_START_DAY = START.date().toordinal()
_MOMENT = re.compile(
    r"(\d{4,7})-(\d\d?)-(\d\d?)"
    r"(?:[T ](\d\d?:\d\d?(?::\d\d?(?:\.\d{1,6})?)?)(?:\s*([+-]\d\d(?::?\d\d)?|Z))?)?( BC)?",
    re.IGNORECASE,
)
_TIME = re.compile(r"\d\d?:\d\d?(?::\d\d?(?:\.\d{1,6})?)?")
_Near = TypeVar("_Near", bound=date)
_DAY_US = 86_400_000_000
_CYCLE_DAYS = 146_097  # of 400 years


class NoMoment(ValueError):
    """A text that is no date, time or interval at all."""


class OutOfRange(ValueError):
    """A field of a date or time that no calendar or clock has."""


def day(text: str) -> date | str:
    """A date."""
    written = text.strip()
    return _infinite(written) or _read(written, lambda: date.fromisoformat(written), clock=False)


def moment(text: str, *, zoned: bool) -> datetime | str:
    """A timestamp; one with a zone in UTC, where the text tells an offset."""
    written = text.strip()

    def near() -> datetime:
        found = datetime.fromisoformat(written[:-1] + "+00:00" if written[-1:] in "zZ" else written)
        if not zoned:
            return found.replace(tzinfo=None)
        return found.astimezone(UTC) if found.tzinfo else found

    return _infinite(written) or _read(written, near, clock=True)


def _infinite(text: str) -> str:
    word = text.lower().removeprefix("+")
    return word if word in {"infinity", "-infinity"} else ""


def _read(text: str, near: Callable[[], _Near], *, clock: bool) -> _Near | str:
    """What Python reads, or the same for the engine. Raises NoMoment, OutOfRange."""
    parts = _MOMENT.fullmatch(text)
    try:
        if parts is None or not (parts[6] or len(parts[1]) > 4):
            return near()
    except (ValueError, OverflowError) as error:
        if parts is None:
            raise NoMoment from error
        raise OutOfRange from error
    year, month, number = (int(parts[place]) for place in (1, 2, 3))
    leap = (1 - year if parts[6] else year) % 400 + 400
    try:
        date(leap, month, number)
    except ValueError as error:
        raise OutOfRange from error
    shown = f"{year:04}-{month:02}-{number:02}{' (BC)' if parts[6] else ''}"
    return f"{shown} {parts[4] or '00:00:00'}{parts[5] or ''}" if clock else shown


def clock(text: str) -> time | str:
    """A time of a day, the end of the day with it."""
    written = text.strip()
    try:
        return "24:00:00" if re.fullmatch(r"24:00(:00(\.0+)?)?", written) else time.fromisoformat(written)
    except ValueError as error:
        raise OutOfRange if _TIME.fullmatch(written) else NoMoment from error


def interval(text: str) -> timedelta | str:
    """An interval."""
    found = pg_interval(text)
    if found is None:
        raise NoMoment
    return _span(found)


def _span(found: PgInterval) -> timedelta | str:
    """As Python's where that keeps days and hours apart as they are."""
    exact = not found.months and 0 <= found.micros < _DAY_US and abs(found.days) < 999_999_999
    return timedelta(days=found.days, microseconds=found.micros) if exact else found.text


def binary_day(data: bytes) -> date | str:
    """A date's days from 2000 on."""
    (days,) = struct.unpack("!i", data)
    if days in {2**31 - 1, -(2**31)}:
        return "infinity" if days > 0 else "-infinity"
    ordinal = _START_DAY + days
    return date.fromordinal(ordinal) if 0 < ordinal <= date.max.toordinal() else _far(ordinal)


def _far(ordinal: int) -> str:
    """The date of a day that Python has not; calendars repeat after 400 years."""
    cycles, rest = divmod(ordinal - 1, _CYCLE_DAYS)
    near = date.fromordinal(rest + 1)
    year = near.year + 400 * cycles
    return f"{year if year > 0 else 1 - year:04}-{near:%m-%d}{'' if year > 0 else ' (BC)'}"


def binary_moment(data: bytes, *, zoned: bool) -> datetime | str:
    """A timestamp's microseconds from 2000 on."""
    (micros,) = struct.unpack("!q", data)
    if micros in {2**63 - 1, -(2**63)}:
        return "infinity" if micros > 0 else "-infinity"
    days, rest = divmod(micros, _DAY_US)
    ordinal = _START_DAY + days
    if 0 < ordinal <= date.max.toordinal():
        found = START + timedelta(microseconds=micros)
        return found.replace(tzinfo=UTC) if zoned else found
    return f"{_far(ordinal)} {(datetime.min + timedelta(microseconds=rest)).time()}{'+00' if zoned else ''}"


def binary_clock(data: bytes) -> time | str:
    """A time's microseconds."""
    (micros,) = struct.unpack("!q", data)
    if not 0 <= micros <= _DAY_US:
        raise OutOfRange
    return "24:00:00" if micros == _DAY_US else (datetime.min + timedelta(microseconds=micros)).time()


def binary_interval(data: bytes) -> timedelta | str:
    """An interval's microseconds, days and months."""
    micros, days, months = struct.unpack("!qii", data)
    return _span(PgInterval(months, days, micros))
