"""Times that were announced in which products need not be served: declared beforehand, on file. Touches the ledger.

A window counts from when it was declared: nobody can excuse what was.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway import ticking
from gateway.accounting.ledger import Ledger, Row
from gateway.errors import BadQuery, NotFound

KIND = "maintenance"
# Longer than that it is no maintenance, and every promise of availability could be kept by not serving.
LONGEST = timedelta(days=7)
_YEAR = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Window:
    """From `begins` until `ends`, of these products (none named: of all), as somebody said at `declared`."""

    id: str
    declared: datetime
    begins: datetime
    ends: datetime
    products: tuple[str, ...]
    by: str
    reason: str

    def holds(self, product: str, minute: int) -> bool:
        """Whether a minute (of the epoch) of a product lies in it."""
        begun = max(self.begins, self.declared).timestamp() // 60
        return (not self.products or product in self.products) and begun <= minute < self.ends.timestamp() // 60

    @property
    def row(self) -> Row:
        """As the ledger keeps it."""
        return {
            "at": ticking.text(self.declared),
            "window": self.id,
            "event": "declared",
            "begins": ticking.text(self.begins),
            "ends": ticking.text(self.ends),
            "products": list(self.products),
            "by": self.by,
            "reason": self.reason,
        }


def declared(begins: datetime, ends: datetime, products: Iterable[str], by: str, reason: str, now: datetime) -> Window:
    """A window to come, or that begins now. Raises BadQuery."""
    if ends <= max(begins, now):
        raise BadQuery("the window is over before it begins, or is past", reason="value")
    if ends - begins > LONGEST or begins - now > _YEAR:
        raise BadQuery(f"a window of at most {LONGEST.days} days, within a year", reason="value")
    return Window(uuid.uuid4().hex[:12], now, begins, ends, tuple(sorted(set(products))), by, reason)


def cancelled(windows: Iterable[Window], window: str, by: str, now: datetime) -> Row:
    """The row that ends a window that is not over. Raises NotFound."""
    if not any(one.id == window and one.ends > now for one in windows):
        raise NotFound(f'window "{window:.64}" does not exist, or is over', reason="window")
    return {"at": ticking.text(now), "window": window, "event": "cancelled", "by": by}


def windows(ledger: Ledger, since: datetime | None = None) -> tuple[Window, ...]:
    """What was declared since a year before a moment, in the order in which it begins. Raises Unavailable."""
    found: dict[str, Window] = {}
    for row in ledger.rows(KIND, None if since is None else since - _YEAR):
        try:
            name, at = str(row["window"]), ticking.read(str(row["at"]))
            if row["event"] == "declared":
                begins, ends = ticking.read(str(row["begins"])), ticking.read(str(row["ends"]))
                products = row["products"] if isinstance(row["products"], list) else []
                found[name] = Window(name, at, begins, ends, tuple(products), str(row["by"]), str(row["reason"]))
            elif name in found:
                found[name] = replace(found[name], ends=min(found[name].ends, at))
        except (KeyError, ValueError):
            continue
    return tuple(sorted(found.values(), key=lambda one: one.begins))
