"""Who uses a product, as far as its reader may know. Touches the gateway's front door only.

Counts are the scorecard's. Whose questions they were is asked of the product `outport` as of any other: its rows of
`usage` are one's own, and everybody's to who manages the product; no rule widens that.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from markupsafe import Markup

from gateway import Gateway, GatewayError, Query, VisibleProduct
from ports.http.exchange import Lifeline
from ports.http.pages import Reader
from ports.hub import drawings

DAYS = 30
SUBJECTS_LIMIT = 50
_WHERE = "FROM outport.usage WHERE product = $1 AND hour >= current_date - INTERVAL 30 DAY"
_BY_DAY = f"SELECT CAST(hour AS DATE) AS day, CAST(sum(queries) AS BIGINT) AS n {_WHERE} GROUP BY 1 ORDER BY 1"
_BY_SUBJECT = (
    "SELECT subject, kind, CAST(sum(queries) AS BIGINT) AS n, max(hour) AS last, "
    f"string_agg(DISTINCT port, ', ') AS ports, string_agg(DISTINCT nullif(purpose, ''), ', ') AS purposes {_WHERE} "
    f"GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT {SUBJECTS_LIMIT}"
)


@dataclass(frozen=True)
class Asked:
    """What one has asked in DAYS: as what kind, how often, when last, through which doors and for which purposes."""

    subject: str
    kind: str
    queries: int
    last: datetime
    ports: str
    purposes: str


@dataclass(frozen=True)
class Use:
    """The scorecard (None where there is none yet), who has asked as far as that is told, and a drawing of it."""

    card: Mapping[str, Any] | None
    asked: tuple[Asked, ...]
    drawing: Markup | None


def of(gateway: Gateway, reader: Reader, visible: VisibleProduct, lifeline: Lifeline) -> Use:
    """What its reader may know of its use."""
    name = visible.product.name
    card = None
    with suppress(GatewayError):
        card = next((one for one in gateway.scorecards.of(reader.session)["products"] if one["product"] == name), None)
    days: list[Mapping[str, Any]] = []
    asked: list[Mapping[str, Any]] = []
    with suppress(GatewayError):
        days = _rows(gateway, reader, _BY_DAY, name, lifeline)
        asked = _rows(gateway, reader, _BY_SUBJECT, name, lifeline) if days else []
    told = [
        Asked(one["subject"], one["kind"], one["n"], _utc(one["last"]), one["ports"], one["purposes"] or "")
        for one in asked
    ]
    return Use(card, tuple(told), _drawing({one["day"]: one["n"] for one in days}))


def _rows(gateway: Gateway, reader: Reader, text: str, name: str, lifeline: Lifeline) -> list[Mapping[str, Any]]:
    """The rows of a question that gives few. Raises GatewayError, also where the reader does not see `outport`."""
    with lifeline.hold(gateway.answer(reader.session, Query(text, (name,)))) as result:
        return [row for batch in result.batches() for row in batch.to_pylist()]


def _utc(hour: datetime) -> datetime:
    """An hour of `outport`'s tables, which are in UTC and say no zone."""
    return hour if hour.tzinfo is not None else hour.replace(tzinfo=UTC)


def _drawing(days: Mapping[date, int]) -> Markup | None:
    """Questions by day, days without one too; None for a single day."""
    if len(days) < 2:
        return None
    first, last = min(days), max(days)
    every = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    return drawings.series([(f"{one:%m-%d}", float(days.get(one, 0))) for one in every], "Questions by day")
