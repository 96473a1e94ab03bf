"""What is said where a used column is asked for otherwise: its use, and what would be right. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gateway.decision import Decision, Use
from gateway.errors import BadQuery, Forbidden, GatewayError

_AGGREGATE = "write count, sum or avg of the bare column in one query block; groups of fewer are left out"
_JOIN = "join by equality along a declared relationship, group by it, or write count(DISTINCT column)"


def refusal(name: str, use: Use, why: str, place: int | None) -> Forbidden:
    """The refusal of one mention of the column `name`."""
    hint = _AGGREGATE if use.kind == "aggregate" else _JOIN
    words = f'column "{name}" is only for {use.words}' + (f": {why}" if why else "")
    return Forbidden(words, reason="use", hint=hint, position=place)


def explained(error: GatewayError, decisions: Iterable[Decision]) -> GatewayError:
    """`error`, or what is to be said where it misses a column that is used and not shown."""
    missing = re.fullmatch(r'column "([^"]+)" does not exist', error.message)
    if not isinstance(error, BadQuery) or error.reason != "column" or missing is None:
        return error
    name = missing[1].lower()
    use = next((decision.uses[name] for decision in decisions if name in decision.uses), None)
    return error if use is None else refusal(name, use, "", error.position)
