"""The formula of a metric tree: arithmetic of measures, in exact numbers, and what each driver does to a change. Pure.

A change is shared among the drivers by Shapley's value (1953): the mean, over all orders in which they may change one
after another, of what each one's change adds. The shares add up to the change, whatever the formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import factorial

from gateway.errors import BadQuery
from gateway.sql import duck
from gateway.sql.tree import Node, nodes

DRIVER_LIMIT = 8
_OPERATORS = frozenset("+-*/")
Values = Mapping[str, Fraction]


@dataclass(frozen=True)
class Formula:
    """A formula over the measures `names`, each once, in the order in which it names them."""

    text: str
    names: tuple[str, ...]
    _whole: Node

    def value(self, values: Values) -> Fraction | None:
        """The formula's value, None where it divides by zero."""
        try:
            return _value(self._whole, values)
        except ZeroDivisionError:
            return None

    def effects(self, before: Values, after: Values) -> dict[str, Fraction] | None:
        """What each driver's change adds to the value; together the whole change. None where a value is undefined."""
        reached: dict[frozenset[str], Fraction] = {}
        for size in range(len(self.names) + 1):
            for changed in combinations(self.names, size):
                found = self.value({name: (after if name in changed else before)[name] for name in self.names})
                if found is None:
                    return None
                reached[frozenset(changed)] = found
        return {name: self._share(name, reached) for name in self.names}

    def _share(self, name: str, reached: Mapping[frozenset[str], Fraction]) -> Fraction:
        count = len(self.names)
        total = Fraction(0)
        for changed, value in reached.items():
            if name not in changed:
                weight = Fraction(factorial(len(changed)) * factorial(count - len(changed) - 1), factorial(count))
                total += weight * (reached[changed | {name}] - value)
        return total


def formula(text: str) -> Formula:
    """The formula that `text` is. Raises BadQuery for anything but + - * / of at most 8 measures and numbers."""
    whole = duck.expression(text)
    _check(whole)
    named = [node for node in nodes(whole) if node.get("class") == "COLUMN_REF"]
    named.sort(key=lambda node: int(node["query_location"]))
    names = tuple(dict.fromkeys(str(node["column_names"][0]).lower() for node in named))
    if not 1 <= len(names) <= DRIVER_LIMIT:
        raise BadQuery(f"a formula is of 1 to {DRIVER_LIMIT} measures", reason="limit")
    return Formula(text, names, whole)


def _arguments(node: Node) -> list[Node]:
    return [one["expression"] for one in node["arguments"]]


def _check(node: Node) -> None:
    match node["class"]:
        case "COLUMN_REF" if len(node["column_names"]) == 1:
            return
        case "CONSTANT" if node["literal"]["kind"] in {"INTEGER", "DECIMAL", "FLOAT", "NUMERIC", "NUMBER"}:
            return
        case "FUNCTION" if node["function_name"] in _OPERATORS or node["function_name"] == "nullif":
            for argument in _arguments(node):
                _check(argument)
            return
    raise BadQuery("a formula is made of measures, numbers, + - * / and nullif(x, 0)", reason="unsupported")


def _value(node: Node, values: Values) -> Fraction:
    if node["class"] == "COLUMN_REF":
        return values[str(node["column_names"][0]).lower()]
    if node["class"] == "CONSTANT":
        return Fraction(str(node["literal"]["text"]))
    first, *rest = (_value(argument, values) for argument in _arguments(node))
    if not rest:
        return -first if node["function_name"] == "-" else first
    match node["function_name"]:
        case "+":
            return first + rest[0]
        case "-":
            return first - rest[0]
        case "*":
            return first * rest[0]
        case "/":
            return first / rest[0]
    return first  # nullif(x, 0): a division by it is undefined
