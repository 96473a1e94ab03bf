"""The REST port's routes: addresses to questions, questions to answers. Touches the gateway's front door only."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import unquote

import orjson
import pyarrow as pa
from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from gateway import Gateway, NotFound, Query, Result, Session, VisibleTable
from ports.http import authentication, provenance
from ports.http.exchange import Answer, Lifeline, body, exchange
from ports.rest import compose, cursor, document, encode, formats, question, statement
from ports.rest.compose import Relation
from ports.rest.cursor import Cursor
from ports.rest.formats import Format
from ports.rest.question import Question, columns_of

PORT = "rest"
PAGE_ROWS = 100
# A batch is one chunk on the wire and one change of threads: at 2048 rows text took twice the time.
BATCH_ROWS = 8192


@dataclass(frozen=True)
class Address:
    """What a request's address and headers say; `schema` is the product's name in SQL, its major version included."""

    schema: str
    table: str
    pairs: tuple[tuple[str, str], ...]
    accept: str | None


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

    @router.get("/products/{product}/{table}")
    async def rows(request: Request) -> Response:
        return await exchange(request, partial(rest.rows, request))

    @router.get("/products/{product}/{table}/{key:path}")
    async def row(request: Request) -> Response:
        return await exchange(request, partial(rest.row, request))

    @router.post("/sql")
    async def sql(request: Request) -> Response:
        content = await body(request)
        return await exchange(request, partial(rest.sql, request, content))

    return router


class _Rest:
    """The work of each route; runs on a thread, one call per request."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def products(self, request: Request, _: Lifeline) -> Answer:
        """Every product that the principal may see."""
        session = self._session(request)
        _only_json(request, *question.only_format(_pairs(request)))
        visible = self._gateway.products(session)
        lines = [document.summary(one, f"/products/{one.product.name}") for one in visible]
        return _json_answer({"data": lines, "next": None}, provenance.of_products(visible))

    def product(self, request: Request, _: Lifeline) -> Answer:
        """One product's descriptor, projected."""
        session = self._session(request)
        address = _address(request)
        _only_json(request, *question.only_format(address.pairs))
        visible = self._gateway.product(session, address.schema)
        path = f"/products/{request.path_params['product']}"
        return _json_answer({"data": document.product(visible, session, path)}, provenance.of_products([visible]))

    def rows(self, request: Request, lifeline: Lifeline) -> Answer:
        """Rows of one table by filter, in order, in pages or as one stream."""
        session = self._session(request)
        address = _address(request)
        table = self._gateway.table(session, address.schema, address.table)
        asked = question.understand(address.pairs, table)
        form = formats.choose(address.accept, asked.format, asked.int64)
        relation = _relation(table, address)
        bound = cursor.binding(asked, relation, session)
        came = self._opened(asked, relation, bound)
        if came is not None:
            asked = replace(asked, offset=came.offset)
        after = None if came is None else came.place
        page = form.name == "json"
        limit = PAGE_ROWS if page and asked.limit is None else asked.limit
        ahead = None if limit is None else limit + page
        query = compose.rows(asked, relation, ahead, after, placed=page and bool(relation.key))
        result = self._answer(session, query, form, lifeline)
        snapshot = result.provenance.products[0].snapshot
        if came is not None:
            cursor.require(came, snapshot)
        if not page:
            return _answer(form, result)
        following = partial(self._following, bound, snapshot, asked.offset, bool(relation.key))
        place = compose.PLACE if relation.key else None
        chunks = encode.json_rows(result.batches(), limit, following, place)
        return Answer(form.media_type, chunks, provenance.headers(result.provenance))

    def row(self, request: Request, lifeline: Lifeline) -> Answer:
        """The one row of a key. Raises NotFound if there is none."""
        session = self._session(request)
        address = _address(request)
        table = self._gateway.table(session, address.schema, address.table)
        select, asked_format, int64 = question.selection(address.pairs, table)
        form = formats.choose(address.accept, asked_format, int64)
        relation = _relation(table, address)
        if not relation.key:
            raise NotFound(f"{relation.table} has no key that you may use; filter it instead", reason="key")
        query = compose.by_key(select, relation, _key(request))
        result = self._answer(session, query, form, lifeline)
        batches = list(result.batches())
        if not batches:
            raise NotFound(f"{relation.table} has no row with this key", reason="key")
        return _answer(form, result, batches)

    def sql(self, request: Request, content: bytes, lifeline: Lifeline) -> Answer:
        """One SELECT in SQL over product names."""
        session = self._session(request)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HTTPException(415, "POST /sql takes a body of application/json")
        asked = statement.understand(content)
        form = formats.choose(request.headers.get("accept"), *question.only_format(_pairs(request)))
        result = self._answer(session.at(*asked.search_path), asked.query, form, lifeline)
        return _answer(form, result)

    def _session(self, request: Request) -> Session:
        return authentication.session(self._gateway, request, PORT)

    def _answer(self, session: Session, query: Query, form: Format, lifeline: Lifeline) -> Result:
        result = self._gateway.answer(session, query, form=form.form, batch_rows=BATCH_ROWS)
        return lifeline.hold(result)

    def _opened(self, asked: Question, relation: Relation, bound: str) -> Cursor | None:
        if asked.cursor is None:
            return None
        payload = self._gateway.unseal(cursor.KIND, asked.cursor)
        return cursor.unpack(payload, bound, len(compose.total_order(asked, relation)))

    def _following(self, bound: str, snapshot: str, offset: int, keyed: bool, sent: int, last: str) -> str:
        """The cursor of the page behind the row whose place is `last`."""
        behind = Cursor(snapshot, cursor.place(last), 0) if keyed else Cursor(snapshot, None, offset + sent)
        return self._gateway.seal(cursor.KIND, cursor.pack(behind, bound))


def _answer(form: Format, result: Result, batches: list[pa.RecordBatch] | None = None) -> Answer:
    """`result` as a stream in `form`; `batches` where the whole of it has been read already (one row, by key)."""
    if form.name == "json" and batches is not None:
        chunks = encode.json_row(batches[0].column(0)[0].as_py())
    else:
        chunks = encode.stream(form.name, result.schema, result.batches() if batches is None else batches)
    return Answer(form.media_type, chunks, provenance.headers(result.provenance))


def _json_answer(content: object, headers: dict[str, str]) -> Answer:
    return Answer(formats.JSON.media_type, iter([orjson.dumps(content)]), headers)


def _only_json(request: Request, asked: str | None, int64: str | None) -> None:
    formats.choose(request.headers.get("accept"), asked, int64, [formats.JSON])


def _pairs(request: Request) -> tuple[tuple[str, str], ...]:
    return question.pairs(request.scope["query_string"].decode("latin-1"))


def _address(request: Request) -> Address:
    """The address in parts. Raises NotFound for a product that is no name at all."""
    written = request.path_params["product"]
    name, at, major = written.partition("@")
    if at and not re.fullmatch(r"[0-9]{1,6}", major):
        raise NotFound(f'product "{written}" does not exist', reason="product")
    return Address(
        f"{name}_v{int(major)}" if at else name,
        request.path_params.get("table", ""),
        _pairs(request),
        request.headers.get("accept"),
    )


def _relation(table: VisibleTable, address: Address) -> Relation:
    return Relation(address.schema.lower(), table.table.name, columns_of(table), table.key)


def _key(request: Request) -> tuple[str, ...]:
    """The key's values as the raw address has them: a comma inside a value is written %2C, a slash %2F."""
    raw = request.scope["raw_path"].decode("ascii")
    segments = raw.split("/", maxsplit=4)
    return tuple(unquote(part, errors="strict") for part in segments[4].split(","))
