"""`/products/{product}/-/measures` and its like: measures by name, grouped, filtered. Touches the front door only."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import Forbidden, Gateway, Pin, Session, VisibleProduct
from ports.http import asking, caching, measured, provenance
from ports.http.asking import Named
from ports.http.exchange import Answer, Lifeline, exchange
from ports.rest import address, drivers, encode, formats, question, trees
from ports.rest.address import Address
from ports.rest.drivers import Row
from ports.rest.pages import BATCH_ROWS, single


def routes(gateway: Gateway) -> APIRouter:
    """The routes of measures; they stand before those of tables, of which none is called `-`."""
    router = APIRouter()
    measures = _Measures(gateway)

    @router.get("/products/{product}/-/measures")
    async def listed(request: Request) -> Response:
        return await exchange(request, partial(measures.listed, request))

    @router.get("/products/{product}/-/measures/{measures}")
    async def asked(request: Request) -> Response:
        return await exchange(request, partial(measures.asked, request))

    @router.get("/products/{product}/-/metric-tree")
    async def tree(request: Request) -> Response:
        return await exchange(request, partial(measures.tree, request))

    @router.get("/products/{product}/-/metric-tree.mmd")
    async def drawn(request: Request) -> Response:
        return await exchange(request, partial(measures.drawn, request))

    @router.get("/products/{product}/-/decompose/{measures}")
    async def decomposed(request: Request) -> Response:
        return await exchange(request, partial(measures.decomposed, request))

    @router.get("/products/{product}/-/what-if/{measures}")
    async def supposed(request: Request) -> Response:
        return await exchange(request, partial(measures.supposed, request))

    return router


class _Measures:
    """The work of each route; runs on a thread, one call per request."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def listed(self, request: Request, _: Lifeline) -> Answer:
        """Every measure and dimension that exists for the principal."""
        session, asked = _opened(self._gateway, request)
        formats.choose(asked.accept, *question.only_format(asked.pairs), [formats.JSON])
        visible = self._gateway.product(session, asked.schema)
        content = {
            "data": trees.measures(visible),
            "dimensions": trees.dimensions(visible),
            "paths": self._paths(session, asked.schema, visible),
            "next": None,
        }
        return _document(session, asked, visible, orjson.dumps(content), formats.JSON.media_type)

    def _paths(self, session: Session, schema: str, visible: VisibleProduct) -> list[trees.Json]:
        """What measures can be grouped by of related tables; nothing for who may be told of tables, and ask none."""
        pin = self._gateway.pin(session)
        every = [Named(table, one) for table in visible.tables for one in table.semantics if one.kind == "measure"]
        with suppress(Forbidden):
            return [one for of in asking.tables(self._gateway, session, pin, schema, every) for one in trees.paths(of)]
        return []

    def asked(self, request: Request, lifeline: Lifeline) -> Answer:
        """The values of measures by dimensions."""
        session, asked = _opened(self._gateway, request)
        visible = self._gateway.product(session, asked.schema)
        pin = self._gateway.pin(session)
        found = asking.named(visible, request.path_params["measures"])
        once = dict(asked.pairs)
        form = formats.choose(asked.accept, once.get("format"), once.get("int64"))
        understood = measured.understand(asked.pairs, asking.tables(self._gateway, session, pin, asked.schema, found))
        query = measured.compose(understood)
        result = lifeline.hold(self._gateway.answer(session, query, form=form.form, batch_rows=BATCH_ROWS, pin=pin))
        tag = caching.tag(session, result.provenance, query, form.media_type)
        headers = {**provenance.headers(result.provenance), "Link": asked.links, **caching.headers(tag)}
        if asked.condition is not None and asked.condition.met(tag):
            return caching.unchanged(result, headers)
        if asked.bare:
            return Answer(form.media_type, iter(()), headers)
        batches = single(result.batches()) if form.name == "object" else result.batches()
        return Answer(form.media_type, encode.stream(form.name, result.schema, batches), headers)

    def tree(self, request: Request, lifeline: Lifeline) -> Answer:
        """The metric trees with their values now, and whether their formulas hold; Mermaid where that is asked for."""
        session, asked = _opened(self._gateway, request)
        form = formats.choose(asked.accept, *question.only_format(asked.pairs), [formats.JSON, trees.MERMAID])
        if form is trees.MERMAID:
            return self._drawn(session, asked)
        visible = self._gateway.product(session, asked.schema)
        pin = self._gateway.pin(session)
        content = []
        for table in visible.tables:
            nodes = [one for one in table.semantics if one.kind == "measure"]
            if not any(one.tree for one in nodes):
                continue
            of = asking.tables(self._gateway, session, pin, asked.schema, [Named(table, one) for one in nodes])
            (row,) = self._rows(session, pin, measured.understand((), of), lifeline)
            content.append(trees.tree(table, row))
        body = orjson.dumps({"data": content, "next": None})
        return _document(session, asked, visible, body, formats.JSON.media_type)

    def drawn(self, request: Request, _: Lifeline) -> Answer:
        """The metric trees as a Mermaid flowchart."""
        session, asked = _opened(self._gateway, request)
        question.only_format(asked.pairs)
        return self._drawn(session, asked)

    def decomposed(self, request: Request, lifeline: Lifeline) -> Answer:
        """A measure's change from one period or segment to another, shared among its drivers."""
        session, asked = _opened(self._gateway, request)
        visible = self._gateway.product(session, asked.schema)
        tree = drivers.of(asking.named(visible, request.path_params["measures"]))
        pin = self._gateway.pin(session)
        own, rest = drivers.parted(asked.pairs)
        formats.choose(asked.accept, own.format, own.int64, [formats.JSON])
        of = asking.tables(self._gateway, session, pin, asked.schema, tree.named)
        change = drivers.change(tree, own, measured.understand(rest, of))
        body = drivers.decomposed(change, self._rows(session, pin, change.asked, lifeline))
        return _document(session, asked, visible, orjson.dumps(body), formats.JSON.media_type)

    def supposed(self, request: Request, lifeline: Lifeline) -> Answer:
        """What a measure would be if its drivers were other than they are."""
        session, asked = _opened(self._gateway, request)
        visible = self._gateway.product(session, asked.schema)
        tree = drivers.of(asking.named(visible, request.path_params["measures"]))
        pin = self._gateway.pin(session)
        own, rest = drivers.parted(asked.pairs)
        formats.choose(asked.accept, own.format, own.int64, [formats.JSON])
        supposed, rest = drivers.supposed(tree, own, rest)
        of = asking.tables(self._gateway, session, pin, asked.schema, tree.named)
        (row,) = self._rows(session, pin, measured.understand(rest, of), lifeline)
        body = drivers.scenario(tree, row, supposed)
        return _document(session, asked, visible, orjson.dumps(body), formats.JSON.media_type)

    def _rows(self, session: Session, pin: Pin, asked: measured.Asked, lifeline: Lifeline) -> list[Row]:
        """The few rows that a document is made of."""
        result = lifeline.hold(self._gateway.answer(session, measured.compose(asked), pin=pin))
        rows = [row for batch in result.batches() for row in batch.to_pylist()]
        result.close()
        return rows

    def _drawn(self, session: Session, asked: Address) -> Answer:
        visible = self._gateway.product(session, asked.schema)
        return _document(session, asked, visible, trees.mermaid(visible).encode(), trees.MERMAID.media_type)


def _opened(gateway: Gateway, request: Request) -> tuple[Session, Address]:
    session = address.session(gateway, request)
    asked = address.read(request)
    return session.pinned(asked.snapshots), asked


def _document(session: Session, asked: Address, visible: VisibleProduct, content: bytes, media_type: str) -> Answer:
    return caching.document(session, asked.condition, media_type, content, provenance.of_product(visible))
