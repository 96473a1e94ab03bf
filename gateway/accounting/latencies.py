"""Latencies as a histogram of fixed logarithmic steps: merged by adding, asked for a quantile or a share. Pure.

A value is told to within GROWTH of itself, whatever its size: p95 of ten values or of ten million is as exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

# Each step is a twentieth wider than the one before: a quantile is at most 2.5 % beside the value.
GROWTH = 1.05
_PER_STEP = 1 / math.log(GROWTH)
# Milliseconds: a hundredth, and some more than an hour.
_FIRST, _LAST = -95, 310
Histogram = dict[int, int]


def step(ms: float) -> int:
    """The step that a latency belongs to: n holds what is above GROWTH^(n-1) and at most GROWTH^n milliseconds."""
    if ms <= 0.01:
        return _FIRST
    return min(math.ceil(math.log(ms) * _PER_STEP), _LAST)


def merge(into: Histogram, other: Mapping[int, int]) -> None:
    """Add `other` to `into`."""
    for number, count in other.items():
        into[number] = into.get(number, 0) + count


def quantile(histogram: Mapping[int, int], share: float) -> float | None:
    """Milliseconds that `share` of the values do not exceed; None where there is no value."""
    total = sum(histogram.values())
    needed = share * total
    seen = 0
    for number in sorted(histogram):
        seen += histogram[number]
        if seen >= needed:
            return math.exp((number - 0.5) / _PER_STEP)
    return None


def within(histogram: Mapping[int, int], limit_ms: float) -> int:
    """How many values are at most `limit_ms`; those of its own step count as such."""
    last = step(limit_ms)
    return sum(count for number, count in histogram.items() if number <= last)


def text(histogram: Mapping[int, int]) -> str:
    """The histogram in one line: `12:3 40:1`."""
    return " ".join(f"{number}:{count}" for number, count in sorted(histogram.items()))


def read(line: str) -> Histogram:
    """What `text` was given. Raises ValueError."""
    pairs = (one.split(":") for one in line.split())
    return {int(number): int(count) for number, count in pairs}
