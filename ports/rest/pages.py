"""Rows by filter: a question to a page or a stream, its count, its cursor. Touches the gateway's front door only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import quote, urlencode

import pyarrow as pa
from starlette.exceptions import HTTPException

from gateway import Gateway, Limits, Pin, Query, Result, Session, Timeout
from ports.http import caching, cursor, provenance
from ports.http.cursor import Cursor
from ports.http.exchange import Answer, Lifeline
from ports.http.filters import Filter, Logic
from ports.rest import compose, encode, formats, question, ranges
from ports.rest.address import Address
from ports.rest.compose import Relation
from ports.rest.embeds import Embedded, columns_of
from ports.rest.encode import Place
from ports.rest.formats import Format
from ports.rest.question import Question
from ports.rest.ranges import Counted

PAGE_ROWS = 100
# Pages of up to so many rows are computed before their headers are sent: these say where they end and what follows.
WHOLE_ROWS = 1000
# A batch is one chunk on the wire and one change of threads: at 2048 rows text took twice the time.
BATCH_ROWS = 8192
# A row that holds a list of others may be long.
LIST_BATCH_ROWS = 256
LINK_LIMIT_BYTES = 4096


@dataclass(frozen=True)
class Asked:
    """One question with everything that its answer depends on."""

    address: Address
    session: Session
    pin: Pin
    relation: Relation
    question: Question
    form: Format
    came: Cursor | None

    @property
    def paged(self) -> bool:
        """Whether the answer is a page that says where the next one begins."""
        return self.form.name == "json" or (self.form.name == "array" and self.question.limit is not None)

    @property
    def limit(self) -> int | None:
        """How many rows the answer has at most."""
        limit = PAGE_ROWS if self.form.name == "json" and self.question.limit is None else self.question.limit
        return limit if self.form.name != "object" or limit == 0 else min(2, limit or 2)

    @property
    def first(self) -> int:
        """The number of the answer's first row among all."""
        return self.question.offset if self.came is None else self.came.before

    @property
    def placed(self) -> bool:
        """Whether the next page begins behind a row's place, not behind a number of rows."""
        return self.paged and bool(compose.source(self.question, self.relation).key)

    @property
    def variant(self) -> str:
        """What an answer's bytes and headers depend on beside its query."""
        return repr((self.form, self.limit, self.first, self.address.preferences))

    @property
    def batch_rows(self) -> int:
        """Rows of one batch."""
        long = any(one.reference.many and one.select for one in self.question.embeds)
        return LIST_BATCH_ROWS if long else BATCH_ROWS


def single(batches: Iterable[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Batches of one row, read no further than a second one. Raises HTTPException 406 for none, or for several."""
    kept: list[pa.RecordBatch] = []
    for batch in batches:
        kept.append(batch)
        if sum(one.num_rows for one in kept) > 1:
            break
    found = sum(one.num_rows for one in kept)
    if found != 1:
        told = "no row" if found == 0 else "more than one row"
        raise HTTPException(406, f"one object is asked for, and {told} matches: filter by the key, or ask for rows")
    return kept


class Pages:
    """Answers questions for rows of one table."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def answer(self, session: Session, address: Address, lifeline: Lifeline) -> Answer:
        """Rows of one table by filter, in order, in pages or as one stream."""
        asked = self._understood(session, address)
        query = _query(asked)
        result = self._result(asked, query, lifeline)
        headers = {**provenance.headers(result.provenance), "Link": address.links}
        if address.condition is not None:
            tag = caching.tag(asked.session, result.provenance, query, asked.variant)
            headers |= caching.headers(tag)
            if address.condition.met(tag):
                return caching.unchanged(result, headers)
        counted = self._counted(asked, lifeline)
        ranges.satisfiable(counted, asked.first)
        if address.bare:
            sent = ranges.sent(counted, asked.first, asked.limit)
            headers |= ranges.headers(counted, asked.first, sent)
            return Answer(asked.form.media_type, iter(()), headers, ranges.status(counted, asked.first, sent))
        if asked.form.name == "object":
            return _object(asked, result, counted, headers)
        if not asked.paged:
            sent = ranges.sent(counted, asked.first, asked.limit)
            headers |= ranges.headers(counted, asked.first, sent)
            chunks = encode.stream(asked.form.name, result.schema, result.batches())
            return Answer(asked.form.media_type, chunks, headers, ranges.status(counted, asked.first, sent))
        assert asked.limit is not None
        following = partial(self._following, asked, tuple(one.snapshot for one in result.provenance.products))
        bare = asked.form.name == "array"
        if asked.limit > WHOLE_ROWS:
            chunks = encode.json_rows(result.batches(), asked.limit, following, bare=bare)
            sent = ranges.sent(counted, asked.first, asked.limit)
            headers |= ranges.headers(counted, asked.first, sent)
            return Answer(asked.form.media_type, chunks, headers, ranges.status(counted, asked.first, sent))
        rows = encode.page(result.batches(), asked.limit)
        behind = following(rows.sent, rows.last) if rows.more and rows.sent else None
        counted = ranges.known(counted, asked.first, rows.sent, last=not rows.more)
        headers |= ranges.headers(counted, asked.first, rows.sent)
        headers |= _link(address, behind)
        chunks = encode.json_page(rows, behind, bare=bare)
        return Answer(asked.form.media_type, chunks, headers, ranges.status(counted, asked.first, rows.sent))

    def _understood(self, session: Session, address: Address) -> Asked:
        came = self._opened(session, address)
        if came is not None:
            session = session.pinned(dict.fromkeys((*session.snapshots, *came.snapshots)))
        pin = self._gateway.pin(session)
        table = self._gateway.table(session, address.schema, address.table, pin)
        related = partial(self._gateway.references, session, address.schema, address.table, pin)
        understood = question.understand(address.pairs, table, related)
        form = formats.choose(address.accept, understood.format, understood.int64)
        relation = Relation(address.schema.lower(), table.table.name, columns_of(table), table.key)
        if came is not None:
            served = pin.deployment.find(address.schema.lower())
            cursor.require(came, _belongs(understood, relation), served.id if served is not None else "")
            understood = replace(understood, offset=came.before if came.place is None else 0)
        return Asked(address, session, pin, relation, understood, form, came)

    def _opened(self, session: Session, address: Address) -> Cursor | None:
        given = dict(address.pairs).get("cursor")
        if given is None:
            return None
        return cursor.unpack(self._gateway.unseal(cursor.KIND, given), _owner(session, address))

    def _counted(self, asked: Asked, lifeline: Lifeline) -> Counted | None:
        """The preferred count. What may be an estimate is one where counting takes too long, if there is a sample."""
        kind = asked.address.preferences.count
        if kind is None:
            return None
        exactly = compose.count(asked.question, asked.relation)
        sample = compose.sample(asked.question, asked.relation, ranges.SHARE)
        if kind == "exact" or sample is None:
            return Counted(kind, self._number(asked, exactly, lifeline, None))
        try:
            return Counted(kind, self._number(asked, exactly, lifeline, ranges.ESTIMATE_S))
        except Timeout:
            found = self._number(asked, sample, lifeline, None)
            return Counted(kind, ranges.estimate(found), estimated=True)

    def _number(self, asked: Asked, query: Query, lifeline: Lifeline, compute_s: float | None) -> int:
        settings = self._gateway.settings
        limits = None if compute_s is None else Limits(min(compute_s, settings.compute_s), settings.idle_s, None)
        result = lifeline.hold(self._gateway.answer(asked.session, query, pin=asked.pin, limits=limits))
        (found,) = (batch.column(0)[0].as_py() for batch in result.batches())
        result.close()
        return int(found)

    def _result(self, asked: Asked, query: Query, lifeline: Lifeline) -> Result:
        return lifeline.hold(
            self._gateway.answer(asked.session, query, form=asked.form.form, batch_rows=asked.batch_rows, pin=asked.pin)
        )

    def _following(self, asked: Asked, snapshots: Iterable[str], sent: int, last: Place) -> str:
        """The cursor of the page behind the row whose place is `last`."""
        belongs = _belongs(asked.question, asked.relation)
        behind = Cursor(tuple(dict.fromkeys(snapshots)), last or None, asked.first + sent, belongs)
        return self._gateway.seal(cursor.KIND, cursor.pack(behind, _owner(asked.session, asked.address)))


def _query(asked: Asked) -> Query:
    ahead = None if asked.limit is None else asked.limit + asked.paged
    after = None if asked.came is None else asked.came.place
    return compose.rows(asked.question, asked.relation, ahead, after, asked.placed)


def _owner(session: Session, address: Address) -> str:
    return cursor.owner(session, f"{address.schema}.{address.table}".lower())


def _belongs(asked: Question, relation: Relation) -> str:
    """What a cursor is bound to: filters, order, groups, and the embedded tables that decide which rows there are."""
    tested = set(_columns(asked.filters))
    tables = sorted(_told(one) for one in asked.embeds if one.inner or one.alias in tested)
    groups = asked.fields if asked.aggregated else ()
    return cursor.belongs((sorted(map(repr, asked.filters)), compose.total_order(asked, relation), groups, tables))


def _columns(found: Iterable[Filter]) -> Iterable[str]:
    for one in found:
        if isinstance(one, Logic):
            yield from _columns(one.terms)
        else:
            yield one.column


def _told(one: Embedded) -> str:
    reference = one.reference
    path = (reference.schema, one.name, reference.columns, reference.to_columns)
    return repr((one.alias, one.inner, path, sorted(map(repr, one.filters))))


def _object(asked: Asked, result: Result, counted: Counted | None, headers: dict[str, str]) -> Answer:
    """The only row there is. Raises HTTPException 406 if there is none, or another."""
    batches = single(result.batches())
    chunks = encode.stream("object", result.schema, batches)
    headers = headers | ranges.headers(counted, asked.first, 1)
    return Answer(asked.form.media_type, chunks, headers, ranges.status(counted, asked.first, 1))


def _link(address: Address, behind: str | None) -> dict[str, str]:
    """What describes the rows, and the next page as an address of its own (RFC 8288) unless that is too long."""
    if behind is None:
        return {}
    pairs = [pair for pair in address.pairs if pair[0] not in {"cursor", "offset"}]
    target = f"{quote(address.path)}?{urlencode([*pairs, ('cursor', behind)])}"
    following = f'{address.links}, <{target}>; rel="next"'
    return {"Link": following} if len(target) <= LINK_LIMIT_BYTES else {}
