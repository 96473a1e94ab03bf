"""Distributions that a mock draws values from, as contracts and the command write them: `normal(20, 5)`. Pure.

A draw is SQL over two independent uniform numbers of [0, 1): the same numbers give the same value on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# Kind -> its parameters, and the condition that they meet.
KINDS: Mapping[str, tuple[str, ...]] = {
    "uniform": ("low", "high"),
    "normal": ("mean", "standard deviation"),
    "lognormal": ("median", "sigma"),
    "exponential": ("mean",),
    "constant": ("value",),
}
WEIGHTS = "weights"
FORMS = (*(f"{kind}({', '.join(names)})" for kind, names in KINDS.items()), "weights(value=share, ...)")
_CALL = re.compile(r"\s*([a-z]+)\s*\((.*)\)\s*", re.DOTALL)
_SHARE = re.compile(r"\s*(.+?)\s*=\s*([0-9.eE+-]+)\s*", re.DOTALL)


class DrawError(Exception):
    """A text that is no distribution; the message says what would be one."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One distribution: `numbers` are its parameters in the order of KINDS, `shares` (value, weight) of `weights`."""

    kind: str
    numbers: tuple[float, ...] = ()
    shares: tuple[tuple[str, float], ...] = ()

    @property
    def shown(self) -> str:
        """The distribution as it is written."""
        if self.kind == WEIGHTS:
            return f"weights({', '.join(f'{value}={share:g}' for value, share in self.shares)})"
        return f"{self.kind}({', '.join(f'{number:g}' for number in self.numbers)})"

    def number(self, first: str, second: str) -> str:
        """SQL of type DOUBLE over two uniform numbers. Not for `weights`."""
        match self.kind, self.numbers:
            case "uniform", (low, high):
                return f"({low!r}::DOUBLE + {first} * ({high!r}::DOUBLE - {low!r}::DOUBLE))"
            case "normal", (mean, deviation):
                return f"({mean!r}::DOUBLE + {deviation!r}::DOUBLE * {_standard_normal(first, second)})"
            case "lognormal", (median, sigma):
                return f"({median!r}::DOUBLE * exp({sigma!r}::DOUBLE * {_standard_normal(first, second)}))"
            case "exponential", (mean,):
                return f"(-{mean!r}::DOUBLE * ln(1 - {first}))"
            case "constant", (value,):
                return f"{value!r}::DOUBLE"
        raise ValueError(self.kind)


def _standard_normal(first: str, second: str) -> str:
    """Box and Muller's transformation of two uniform numbers."""
    return f"sqrt(-2 * ln(1 - {first})) * cos(2 * pi() * {second})"


def parse(text: str) -> Draw:
    """The distribution that `text` writes. Raises DrawError."""
    called = _CALL.fullmatch(text)
    kind = called[1] if called else ""
    if called is None or kind not in {*KINDS, WEIGHTS}:
        raise DrawError(f"{text} is no distribution: one of {', '.join(FORMS)}")
    if kind == WEIGHTS:
        return _weights(text, called[2])
    try:
        numbers = tuple(float(part) for part in called[2].split(","))
    except ValueError:
        numbers = ()
    names = KINDS[kind]
    if len(numbers) != len(names) or not all(abs(number) < 1e15 for number in numbers):
        raise DrawError(f"{text}: {kind} takes {len(names)} numbers: {', '.join(names)}")
    if kind == "uniform" and numbers[0] > numbers[1]:
        raise DrawError(f"{text}: low is above high")
    if (kind in {"normal", "lognormal"} and numbers[1] < 0) or (
        kind in {"lognormal", "exponential"} and numbers[0] < 0
    ):
        raise DrawError(f"{text}: {names[0]} and {names[-1]} are not negative")
    return Draw(kind, numbers)


def _weights(text: str, body: str) -> Draw:
    shares = []
    for part in body.split(","):
        found = _SHARE.fullmatch(part)
        try:
            share = float(found[2]) if found else -1.0
        except ValueError:
            share = -1.0
        if found is None or not 0 <= share < 1e15:
            raise DrawError(f"{text}: weights takes value=share, and shares are not negative")
        shares.append((found[1], share))
    if not sum(share for _, share in shares):
        raise DrawError(f"{text}: no value has a share above 0")
    return Draw(WEIGHTS, shares=tuple(shares))
