"""The data clock: what "now" means to a product whose source ended, and its place in models and rules. Pure.

Models and rules write `$data_clock`; it stands for the declared timestamp, for a scalar SQL expression over the inputs,
or for the real time where a product declares no clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, time

from gateway import duck, tree
from gateway.errors import BadQuery

PARAMETER = "data_clock"


def canonical(declared: str) -> str:
    """An ISO timestamp (UTC, without offset) or the canonical text of one SQL expression. Raises BadQuery."""
    try:
        moment = datetime.fromisoformat(declared)
    except ValueError:
        node = duck.expression(declared)
        tree.check(duck.parse(f"SELECT {duck.write_expression(node)}"))
        return duck.write_expression(node)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat()


def is_constant(clock: str | None) -> bool:
    """Whether the clock needs no input: a timestamp, or the real time."""
    return clock is None or _moment(clock) is not None


def _moment(clock: str) -> datetime | None:
    try:
        return datetime.fromisoformat(clock)
    except ValueError:
        return None


def moment(clock: str | None) -> datetime:
    """The clock's time (UTC, without offset) where it is a timestamp; else the beginning of today."""
    return (_moment(clock) if clock else None) or datetime.combine(datetime.now(UTC).date(), time())


def expression(clock: str | None) -> str:
    """The clock as SQL of type TIMESTAMP."""
    if clock is None:
        return "CAST(now() AS TIMESTAMP)"
    moment = _moment(clock)
    return duck.literal(moment) if moment else f"CAST({clock} AS TIMESTAMP)"


def resolved(text: str, clock: str | None) -> str:
    """The canonical text of the SELECT `text`, `$data_clock` replaced in its tree.

    Raises BadQuery: syntax and allow-list findings, and any other parameter.
    """
    statement = duck.parse(text)
    replacement = duck.expression(expression(clock))
    for node in list(tree.nodes(statement)):
        if node.get("class") == "PARAMETER":
            if node["identifier"] != PARAMETER:
                raise BadQuery(f"${node['identifier']} is unknown here", reason="parameter", hint="only $data_clock")
            alias = node["alias"]
            node.clear()
            node.update(replacement | {"alias": alias})
    statement["named_param_map"] = []
    tree.check(statement)
    return duck.deparse(statement)
