"""What a plan asks, asked of the gateway at one pin, and its answers put together as they were rendered.

Touches the gateway's front door only. No row is looked at but those of pages, for their cursors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from gateway import BadQuery, Form, Gateway, Pin, Provenance, Query, Result, Session, VisibleSchema
from ports.graphql import compose, measures
from ports.graphql.compose import Bound
from ports.graphql.plan import (
    Edges,
    Group,
    Introspection,
    Item,
    Listing,
    MeasuresOf,
    PageInfo,
    PageOf,
    RowOf,
    RowsOf,
    Total,
)
from ports.graphql.selection import Listed, Selected, Typename
from ports.graphql.shape import Shape
from ports.http import cursor, json_rows
from ports.http.cursor import Cursor
from ports.http.exchange import Lifeline
from ports.http.provenance import timestamp

FORM: Form = "json_strings"
BATCH_ROWS = 8192
# A row that holds lists of others may be long.
LIST_BATCH_ROWS = 256
_PLACEHOLDER = Typename("_", "")
Path = tuple[str, ...]
# What stands at an introspection's place, by its nodes.
Introspect = Callable[[Introspection], bytes]
Refusals = Callable[[], AbstractContextManager[None]]
# What may be told of, asked only where it is.
Visible = Callable[[], Sequence[VisibleSchema]]


@dataclass(frozen=True)
class _Rows:
    """The rows of a page as JSON texts, each with its place; `more` says that others follow in the page's direction."""

    texts: Sequence[str]
    cursors: Callable[[int], str]
    more: bool


class Execution:
    """One operation's statements, at one pin. Not thread-safe."""

    def __init__(
        self, gateway: Gateway, session: Session, pin: Pin, shape: Shape, lifeline: Lifeline, refusals: Refusals
    ) -> None:
        """Statements are composed within `refusals`, which keep it on record where one cannot be."""
        self._gateway, self._session, self._pin, self._refusals = gateway, session, pin, refusals
        self._shape, self._lifeline = shape, lifeline
        self._begun: dict[int, Result] = {}
        self._asked: list[tuple[Path, Provenance]] = []

    @property
    def provenances(self) -> tuple[Provenance, ...]:
        """Where the answers come from."""
        return tuple(one for _, one in self._asked)

    def begin(self, item: RowOf) -> Result:
        """Ask for a row before its place in the answer is come to."""
        result = self._begun[id(item)] = self._ask(
            compose.by_key(_typeless(item.listed)[0], self._shape, item.key), False
        )
        return result

    def data(self, group: Group, visible: Visible, introspect: Introspect) -> bytes:
        """The answer's `data`."""
        return self._item(group, (), visible, introspect)

    def extensions(self) -> dict[str, Any]:
        """Which queries were asked, under which policy, of which states."""
        queries = [{"path": list(path), "id": one.query_id, "policy": one.policy} for path, one in self._asked]
        products = {one.snapshot: one for provenance in self.provenances for one in provenance.products}
        states = [
            {
                "name": one.name,
                "version": one.version,
                "snapshot": one.snapshot,
                "dataTime": None if one.data_time is None else timestamp(one.data_time),
                "quality": round(one.quality, 4),
            }
            for one in products.values()
        ]
        return {"queries": queries, "products": states}

    def _item(self, item: Item, path: Path, visible: Visible, introspect: Introspect) -> bytes:
        if isinstance(item, Group):
            members = [(name, self._item(one, (*path, name), visible, introspect)) for name, one in item.members]
            return _object(members)
        if isinstance(item, RowsOf):
            return self._list(item.listed, path)
        if isinstance(item, MeasuresOf):
            with self._refusals():
                query = measures.compose(item.grouped, self._shape)
            return self._texts(self._ask(query, False), path)
        if isinstance(item, RowOf):
            return self._row(item, path)
        if isinstance(item, PageOf):
            return self._page(item, path)
        if isinstance(item, Listing):
            return _list([_object([(a, _json(_told(one, name))) for a, name in item.members]) for one in visible()])
        return introspect(item) if isinstance(item, Introspection) else _json(item.text)

    def _list(self, listed: Listed, path: Path) -> bytes:
        plain, named = _typeless(listed)
        with self._refusals():
            query = compose.rows(plain, self._shape)
        result = self._ask(query, bool(listed.nested))
        return self._texts(result, path, named)

    def _texts(self, result: Result, path: Path, named: str = "") -> bytes:
        """A list of an answer's rows, each with the members of `named`, an object or nothing."""
        batches = result.batches() if not named else (json_rows.extended(one, named) for one in result.batches())
        rows = json_rows.page(batches, None)
        self._asked.append((path, result.provenance))
        return b"[" + rows.text + b"]"

    def _row(self, item: RowOf, path: Path) -> bytes:
        result = self._begun.get(id(item)) or self.begin(item)
        batches = list(result.batches())
        self._asked.append((path, result.provenance))
        if not batches:
            return b"null"
        text: str = batches[0].column(0)[0].as_py()
        _, named = _typeless(item.listed)
        return (f"{text[:-1]},{named[1:]}" if named else text).encode()

    def _page(self, page: PageOf, path: Path) -> bytes:
        found = {name: self._edges(page, one, (*path, name)) for name, one in page.members if isinstance(one, Edges)}
        first = next(iter(found.values()), None)
        members = []
        for name, one in page.members:
            if isinstance(one, Edges):
                members.append((name, _edges(one, found[name])))
            elif isinstance(one, PageInfo):
                first = first or self._edges(page, Edges(page.listed, None), (*path, name))
                members.append((name, _object([(a, _json(told)) for a, told in _info(page, one, first)])))
            elif isinstance(one, Total):
                members.append((name, self._count(page.listed, (*path, name))))
            else:
                members.append((name, _json(one.text)))
        return _object(members)

    def _edges(self, page: PageOf, edges: Edges, path: Path) -> _Rows:
        """The rows of a page: one more than it has is asked for, which tells whether others follow."""
        listed = edges.listed
        order = compose.total_order(listed)
        if page.backward:
            order = tuple(replace(one, descending=not one.descending, nulls_first=not one.nulls_first) for one in order)
        members = listed.members or (_PLACEHOLDER,)
        ahead = replace(listed, members=members, order=order, limit=listed.limit + 1)
        with self._refusals():
            bounds = [Bound(self._place(page, text), before is not page.backward) for text, before in _ends(page)]
            query = compose.rows(ahead, self._shape, bounds, placed=True)
        result = self._ask(query, bool(listed.nested))
        found: list[tuple[str, dict[str, str | None]]] = []
        for batch in result.batches():
            found += zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
        self._asked.append((path, result.provenance))
        more, found = len(found) > listed.limit, found[: listed.limit]
        found = found[::-1] if page.backward else found
        snapshots = tuple(dict.fromkeys(one.snapshot for one in result.provenance.products))
        return _Rows(
            [text for text, _ in found],
            lambda i: self._cursor(page, tuple(found[i][1].values()), snapshots),
            more,
        )

    def _cursor(self, page: PageOf, place: tuple[str | None, ...], snapshots: tuple[str, ...]) -> str:
        made = Cursor(snapshots, place, 0, belongs(page))
        return self._gateway.seal(cursor.KIND, cursor.pack(made, owner(self._session, page)))

    def _place(self, page: PageOf, text: str) -> tuple[str | None, ...]:
        came = opened(self._gateway, self._session, page, text)
        served = self._pin.deployment.find(page.listed.table.schema)
        cursor.require(came, belongs(page), served.id if served is not None else "")
        if came.place is None or len(came.place) != len(compose.total_order(page.listed)):
            raise BadQuery("this cursor belongs to another question", reason="value")
        return came.place

    def _count(self, listed: Listed, path: Path) -> bytes:
        with self._refusals():
            query = compose.count(listed, self._shape)
        result = self._lifeline.hold(self._gateway.answer(self._session, query, pin=self._pin))
        (found,) = (batch.column(0)[0].as_py() for batch in result.batches())
        self._asked.append((path, result.provenance))
        return str(int(found)).encode()

    def _ask(self, query: Query, long: bool) -> Result:
        rows = LIST_BATCH_ROWS if long else BATCH_ROWS
        return self._lifeline.hold(
            self._gateway.answer(self._session, query, form=FORM, batch_rows=rows, pin=self._pin)
        )


def opened(gateway: Gateway, session: Session, page: PageOf, text: str) -> Cursor:
    """The cursor that `text` is. Raises BadQuery for one of somebody else's, or of another table's."""
    return cursor.unpack(gateway.unseal(cursor.KIND, text), owner(session, page))


def owner(session: Session, page: PageOf) -> str:
    """Whom a cursor of the page belongs to."""
    return cursor.owner(session, f"graphql:{page.listed.table.schema}.{page.listed.table.name}")


def belongs(page: PageOf) -> str:
    """The question that a cursor of the page belongs to: its conditions and its order."""
    return cursor.belongs((page.listed.given, compose.total_order(page.listed)))


def _ends(page: PageOf) -> list[tuple[str, bool]]:
    ends = ((page.after, False), (page.before, True))
    return [(text, before) for text, before in ends if text is not None]


def _edges(edges: Edges, rows: _Rows) -> bytes:
    if edges.edge is None:
        return f"[{','.join(rows.texts)}]".encode()
    kind = f"{edges.listed.table.type_name}Edge"
    told = []
    for i, row in enumerate(rows.texts):
        values = {"node": row.encode(), "__typename": _json(kind)}
        if "cursor" in edges.edge.values():
            values["cursor"] = _json(rows.cursors(i))
        told.append(_object([(alias, values[name]) for alias, name in edges.edge.items()]))
    return _list(told)


def _info(page: PageOf, info: PageInfo, rows: _Rows) -> list[tuple[str, object]]:
    last = len(rows.texts) - 1
    told: dict[str, Callable[[], object]] = {
        "hasNextPage": lambda: page.before is not None if page.backward else rows.more,
        "hasPreviousPage": lambda: rows.more if page.backward else page.after is not None,
        "startCursor": lambda: rows.cursors(0) if last >= 0 else None,
        "endCursor": lambda: rows.cursors(last) if last >= 0 else None,
        "__typename": lambda: "PageInfo",
    }
    return [(alias, told[name]()) for alias, name in info.members]


def _typeless(listed: Listed) -> tuple[Listed, str]:
    """The rows without their type's name, and an object of what was left out, "" for nothing.

    Statements of bare columns are lookups and pages, whose rows may be kept; a name in them would be none.
    """
    named = [one for one in listed.members if isinstance(one, Typename)]
    columns = tuple(one for one in listed.members if isinstance(one, Selected))
    if listed.nested or not named or not columns:
        return listed, ""
    return replace(listed, members=columns), _object([(one.alias, _json(one.text)) for one in named]).decode()


def _told(one: VisibleSchema, name: str) -> object:
    snapshot = one.snapshot
    values: dict[str, object] = {
        "name": one.name,
        "title": snapshot.product.title,
        "version": snapshot.product.version,
        "description": snapshot.product.purpose,
        "snapshot": snapshot.id,
        "publishedAt": timestamp(snapshot.published_at),
        "dataTime": None if snapshot.data_time is None else timestamp(snapshot.data_time),
        "quality": round(snapshot.quality, 4),
        "__typename": "ProductInfo",
    }
    return values[name]


def _object(members: Sequence[tuple[str, bytes]]) -> bytes:
    return b"{" + b",".join(json.dumps(name).encode() + b":" + value for name, value in members) + b"}"


def _list(items: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
