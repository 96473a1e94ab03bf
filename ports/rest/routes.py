"""The REST port's routes: addresses to questions, questions to answers. Touches the gateway's front door only."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from gateway import Gateway, NotFound, Result, Session
from ports.http import caching, provenance
from ports.http.exchange import Answer, Awaited, Lifeline, body, exchange
from ports.http.routing import Direct
from ports.rest import address, document, encode, formats, inquiry, question, statement
from ports.rest.address import Address
from ports.rest.formats import Format
from ports.rest.pages import BATCH_ROWS, Pages, single
from ports.rest.records import Records


def routes(gateway: Gateway) -> APIRouter:
    """The routes of the REST port."""
    router = APIRouter()
    rest = _Rest(gateway)

    @router.get("/products")
    async def products(request: Request) -> Response:
        return await exchange(request, partial(rest.products, request))

    @router.get("/products/{product}")
    async def product(request: Request) -> Response:
        return await exchange(request, partial(rest.product, request))

    @router.post("/products/{product}/-/query")
    async def query(request: Request) -> Response:
        content = await body(request)
        return await exchange(request, partial(rest.query, request, content))

    @router.get("/products/{product}/{table}")
    async def rows(request: Request) -> Response:
        return await exchange(request, partial(rest.rows, request))

    async def row(request: Request) -> Response:
        return await exchange(request, partial(rest.row, request))

    path = "/products/{product}/{table}/{key:path}"
    router.routes.append(_OfTables(path, row, methods=["GET"]))

    @router.post("/sql")
    async def sql(request: Request) -> Response:
        content = await body(request)
        return await exchange(request, partial(rest.sql, request, content))

    return router


class _OfTables(Direct):
    """A route below tables: `/-/` holds what is no table, and its addresses are no keys."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As the path says, unless it goes through `/-/`."""
        match, child = super().matches(scope)
        if child.get("path_params", {}).get("table") == "-":
            return Match.NONE, {}
        return match, child


class _Rest:
    """The work of each route; runs on a thread, one call per request."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._pages = Pages(gateway)
        self._records = Records()

    def products(self, request: Request, _: Lifeline) -> Answer:
        """Every product that the principal may see."""
        session, asked = self._opened(request)
        _only_json(asked)
        visible = self._gateway.products(session)
        lines = [document.summary(one, f"/products/{one.product.name}") for one in visible]
        return _json_answer(session, asked, {"data": lines, "next": None}, provenance.of_products(visible))

    def product(self, request: Request, _: Lifeline) -> Answer:
        """One product's descriptor, projected."""
        session, asked = self._opened(request)
        _only_json(asked)
        visible = self._gateway.product(session, asked.schema)
        path = f"/products/{asked.product}"
        content = {"data": document.product(visible, session, path)}
        return _json_answer(session, asked, content, provenance.of_product(visible))

    def rows(self, request: Request, lifeline: Lifeline) -> Answer:
        """Rows of one table by filter, in order, in pages or as one stream."""
        session, asked = self._opened(request, "count")
        return self._pages.answer(session, asked, lifeline)

    def query(self, request: Request, content: bytes, lifeline: Lifeline) -> Answer:
        """What `rows` answers, asked by a body."""
        session, asked = self._opened(request, "count")
        only_a_json_body(request)
        for name, _ in asked.pairs:
            raise question.misplaced(name)
        given = inquiry.understand(content)
        preferences = asked.preferences if given.count is None else replace(asked.preferences, count=given.count)
        snapshots = tuple(dict.fromkeys((*asked.snapshots, *given.snapshots)))
        asked = replace(asked, table=given.table, pairs=given.pairs, snapshots=snapshots, preferences=preferences)
        return self._pages.answer(session.pinned(snapshots), asked, lifeline)

    def row(self, request: Request, lifeline: Lifeline) -> Answer | Awaited:
        """The one row of a key. Raises NotFound if there is none."""
        session, asked = self._opened(request)
        pin = self._gateway.pin(session)
        table = self._gateway.table(session, asked.schema, asked.table, pin)
        related = partial(self._gateway.references, session, asked.schema, asked.table, pin)
        wanted = self._records.understood(asked, table, related)
        form, relation = wanted.form, wanted.relation
        query = wanted.query(address.key(request))
        result = self._gateway.answer(session, query, form=form.form, batch_rows=BATCH_ROWS, pin=pin)
        lifeline.hold(result)
        assert asked.condition is not None
        tag = caching.tag(session, result.provenance, query, form.media_type)
        headers = {**provenance.headers(result.provenance), "Link": asked.links, **caching.headers(tag)}
        if asked.condition.has(tag):
            return caching.unchanged(result, headers)
        return Awaited(result, partial(_row, form, result, relation.table, headers, asked.condition.anything))

    def sql(self, request: Request, content: bytes, lifeline: Lifeline) -> Answer:
        """One SELECT in SQL over product names."""
        session, asked = self._opened(request)
        only_a_json_body(request)
        given = statement.understand(content)
        form = formats.choose(asked.accept, *question.only_format(asked.pairs))
        session = session.at(*given.search_path)
        result = lifeline.hold(self._gateway.answer(session, given.query, form=form.form, batch_rows=BATCH_ROWS))
        batches = single(result.batches()) if form.name == "object" else result.batches()
        chunks = encode.stream(form.name, result.schema, batches)
        return Answer(form.media_type, chunks, provenance.headers(result.provenance))

    def _opened(self, request: Request, *preferred: str) -> tuple[Session, Address]:
        """The session, first: who is nobody is told nothing else."""
        session = address.session(self._gateway, request)
        asked = address.read(request, preferred)
        return session.pinned(asked.snapshots), asked


def _row(form: Format, result: Result, table: str, headers: dict[str, str], anything: bool) -> Answer:
    """One row, by key, or nothing, if the client has `anything`. Raises NotFound if there is none."""
    batches = list(result.batches())
    if not batches:
        absent = NotFound(f"{table} has no row with this key", reason="key")
        absent.on_record = True  # as an answer without a row
        raise absent
    if anything:
        return caching.unchanged(result, headers)
    if form.name in {"json", "object"}:
        chunks = encode.json_row(batches[0].column(0)[0].as_py(), bare=form.name == "object")
    else:
        chunks = encode.stream(form.name, result.schema, batches)
    return Answer(form.media_type, chunks, headers)


def _json_answer(session: Session, asked: Address, content: object, headers: dict[str, str]) -> Answer:
    return caching.document(session, asked.condition, formats.JSON.media_type, orjson.dumps(content), headers)


def _only_json(asked: Address) -> None:
    formats.choose(asked.accept, *question.only_format(asked.pairs), [formats.JSON])


def only_a_json_body(request: Request) -> None:
    """Raises HTTPException for a body of another kind, such as a form of another site's page."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, f"POST {request.url.path} takes a body of application/json")
