"""Measures as they are asked for, by name, with what they can be grouped by. Touches the front door only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway import BadQuery, Gateway, NotFound, Pin, Reference, Semantic, Session, VisibleProduct, VisibleTable
from ports.http import grouping, names
from ports.http.grouping import Of
from ports.http.measured import MEASURES_LIMIT


@dataclass(frozen=True)
class Named:
    """A measure of a visible table."""

    table: VisibleTable
    semantic: Semantic


def named(visible: VisibleProduct, text: str) -> list[Named]:
    """The measures `m` or `table.m`, separated by commas. Raises NotFound, BadQuery."""
    every = [Named(table, one) for table in visible.tables for one in table.semantics if one.kind == "measure"]
    found: list[Named] = []
    for written in text.split(",")[: MEASURES_LIMIT + 1]:
        table, _, name = written.strip().lower().rpartition(".")
        meant = [one for one in every if one.semantic.name == name and table in {"", one.table.table.name}]
        if not meant:
            known = tuple(one.semantic.name for one in every)
            words = f'measure "{written[:120]}" does not exist'
            raise NotFound(words, reason="measure", hint=names.advice(name, known))
        if len(meant) > 1:
            several = ", ".join(f"{one.table.table.name}.{name}" for one in meant)
            raise BadQuery(f'"{name}" is a measure of several tables', reason="ambiguous", hint=f"write {several}")
        found += [one for one in meant if one not in found]
    if len(found) > MEASURES_LIMIT:
        raise BadQuery(f"at most {MEASURES_LIMIT} measures are asked for at once", reason="limit")
    return found


def tables(gateway: Gateway, session: Session, pin: Pin, schema: str, found: Sequence[Named]) -> list[Of]:
    """The tables of the measures, each with all that its measures can be grouped by. Raises NotFound, Forbidden."""
    by_table: dict[str, list[Semantic]] = {}
    for one in found:
        by_table.setdefault(one.table.table.name, []).append(one.semantic)

    def follow(far: str, name: str) -> Sequence[Reference]:
        return gateway.references(session, far, name, pin)

    return [
        grouping.of(schema.lower(), gateway.table(session, schema, name, pin), semantics, follow)
        for name, semantics in by_table.items()
    ]
