"""What the headers of content negotiation say: ranges with weights (RFC 9110, 12.4.2 and 12.5). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WEIGHT = re.compile(r"0(\.[0-9]*)?|1(\.0*)?|\.[0-9]+")


@dataclass(frozen=True)
class Range:
    """One member of an Accept header, in lower case. `weight` 0 says: not this one."""

    value: str
    parameters: frozenset[str]
    weight: float


def ranges(header: str) -> tuple[Range, ...]:
    """The members of `header` in their order; empty members are left out, a weight that is none counts as 0."""
    found: list[Range] = []
    for item in header.lower().split(","):
        value, *rest = [part.strip() for part in item.split(";")]
        if not value:
            continue
        parameters = [_parameter(part) for part in rest if part]
        weights = [part.removeprefix("q=") for part in parameters if part.startswith("q=")]
        weight = 1.0 if not weights else _weight(weights[0])
        found.append(Range(value, frozenset(part for part in parameters if not part.startswith("q=")), weight))
    return tuple(found)


def _parameter(text: str) -> str:
    name, _, value = text.partition("=")
    return f"{name.strip()}={value.strip().strip(chr(34))}"


def _weight(text: str) -> float:
    return float(text) if _WEIGHT.fullmatch(text) else 0.0
