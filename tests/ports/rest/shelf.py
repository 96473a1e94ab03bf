"""One visible table of every type, for tests that need no gateway."""

from __future__ import annotations

from gateway import Column, Decision, Table, Treatment, VisibleTable

TYPES = {
    "id": "BIGINT",
    "name": "VARCHAR",
    "price": "DECIMAL(18,2)",
    "weight": "DOUBLE",
    "sold": "BOOLEAN",
    "made": "DATE",
    "seen": "TIMESTAMP",
    "sent": "TIMESTAMP WITH TIME ZONE",
    "code": "UUID",
    "photo": "BLOB",
    "labels": "VARCHAR[]",
    "sizes": "BIGINT[]",
}


def column(name: str, kind: str) -> Column:
    return Column(name, kind, False, False, "internal", frozenset(), "", "")


COLUMNS = {name: column(name, kind) for name, kind in TYPES.items()}


def table(key: tuple[str, ...] = ("id",)) -> VisibleTable:
    """The shelf as one sees it who may see all but `quux`."""
    columns = tuple(COLUMNS.values())
    declared = Table("shelf", "", "", (*columns, column("quux", "VARCHAR")), key, (), (), (), None)
    treatments = {one.name: Treatment("raw", f'"{one.name}"', "", ("all",)) for one in columns}
    treatments["quux"] = Treatment("hidden", "", "", ("quux",))
    decision = Decision("shop", "shelf", ("all",), None, treatments, float("inf"), (), {})
    return VisibleTable(declared, decision, columns, key, ())
