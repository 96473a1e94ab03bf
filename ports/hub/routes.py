"""The page: products and what one of them shows to whom. Server-rendered, no script, no outside host.

In the demo a switch shows the page as each persona; elsewhere it takes a login and shows one's own view.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway import Gateway, NotFound, Query, Session, VisibleProduct, VisibleTable
from ports.http import authentication, provenance
from ports.http.exchange import Answer, Lifeline, exchange
from ports.hub import view
from ports.hub.view import Site, TableView

PORT = "hub"
SAMPLE_ROWS = 10
# The same rows at every look where finding the first ones is cheap; any ten of a larger table.
SORTED_ROWS = 3_000_000
DEFAULT_PERSONA = "steward"
HTML = "text/html; charset=utf-8"
_HERE = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class Reader:
    """Who looks at the page; `personas` are those that it can switch to, none outside the demo."""

    session: Session
    personas: tuple[str, ...]

    @property
    def subject(self) -> str:
        """The principal as whom the page is shown."""
        return self.session.principal.subject

    def link(self, path: str) -> str:
        """`path` as the same reader sees it. A persona's name needs no escaping: see `_reader`."""
        return f"{path}?as={self.subject}" if self.personas else path


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
        self._pages = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters |= {"moment": view.moment, "percent": view.percent}

    def products(self, request: Request, _: Lifeline) -> Answer:
        """Every product that the reader may see."""
        reader = self._reader(request)
        visible = self._gateway.products(reader.session)
        waiting = len(self._gateway.ready().missing) if reader.personas else 0
        page = self._render("products.html", reader, products=visible, waiting=waiting)
        return Answer(HTML, page, {**_HEADERS, **provenance.of_products(visible)})

    def product(self, request: Request, lifeline: Lifeline) -> Answer:
        """One product with its columns and first rows; a page of its own for one that is not there."""
        reader = self._reader(request)
        try:
            visible = self._gateway.product(reader.session, request.path_params["product"])
        except NotFound as error:
            return Answer(HTML, self._render("absent.html", reader, words=error.message), _HEADERS, status=404)
        tables = [self._table(reader, visible, one, lifeline) for one in visible.tables]
        ways = view.lines(visible, self._site(request, reader))
        page = self._render("product.html", reader, visible=visible, product=visible.product, tables=tables, ways=ways)
        return Answer(HTML, page, {**_HEADERS, **provenance.of_product(visible)})

    def _reader(self, request: Request) -> Reader:
        """Raises Unauthenticated outside the demo without a login, NotFound for an unknown persona."""
        personas = tuple(one for one in self._gateway.personas() if re.fullmatch(r"[A-Za-z0-9_.-]+", one))
        if not personas:
            return Reader(authentication.session(self._gateway, request, PORT), ())
        default = DEFAULT_PERSONA if DEFAULT_PERSONA in personas else personas[0]
        given = parse_qs(request.scope["query_string"].decode("latin-1"))
        subject = given.get("as", [default])[0]
        if subject not in personas:
            raise NotFound("there is no such persona", reason="principal", hint=f"personas: {', '.join(personas)}")
        return Reader(self._gateway.impersonate(subject, PORT), personas)

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
        host = request.headers.get("host", "")
        if not re.fullmatch(r"[A-Za-z0-9.-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?", host):
            host = f"{self._gateway.settings.host}:{self._gateway.settings.http_port}"
        port = self._gateway.settings.flight_port
        flight = f"grpc://{re.sub(r':[0-9]+$', '', host)}:{port}" if port else None
        password = f"{reader.subject}-demo" if reader.personas else None
        return Site(f"{request.url.scheme}://{host}", flight, reader.subject, password)

    def _render(self, template: str, reader: Reader, **values: object) -> Iterator[bytes]:
        return iter([self._pages.get_template(template).render(reader=reader, **values).encode()])
