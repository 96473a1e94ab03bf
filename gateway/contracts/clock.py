"""The data clock: what "now" means to a product whose source ended, and its place in models and rules. Pure.

Models and rules write `$data_clock`; it stands for the declared timestamp, for a scalar SQL expression over the inputs,
or for the real time where a product declares no clock.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import UTC, datetime, time

from gateway.errors import BadQuery
from gateway.sql import duck, tree

PARAMETER = "data_clock"
# The moment from which the age of what is published goes on.
PUBLISHED = "published"
_READING = frozenset({"COLUMN_REF", "SUBQUERY"})
_TELLING = frozenset({"now", "today", "current_date", "get_current_timestamp", "transaction_timestamp"})


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


def stands(clock: str | None) -> bool:
    """Whether the clock is one moment for ever."""
    return clock is not None and _moment(clock) is not None


@functools.lru_cache(maxsize=256)
def needs_input(clock: str | None) -> bool:
    """Whether the clock is told by what its source holds: a timestamp is not, nor the real time moved by so much."""
    if clock is None or stands(clock):
        return False
    return any(node.get("class") in _READING for node in tree.nodes(duck.expression(clock)))


def tells_time(models: Iterable[str | None]) -> bool:
    """Whether one of `models` gives other rows at another time, of the same inputs."""
    texts = (text for text in models if text is not None)
    return any(node.get("function_name") in _TELLING for text in texts for node in tree.nodes(duck.parse(text)))


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


def measured(clock: str | None) -> str:
    """The clock in a rule of ours as SQL: of an expression over inputs, what the build has found it to be; without a
    clock the publication's moment, however long its build takes."""
    told = PUBLISHED if clock is None else PARAMETER
    return f"CAST(getvariable('{told}') AS TIMESTAMP)" if clock is None or needs_input(clock) else expression(clock)


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
