"""What one statement may cost to plan, and what to change when it costs more. Touches nothing."""

from __future__ import annotations

from collections import Counter

from gateway.errors import BadQuery
from gateway.sql.growth import Bound

# 65,536 parts of copied aliases take 2.8 s to plan. What costs more than its share counts as more parts.
PARTS_LIMIT = 60_000
STEP_LIMIT = 100_000  # of 3 us, a query of ten
QUERY_STEPS = 10
ITEM_SIZE = 4  # a number takes 8 bytes, a character 1 or 2
RELATION_PARTS = 100
SUBQUERY_PARTS = 1_000  # 60 correlated ones take 9 s
NATURAL_PARTS = 2_000  # 30 of 100 columns take 6 s
DISTINCT_PARTS = 300  # 400 take 2.5 s
GROUPING_PARTS = 6  # for each column of each set: 20,000 take 3 s
CHAIN_PARTS = 25  # n terms of one AND or OR count n * n / 25: 1,000 take 2.6 s, 2,000 more than 10

ALIASES = "an alias is copied wherever it is used, compute it in a subquery or WITH query first"
STARS = "name the columns that are wanted instead of *, and use fewer pivoted values"
CHAINS = "use IN (...) or a join with VALUES instead of long AND or OR chains"
SUBQUERIES = "write subqueries as joins"
DISTINCT = "ask for fewer DISTINCT aggregates at once"
SETS = "use fewer grouping sets, or fewer columns in CUBE and ROLLUP"
NATURAL = "name the columns of a join with USING"
BY_NAME = "name the columns of each side instead of UNION BY NAME"
COPIES = "leave out NOT MATERIALIZED, or ask several smaller queries"


class Budget:
    """The steps that reading a statement took, and the parts in it that are copied or count more, by advice."""

    def __init__(self) -> None:
        self._steps = 0
        self._charges: Counter[str] = Counter()

    def step(self, count: int = 1) -> None:
        """Count steps of reading. Raises BadQuery (limit)."""
        self._steps += count
        if self._steps > STEP_LIMIT:
            raise BadQuery("the query is too complex: use fewer columns in recursive queries", reason="limit")

    def charge(self, bound: Bound, parts: int, advice: str) -> Bound:
        """`bound` with that many parts more. Raises BadQuery (limit)."""
        self.note(parts, advice)
        self.plannable(bound.parts + parts)
        return bound._replace(parts=bound.parts + parts)

    def note(self, parts: int, advice: str) -> None:
        """Remember that so many parts can be saved by following `advice`."""
        self._charges[advice] += parts

    def plannable(self, parts: int) -> None:
        """Raises BadQuery (limit) for more parts than can be planned, with the advice that saves most."""
        if parts > PARTS_LIMIT:
            (advice, charge), *_ = self._charges.most_common(1) or [(COPIES, 0)]
            raise BadQuery(
                f"the query is too large to plan, with more than {PARTS_LIMIT} parts once all is written out: "
                + (advice if charge > PARTS_LIMIT // 10 else COPIES),
                reason="limit",
            )
