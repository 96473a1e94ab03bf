"""One product's page: what it is, how its reader sees it, and how to connect. Touches the gateway's front door only."""

from __future__ import annotations

import re

from fastapi import Request

from gateway import NotFound, Query, VisibleProduct, VisibleTable
from ports.http import pages, provenance
from ports.http.exchange import Answer, Lifeline
from ports.http.pages import Reader
from ports.hub import view
from ports.hub.browser import Browser
from ports.hub.view import Site, TableView

SAMPLE_ROWS = 10
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
        ways = view.lines(visible, self._site(request, reader))
        return self._browser.page(
            "product.html",
            reader,
            provenance.of_product(visible),
            visible=visible,
            product=visible.product,
            tables=tables,
            ways=ways,
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

    def _site(self, request: Request, reader: Reader) -> Site:
        """Where the doors are, as this browser reached the page."""
        host = pages.host(self._gateway, request)
        port = self._gateway.settings.flight_port
        flight = f"grpc://{re.sub(r':[0-9]+$', '', host)}:{port}" if port else None
        return Site(f"{request.url.scheme}://{host}", flight, reader.subject, reader.password)
