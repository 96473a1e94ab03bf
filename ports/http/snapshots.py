"""The kept snapshots of a product as a principal may see them. Pure, but for asking the gateway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway import Expired, Gateway, NotFound, Session, Snapshot
from ports.http.projection import row_count
from ports.http.provenance import timestamp


@dataclass(frozen=True)
class Listed:
    """A snapshot that can be asked for by its id; `until` None: it is served now.

    `rows` are those of the tables of which every row is visible, `quality` the share of rules that are seen and hold.
    """

    snapshot: Snapshot
    until: datetime | None
    rows: Mapping[str, int]
    quality: float

    @property
    def document(self) -> dict[str, object]:
        """As JSON, times in RFC 3339."""
        one = self.snapshot
        return {
            "id": one.id,
            "product": one.product.name,
            "version": one.product.version,
            "published_at": timestamp(one.published_at),
            "data_time": None if one.data_time is None else timestamp(one.data_time),
            "quality": round(self.quality, 4),
            "mock": one.mock is not None,
            "generated": one.generated,
            "rows": dict(self.rows),
            "served": self.until is None,
            "kept_until": None if self.until is None else timestamp(self.until),
        }


def listed(gateway: Gateway, session: Session, name: str, major: int | None = None) -> Iterator[Listed]:
    """The served and kept snapshots of a product, the newest first. Raises NotFound."""
    for kept in gateway.snapshots(session, name, major):
        one = kept.snapshot
        try:
            visible = gateway.product(session.pinned([one.id]), one.product.name, one.product.major)
        except (Expired, NotFound):
            continue  # its time ended just now
        counts = {table.table.name: row_count(visible, table) for table in visible.tables}
        yield Listed(
            one, kept.until, {table: rows for table, rows in counts.items() if rows is not None}, visible.state.quality
        )
