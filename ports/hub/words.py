"""How the pages say things: times, shares, kinds, short texts, found words. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from markupsafe import Markup, escape

from ports.http import finding

SHORT = 220
LARGE = 1_000_000
_UNITS = {"d": "day", "h": "hour", "m": "minute", "min": "minute", "s": "second", "y": "year", "mo": "month"}
_KINDS = {"sourceAligned": "source-aligned", "aggregate": "aggregate", "consumerAligned": "consumer-aligned"}


def moment(time: datetime | None) -> str:
    """A time as a reader wants it: to the minute, with its zone where it has one."""
    if time is None:
        return "not declared"
    shown = time if time.tzinfo is None else time.astimezone(UTC)
    return shown.strftime("%Y-%m-%d %H:%M") + ("" if time.tzinfo is None else " UTC")


def percent(share: float) -> str:
    """A share as a whole percentage, rounded down: 99.9 % is not yet 100 %."""
    return f"{int(share * 100)} %"


def kind(text: str) -> str:
    """A kind of product in words."""
    return _KINDS.get(text, text)


def plain(name: str) -> str:
    """A name of a standard (`timeToRepair`) in words."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower().replace("_", " ")


def unit(text: str, value: object) -> str:
    """A unit in words, of so many."""
    whole = _UNITS.get(text, text)
    return whole if str(value) == "1" or text not in _UNITS else f"{whole}s"


def several(text: str, count: int) -> str:
    """A kind of consumer, of so many."""
    return text if count == 1 else {"person": "people"}.get(text, f"{text}s")


def short(text: str) -> str:
    """The beginning of a text, on one line."""
    whole = " ".join(text.split())
    return whole if len(whole) <= SHORT else whole[:SHORT].rpartition(" ")[0] + " ..."


def marked(text: str, query: str) -> Markup:
    """A text in which the words that begin with one of the query's are marked."""
    wanted = sorted((one for one in finding.words(query) if len(one) > 1), key=len, reverse=True)
    if not wanted:
        return escape(text)
    found = re.compile("(?<![a-zA-Z0-9])(" + "|".join(map(re.escape, wanted)) + ")", re.IGNORECASE)
    parts = found.split(text)
    return Markup("").join(Markup("<mark>{}</mark>").format(one) if i % 2 else one for i, one in enumerate(parts))


def amount(value: object, unit: str) -> str:
    """A measure's value with its unit; "" where there is none to show."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        return ""
    large = math.fabs(value) >= LARGE
    whole = f"{value:,.0f}" if large else f"{value:,.2f}".removesuffix(".00")
    return f"{whole} {unit}".strip()


FILTERS: Mapping[str, object] = {
    "moment": moment,
    "percent": percent,
    "kind": kind,
    "plain": plain,
    "unit": unit,
    "several": several,
    "short": short,
    "marked": marked,
}
