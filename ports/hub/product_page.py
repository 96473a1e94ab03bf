"""One product's page: what it is, how its reader sees it, and how to connect. Touches the gateway's front door only."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fastapi import Request
from markupsafe import Markup

from gateway import FEEDBACK_KINDS, Changed, GatewayError, NotFound, Query, VisibleProduct, VisibleTable
from ports.http import provenance
from ports.http.exchange import Answer, Lifeline
from ports.http.pages import Reader
from ports.hub import connecting, drawings, lineage, metric_trees, personas, promises, sending, talk, use, view
from ports.hub.browser import Browser
from ports.hub.view import TableView

SAMPLE_ROWS = 10
# Publications of which the quality is drawn.
CHECKS = 60
# The same rows at every look where finding the first ones is cheap; any ten of a larger table.
SORTED_ROWS = 3_000_000


class ProductPage:
    """The work of this page."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._gateway = browser.gateway

    def page(self, reader: Reader, request: Request, lifeline: Lifeline) -> Answer:
        """One product with its columns and first rows; a page of its own for one that is not there."""
        try:
            visible = self._gateway.product(reader.session, request.path_params["product"])
        except NotFound as error:
            return self._browser.page("absent.html", reader, words=error.message, status=404)
        tables = [self._table(reader, visible, one, lifeline) for one in visible.tables]
        every = self._gateway.products(reader.session)
        kept = self._gateway.snapshots(reader.session, visible.product.name)
        versions = view.versions(visible, kept)
        threads = talk.read(self._gateway, reader, visible)
        return self._browser.page(
            "product.html",
            reader,
            provenance.of_product(visible),
            visible=visible,
            product=visible.product,
            tables=tables,
            trees=metric_trees.of(self._gateway, reader, visible, lifeline),
            lineage=lineage.of(visible, every, reader),
            versions=versions,
            quality=self._quality(visible),
            promises=promises.of(visible, self._objectives(reader, visible)),
            manages=bool(self._gateway.managers.rule(reader.session, visible.product)),
            ways=connecting.ways(self._gateway, request, reader, visible),
            pushes=sending.offered(self._gateway, reader, visible),
            sent="sent=" in request.url.query,
            threads=threads,
            rated=self._gateway.feedback.rated(visible),
            consumers=view.consumers(visible),
            others=personas.others(self._gateway, reader, visible.product.name),
            use=use.of(self._gateway, reader, visible, lifeline),
            agreements=self._gateway.desk.agreements(reader.session, visible),
            changes=self._changes(reader, visible),
            said="said=" in request.url.query,
            kinds=FEEDBACK_KINDS,
        )

    def _table(self, reader: Reader, visible: VisibleProduct, one: VisibleTable, lifeline: Lifeline) -> TableView:
        small = visible.snapshot.row_counts.get(one.table.name, 0) <= SORTED_ROWS
        key = ", ".join(f'"{name}"' for name in one.key) if small else ""
        order = f" ORDER BY {key}" if key else ""
        text = f'SELECT * FROM "{visible.product.name}"."{one.table.name}"{order} LIMIT {SAMPLE_ROWS}'
        with lifeline.hold(self._gateway.answer(reader.session, Query(text), form="text")) as result:
            rows = tuple(
                tuple(column[i].as_py() for column in batch.columns)
                for batch in result.batches()
                for i in range(batch.num_rows)
            )
        return view.table(visible, one, rows)

    def _quality(self, visible: VisibleProduct) -> Markup | None:
        """The share of rules that held at each publication, refused ones too, the newest last."""
        with suppress(GatewayError):
            history = self._gateway.quality.of(visible, None, CHECKS, managed=False).history
            points = [(one.at[:16].replace("T", " "), one.score.score) for one in reversed(history)]
            known = [(label, share) for label, share in points if share is not None]
            name = "Share of quality rules that held, by publication"
            return drawings.series(known, name, share=True) if len(known) > 1 else None
        return None

    def _changes(self, reader: Reader, visible: VisibleProduct) -> list[Changed]:
        """What publications changed of what the reader sees, the newest first."""
        with suppress(GatewayError):
            return self._gateway.desk.changes(reader.session, visible)
        return []

    def _objectives(self, reader: Reader, visible: VisibleProduct) -> list[Mapping[str, Any]]:
        """How each promise is kept, as the last look has found: over all doors, and at each."""
        with suppress(GatewayError):
            return list(self._gateway.slo.of(reader.session, visible).results)
        return []
