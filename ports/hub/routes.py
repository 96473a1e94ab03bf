"""The page: products and what one of them shows to whom. Server-rendered, no script, no outside host.

In the demo a switch shows the page as each persona; elsewhere it takes a login and shows one's own view.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import Gateway, NotFound, Query, VisibleProduct, VisibleTable
from ports.http import pages, provenance
from ports.http.exchange import Answer, Lifeline, exchange
from ports.http.pages import HEADERS, HTML, Pages, Reader
from ports.hub import view
from ports.hub.view import Site, TableView

PORT = "hub"
SAMPLE_ROWS = 10
# The same rows at every look where finding the first ones is cheap; any ten of a larger table.
SORTED_ROWS = 3_000_000
_HERE = Path(__file__).parent


def routes(gateway: Gateway) -> APIRouter:
    """The routes of the page."""
    router = APIRouter()
    hub = _Hub(gateway)
    assets = {"hub.css": "text/css", "hub.svg": "image/svg+xml"}
    contents = {name: (_HERE / name).read_bytes() for name in assets}

    @router.get("/")
    async def products(request: Request) -> Response:
        return await exchange(request, partial(hub.products, request))

    @router.get("/hub/{product}")
    async def product(request: Request) -> Response:
        return await exchange(request, partial(hub.product, request))

    @router.get("/hub.css")
    @router.get("/hub.svg")
    async def asset(request: Request) -> Response:
        name = request.url.path.removeprefix("/")
        return Response(contents[name], media_type=assets[name], headers={"Cache-Control": "public, max-age=300"})

    return router


class _Hub:
    """The work of each page; runs on a thread, one call per request."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._pages = Pages(_HERE / "templates", moment=view.moment, percent=view.percent)

    def products(self, request: Request, _: Lifeline) -> Answer:
        """Every product that the reader may see."""
        reader = pages.read(self._gateway, request, PORT)
        visible = self._gateway.products(reader.session)
        waiting = len(self._gateway.ready().missing) if reader.personas else 0
        page = self._pages.render("products.html", reader, products=visible, waiting=waiting)
        return Answer(HTML, page, {**HEADERS, **provenance.of_products(visible)})

    def product(self, request: Request, lifeline: Lifeline) -> Answer:
        """One product with its columns and first rows; a page of its own for one that is not there."""
        reader = pages.read(self._gateway, request, PORT)
        try:
            visible = self._gateway.product(reader.session, request.path_params["product"])
        except NotFound as error:
            return Answer(HTML, self._pages.render("absent.html", reader, words=error.message), HEADERS, status=404)
        tables = [self._table(reader, visible, one, lifeline) for one in visible.tables]
        ways = view.lines(visible, self._site(request, reader))
        page = self._pages.render(
            "product.html", reader, visible=visible, product=visible.product, tables=tables, ways=ways
        )
        return Answer(HTML, page, {**HEADERS, **provenance.of_product(visible)})

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
