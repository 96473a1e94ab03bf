"""What a contract says of measures and dimensions beside their expressions, and what follows from these. Pure.

Custom properties of the vendor outport: metricTree, alternatives, unit, format; of dimensions grains and timeZone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from gateway.contracts import metric_formula
from gateway.contracts.odcs import Property
from gateway.document import Path, Report
from gateway.errors import BadQuery
from gateway.product import Alternative, MetricTree, Semantic
from gateway.sql import duck, grammar, syntax, tree
from gateway.sql.tree import Node

GRAINS = ("minute", "hour", "day", "week", "month", "quarter", "year")
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
_ADDING = frozenset({"sum", "count", "count_star", "count_if", "countif"})


def told(
    semantic: Semantic, item: Property, measures: Sequence[str], file: str, path: Path, report: Report
) -> Semantic:
    """`semantic` with what the contract says of it, among its `measures`; what is not understood is an error there."""
    place = (*path, "customProperties")
    found = replace(semantic, unit=_text(item, "unit"), format=_text(item, "format"))
    if semantic.kind == "dimension":
        return _time(found, item, file, place, report)
    return replace(
        found,
        tree=_tree(item, measures, file, place, report),
        alternatives=_alternatives(item, measures, file, place, report),
    )


def _text(item: Property, name: str) -> str:
    return str(item.custom(name) or "")


def _time(semantic: Semantic, item: Property, file: str, place: Path, report: Report) -> Semantic:
    grains, zone = item.custom("grains") or [], _text(item, "timeZone")
    if not grains and not zone:
        return semantic
    if semantic.type not in _TIMES:
        report.error(file, place, f"{semantic.name} is {semantic.type} and has no grains", "a date or a timestamp")
    elif not isinstance(grains, list) or not set(grains) <= set(GRAINS):
        report.error(file, place, f"the grains of {semantic.name} are not understood", f"of {', '.join(GRAINS)}")
    elif zone and (zone.lower() not in duck.time_zones() or semantic.type != "TIMESTAMP WITH TIME ZONE"):
        problem = f"the timeZone of {semantic.name} is not understood"
        report.error(file, place, problem, "a zone's name, such as Europe/Vienna, of a TIMESTAMPTZ")
    else:
        return replace(semantic, grains=tuple(grains), zone=zone)
    return semantic


def _tree(item: Property, measures: Sequence[str], file: str, place: Path, report: Report) -> MetricTree | None:
    declared = item.custom("metricTree")
    if declared is None:
        return None
    if not isinstance(declared, dict) or set(declared) - {"northStar", "drivers", "formula"}:
        report.error(file, place, "metricTree is not understood", "northStar, drivers (a list), formula")
        return None
    drivers = [str(driver) for driver in declared.get("drivers") or []]
    text = str(declared.get("formula") or "")
    try:
        named = metric_formula.formula(text).names if text else ()
    except BadQuery as error:
        report.error(file, place, f"the formula is not understood: {error.message}", "arithmetic of measures")
        return None
    if not _known([*drivers, *named], measures, "the metric tree", file, place, report):
        return None
    return MetricTree(declared.get("northStar") is True, tuple(drivers or named), text)


def _alternatives(
    item: Property, measures: Sequence[str], file: str, place: Path, report: Report
) -> tuple[Alternative, ...]:
    declared = item.custom("alternatives")
    keys = {"measure", "proposedBy", "reason"}
    if declared is None:
        return ()
    if not isinstance(declared, list) or any(not isinstance(one, dict) or set(one) != keys for one in declared):
        report.error(file, place, "alternatives are not understood", "a list of {measure, proposedBy, reason}")
        return ()
    named: list[dict[str, Any]] = declared
    if not _known([str(one["measure"]) for one in named], measures, "an alternative", file, place, report):
        return ()
    return tuple(Alternative(str(one["measure"]), str(one["proposedBy"]), str(one["reason"])) for one in named)


def _known(named: Sequence[str], measures: Sequence[str], what: str, file: str, place: Path, report: Report) -> bool:
    unknown = [name for name in dict.fromkeys(named) if name not in measures]
    for name in unknown:
        known = ", ".join(sorted(measures))
        report.error(file, place, f"{what} names {name}", f"a measure of this table: {known}")
    return not unknown


def bare_divisor(expression: Node) -> str | None:
    """What a measure divides by though it may be 0, as text; None where every division says what happens then."""
    for node in tree.nodes(expression):
        if node.get("class") == "FUNCTION" and node["function_name"] in {"/", "//", "%"}:
            divisor = node["arguments"][-1]["expression"]
            if not _ruled(divisor) and not _number(divisor):
                return duck.write_expression(divisor)
    return None


def _ruled(divisor: Node) -> bool:
    """Whether it says what is so where it would be 0."""
    if divisor["class"] == "CAST":
        return _ruled(divisor["child"])
    if divisor["class"] == "CASE":
        return True
    name = divisor.get("function_name")
    arguments = [one["expression"] for one in divisor["arguments"]] if name in {"nullif", "greatest"} else []
    if name == "nullif":
        return arguments[-1]["class"] == "CONSTANT" and not _number(arguments[-1])
    return any(_number(one) and not str(one["literal"]["text"]).startswith("-") for one in arguments)


def _number(node: Node) -> bool:
    return node["class"] == "CONSTANT" and str(node["literal"]["text"]).strip("0.") != ""


def additive(expression: Node, known: Collection[str]) -> bool:
    """Whether a measure of parts adds up: sums and counts, those of `known` names, their sums and fixed multiples."""
    if expression["class"] == "COLUMN_REF":
        return str(expression["column_names"][0]).lower() in known
    if expression["class"] == "CAST":
        return additive(expression["child"], known)
    if expression["class"] != "FUNCTION":
        return False
    name, arguments = tree.called(expression), [one["expression"] for one in expression["arguments"]]
    if name in _ADDING:
        return not expression["distinct"]
    if name in grammar.AGGREGATES:
        return False
    if name in {"+", "-"}:
        return all(additive(one, known) for one in arguments)
    fixed = [one for one in arguments if isinstance(syntax.constant(one), int) or _number(one)]
    if name == "*" and len(fixed) == 1:
        return additive(next(one for one in arguments if one not in fixed), known)
    return name == "/" and len(fixed) == 1 and fixed[0] is arguments[1] and additive(arguments[0], known)
