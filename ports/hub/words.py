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
_SIGNS = {"percent": "%"}
_UNITS = {"d": "day", "h": "hour", "m": "minute", "min": "minute", "s": "second", "y": "year", "mo": "month", **_SIGNS}
_KINDS_SAID = {
    "sourceAligned": "as one source tells it: keys and rows, nothing added up",
    "aggregate": "made of other products, for several consumers",
    "consumerAligned": "made of other products, for the consumers that it names",
}
_KINDS = {"sourceAligned": "source-aligned", "aggregate": "aggregate", "consumerAligned": "consumer-aligned"}


_SOURCE = "source time"


def moment(time: datetime | str | None) -> str:
    """A time as a reader wants it: to the minute, with its zone; one without any is by its source's own clock."""
    if time is None:
        return "not declared"
    at = datetime.fromisoformat(time) if isinstance(time, str) else time
    if at.tzinfo is None:
        return f"{at:%Y-%m-%d %H:%M} {_SOURCE}"
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def clock(time: datetime) -> str:
    """What a label says of a time whose zone stands in the label, before `bare`: `, source time`."""
    return f", {_SOURCE}" if time.tzinfo is None else ""


def bare(time: datetime) -> str:
    """A moment whose label says that it is by its source's own clock."""
    return moment(time).removesuffix(f" {_SOURCE}")


def percent(share: float) -> str:
    """A share as a whole percentage, rounded down: 99.9 % is not yet 100 %."""
    return f"{int(share * 100)} %"


def kind(text: str) -> str:
    """A kind of product in words."""
    return _KINDS.get(text, text)


def kind_said(text: str) -> str:
    """What a kind of product is."""
    return _KINDS_SAID.get(text, "")


def plain(name: str) -> str:
    """A name of a standard (`timeToRepair`) in words."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower().replace("_", " ")


def unit(text: str, value: object) -> str:
    """A unit in words, of so many, with the space before it: ` days` of 3 d, ` %` of 99.9 percent."""
    if not text:
        return ""
    whole = _UNITS.get(text, text)
    return f" {whole}" if str(value) == "1" or text not in _UNITS or text in _SIGNS else f" {whole}s"


def duration(seconds: float) -> str:
    """A time that passes, by its two largest units: `4 minutes 38 s`, `7 days 48 minutes`."""
    left, parts = int(seconds), []
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}{'s' if count != 1 else ''}")
    parts += [f"{left} s"] if left or not parts else []
    return " ".join(parts[:2])


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
    if unit == "share":
        return f"{100 * value:.2f} %"
    large = math.fabs(value) >= LARGE
    whole = f"{value:,.0f}" if large else f"{value:,.2f}".removesuffix(".00")
    return f"{whole} {unit}".strip()


FILTERS: Mapping[str, object] = {
    "moment": moment,
    "clock": clock,
    "bare": bare,
    "percent": percent,
    "kind": kind,
    "kind_said": kind_said,
    "plain": plain,
    "unit": unit,
    "several": several,
    "short": short,
    "marked": marked,
}
