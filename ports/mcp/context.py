"""What a product's owner would have an agent know: the contract's `context`, as data; and a consumer's words. Pure.

A text that names anything which the principal does not see is left out as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from gateway import VisibleProduct
from ports.http import projection
from ports.mcp.budget import Json

LIMIT = 50
TEXT_LIMIT = 2000


def context(visible: VisibleProduct) -> Json:
    """Instructions, constraints and verified questions, each only where there are some."""
    hidden = _hidden(visible)
    notes: list[str] = []
    constraints: list[str] = []
    verified: list[Json] = []
    for one in _declared(visible):
        if isinstance(one, str):
            notes.append(one)
            continue
        notes += [str(one["instructions"])] if one.get("instructions") else []
        constraints += [str(each["constraint"]) for each in _items(one.get("constraints")) if each.get("constraint")]
        verified += [
            {"question": str(each["question"]), "answer": str(each.get("answer") or "")}
            for each in _items(one.get("verifiedStatements"))
            if each.get("question")
        ]
    found: Json = {
        "instructions": [one[:TEXT_LIMIT] for one in notes if _fit(one, hidden)][:LIMIT],
        "constraints": [one[:TEXT_LIMIT] for one in constraints if _fit(one, hidden)][:LIMIT],
        "verified": [one for one in verified if _fit(f"{one['question']} {one['answer']}", hidden)][:LIMIT],
    }
    return {name: value for name, value in found.items() if value}


def titled(visible: VisibleProduct) -> str:
    """The title as it stands among our own words: that of a projection is its consumer's, and quoted."""
    title = visible.product.title
    return f"projection of {visible.over}; {note(visible, title)}" if visible.over else title


def note(visible: VisibleProduct, text: str) -> str:
    """What is said of a product: in a projection what its owner has not said is its consumer's note, and quoted."""
    owners = (" ".join(one.description.split()) for one in visible.snapshot.source.product.tables)
    if not visible.over or any(one.startswith(text) for one in owners):
        return text
    return f"consumer's note: {orjson.dumps(text).decode()}"


def _declared(visible: VisibleProduct) -> Iterator[str | dict[str, Any]]:
    """Every context of the product's documents and of their visible tables."""
    shown = {one.table.name for one in visible.tables}
    for document in visible.product.documents.values():
        if not isinstance(document, dict):
            continue
        tables = [one for one in _items(document.get("schema")) if one.get("name") in shown]
        for part in (document, *tables):
            given = part.get("context")
            if isinstance(given, str | dict):
                yield given


def _items(given: Any) -> list[dict[str, Any]]:
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def _hidden(visible: VisibleProduct) -> set[str]:
    """Names of the product that do not exist for the principal: tables, columns, measures and dimensions."""
    shown: set[str] = set()
    every: set[str] = set()
    for table in visible.product.tables:
        every |= {table.name, *(one.name for one in table.columns), *(one.name for one in table.semantics)}
    for seen in visible.tables:
        shown |= {seen.table.name, *(one.name for one in seen.known), *(one.name for one in seen.semantics)}
    return every - shown


def _fit(text: str, hidden: Iterable[str]) -> bool:
    return not projection.words(text) & set(hidden)
