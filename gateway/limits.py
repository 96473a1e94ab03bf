"""What one query may use, and how much a principal may ask for: one frozen type, narrowed and never widened. Pure.

The deployment's settings stand first; a product's descriptor narrows them for whatever reads it, and the policies'
`limit` rules for whom they speak of. Both are written in the same words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s?(ms|s|m|h)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,3})?)\s?(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)", re.ASCII)
_POWERS = {"B": 0, "K": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True)
class Limits:
    """Seconds of computing, seconds of waiting for the consumer, rows and bytes of the answer; None: no limit.

    `memory_bytes` is what a query's sorts and hash tables hold before they spill, `cost` the rows that its joins may
    make by estimate. Of one principal: `running` queries at once in a process; in each window of the deployment's
    budget so many `queries`, and so many seconds of computing.
    """

    compute_s: float
    idle_s: float
    rows: int | None
    bytes: int | None = None
    memory_bytes: int | None = None
    cost: float | None = None
    running: int | None = None
    queries: int | None = None
    budget_s: float | None = None

    def narrowed(self, *others: Limits | None) -> Limits:
        """Of each kind the least of these and the others'."""
        said = [one for one in others if one is not None and one is not NOTHING]
        if not said:
            return self
        every = (self, *said)
        least = {
            field.name: min(
                (one for one in (getattr(each, field.name) for each in every) if one is not None), default=None
            )
            for field in fields(Limits)
        }
        return Limits(**least)  # type: ignore[arg-type]


NOTHING = Limits(math.inf, math.inf, None)

# The words of descriptors and rules: the field, and how its value is written.
_QUERY = {
    "statementTimeout": ("compute_s", "time"),
    "idleTimeout": ("idle_s", "time"),
    "maxRows": ("rows", "count"),
    "maxBytes": ("bytes", "size"),
    "memoryLimit": ("memory_bytes", "size"),
    "maxCost": ("cost", "count"),
}
_PRINCIPAL = {
    "maxConcurrency": ("running", "count"),
    "maxQueries": ("queries", "count"),
    "maxCompute": ("budget_s", "time"),
}
OF_PRODUCT: Mapping[str, tuple[str, str]] = _QUERY
OF_PRINCIPAL: Mapping[str, tuple[str, str]] = {**_QUERY, **_PRINCIPAL}
# Of all queries together that read products of a workspace.
OF_WORKSPACE = OF_PRINCIPAL
_FORMS = {
    "time": 'a duration such as "500ms", "30s" or "5m"',
    "count": "a whole number above 0",
    "size": 'a size such as "64MB" or "2GB"',
}


class LimitError(Exception):
    """What declares no limit: `key` (None: all of it), what is wrong, and what would be right."""

    def __init__(self, key: str | None, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.key, self.problem, self.remedy = key, problem, remedy


def declared(body: Any, known: Mapping[str, tuple[str, str]], ignored: frozenset[str] = frozenset()) -> Limits:
    """The limits that a mapping of such words declares. Raises LimitError for the first thing that is wrong."""
    if not isinstance(body, dict) or not body:
        raise LimitError(None, "limits are a mapping", "{maxRows: 1000, statementTimeout: 30s}")
    found: dict[str, float | int] = {}
    for key, value in body.items():
        if key in ignored:
            continue
        if key not in known:
            raise LimitError(str(key), f"unknown limit {key}", ", ".join(known))
        field, form = known[key]
        read = _READ[form](value)
        if read is None:
            raise LimitError(key, f"{key} {value} is no limit", _FORMS[form])
        found[field] = read
    return NOTHING.narrowed(Limits(**{"compute_s": math.inf, "idle_s": math.inf, "rows": None, **found}))  # type: ignore[arg-type]


def written(limits: Limits) -> dict[str, float | int]:
    """What `limits` leave, in the words that declare it: plain numbers, of seconds, bytes or pieces."""
    every = {word: getattr(limits, name) for word, (name, _) in OF_PRINCIPAL.items()}
    return {word: value for word, value in every.items() if value is not None and value != math.inf}


def size(value: object) -> int | None:
    """The bytes of a size such as 64MB; None where it is none."""
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return _count(value)
    base = 1024 if "i" in match[2] else 1000
    return max(1, int(float(match[1]) * base ** _POWERS[match[2][0]]))


def _time(value: object) -> float | None:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    seconds = float(match[1]) * _SECONDS[match[2]] if match else _count(value)
    return float(seconds) if seconds else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


_READ = {"time": _time, "count": _count, "size": size}
