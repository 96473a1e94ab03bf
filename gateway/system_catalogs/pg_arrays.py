"""PostgreSQL's text of an array, such as {a,"b c",NULL}, as its elements. Pure. Source: PostgreSQL 15, 8.15.2."""

from __future__ import annotations

import re

_ELEMENT = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^",{}\\\s](?:[^",{}\\]*[^",{}\\\s])?))\s*(,|$)', re.DOTALL)


def elements(text: str) -> list[str | None] | None:
    """The elements of an array of one dimension, None where the text is no such array."""
    written = text.strip()
    if not (written.startswith("{") and written.endswith("}")):
        return None
    inside, place = written[1:-1], 0
    found: list[str | None] = []
    if not inside.strip():
        return []
    while True:
        one = _ELEMENT.match(inside, place)
        if one is None:
            return None
        quoted, bare, end = one.groups()
        if quoted is not None:
            found.append(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
        else:
            found.append(None if bare.lower() == "null" else bare)
        place = one.end()
        if not end:
            return found
