"""What a product promises, as something that can be measured: frozen values only. Touches nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["freshness", "availability", "latency", "errorRate", "quality", "detection", "repair"]
# Of these a minute is good or bad; of the others, each question is.
STATES: frozenset[Kind] = frozenset({"freshness", "quality", "detection", "repair"})
# Promises about incidents: breaking one is told, and is no incident of its own.
OF_INCIDENTS: frozenset[Kind] = frozenset({"detection", "repair"})
WINDOW_DAYS = 30


@dataclass(frozen=True, slots=True)
class Objective:
    """One promise of `slaProperties`. `share` of questions, or of minutes, is to be good within WINDOW_DAYS.

    `target` is in seconds (freshness, detection, repair), milliseconds (latency), or a share of 1; `warn` is the age
    from which data is stale. `port` is the door that it holds for, "" for all. `table` and `column` are its element, ""
    where the product as a whole is meant. `id` names no column: it is told to who may know of the product.
    """

    id: str
    kind: Kind
    promise: str
    port: str
    table: str
    column: str
    target: float
    share: float
    warn: float
    rule: str = ""
    rule_s: float = 1.0
    description: str = ""

    @property
    def reads(self) -> list[str]:
        """The table and the column that it speaks of, as `table.column`; none where it is of the whole product."""
        if not self.table:
            return []
        return [self.table, *([f"{self.table}.{self.column}"] if self.column else [])]

    @property
    def of_the_whole(self) -> bool:
        """Whether it is about all of the product, hidden tables and columns too: told to who sees all of it.

        Rules of one table may speak of any column, and of other tables.
        """
        return self.kind in OF_INCIDENTS or self.kind == "quality"

    @property
    def is_state(self) -> bool:
        """Whether it is looked at, not counted."""
        return self.kind in STATES
