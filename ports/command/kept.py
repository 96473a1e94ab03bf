"""`outport get snapshots`: which states can be asked for, and until when. Reads the catalog, or asks as a principal."""

from __future__ import annotations

import json
from collections.abc import Iterator

from gateway.errors import NotFound
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from ports.command import show
from ports.command.access import opened
from ports.command.publication import quality
from ports.http.snapshots import Listed, listed

_COLUMNS = ("product", "version", "snapshot", "published", "data time", "quality", "rows", "kept until")


def show_all(settings: Settings, product: str | None, subject: str | None, *, as_json: bool) -> None:
    """Print the snapshots of `product`, or of all, as `subject` sees them, or all of them. Raises NotFound."""
    found = tuple(_stored(settings, product) if subject is None else _visible(settings, product, subject))
    if as_json:
        show.line(json.dumps([one.document for one in found], indent=2))
    else:
        show.console().print(show.table(_COLUMNS, map(_row, found)))


def _stored(settings: Settings, product: str | None) -> Iterator[Listed]:
    catalog = Catalog(settings.state)
    names = sorted({one.product.name for one in catalog.current().snapshots})
    if product is not None and product not in names:
        raise NotFound(f"{product} is not served", reason="product", hint=f"served are {', '.join(names) or 'none'}")
    for name in names if product is None else [product]:
        yield from (
            Listed(one.snapshot, one.until, one.snapshot.row_counts, one.snapshot.quality) for one in catalog.kept(name)
        )


def _visible(settings: Settings, product: str | None, subject: str) -> Iterator[Listed]:
    with opened(settings) as gateway:
        session = gateway.impersonate(subject, "rest")
        names = [one.product.name for one in gateway.products(session)] if product is None else [product]
        for name in names:
            yield from listed(gateway, session, name)


def _row(one: Listed) -> tuple[str, ...]:
    snapshot = one.snapshot
    return (
        snapshot.product.name,
        snapshot.product.version,
        snapshot.id,
        show.moment(snapshot.published_at),
        show.moment(snapshot.data_time),
        quality(snapshot),
        ", ".join(f"{table} {rows:,}" for table, rows in one.rows.items()),
        "served now" if one.until is None else show.moment(one.until),
    )
