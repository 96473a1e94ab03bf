"""What a question in an address is made of: names and values, words that join conditions, numbers. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway import BadQuery

LOGIC = ("and", "or", "not.and", "not.or")
COUNT_LIMIT = (1 << 63) - 1
Pairs = Sequence[tuple[str, str]]


def whole(name: str, text: str | None) -> int | None:
    """The number that the parameter `name` is, None where it is not given. Raises BadQuery."""
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) >= COUNT_LIMIT:
        raise BadQuery(f'"{text[:20]}" is not a value of {name}: it takes whole numbers from 0', reason="value")
    return int(text)


def single(given: Pairs, names: Sequence[str]) -> dict[str, str]:
    """Those of `names` that are given. Raises BadQuery where one is given twice."""
    found: dict[str, str] = {}
    for name, text in given:
        if name in names:
            if name in found:
                raise BadQuery(f'parameter "{name}" is given twice', reason="parameter")
            found[name] = text
    return found
