"""Pages of one operation: their rows, each with its cursor. Touches the gateway's front door only.

Where a table has a visible key a cursor holds a row's place in the order; elsewhere it holds the row's number in an
order of everything that may be compared. Neither tells more than its reader may see, and both belong to a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import orjson

from gateway import BadQuery, Gateway, Pin, Provenance, Query, Session
from ports.graphql import compose
from ports.graphql.compose import Bound
from ports.graphql.plan import Edges, PageInfo, PageOf, Text, Total
from ports.graphql.selection import Listed, Typename
from ports.graphql.shape import Shape
from ports.http import cursor
from ports.http.cursor import Cursor
from ports.http.places import reversed_order

_PLACEHOLDER = Typename("_", "")
_Place = tuple[str | None, ...]


@dataclass(frozen=True)
class Found:
    """The rows of a statement as JSON texts, their places if they were asked for, and where they come from."""

    texts: Sequence[str]
    places: Sequence[_Place]
    provenance: Provenance


# Composes a query, which is on record where it cannot be, and asks it; rows that hold lists are long.
Ask = Callable[[Callable[[], Query], bool, tuple[str, ...]], Found]


@dataclass(frozen=True)
class _Rows:
    """The rows of a page as JSON texts, the cursor of each; `more` says that others follow in the page's direction."""

    texts: Sequence[str]
    cursor: Callable[[int], str]
    more: bool


class Pages:
    """The pages of one operation, at one pin. Not thread-safe."""

    def __init__(self, gateway: Gateway, session: Session, pin: Pin, shape: Shape, ask: Ask) -> None:
        self._gateway, self._session, self._pin, self._shape, self._ask = gateway, session, pin, shape, ask

    def answer(self, page: PageOf, path: tuple[str, ...]) -> bytes:
        """A page, with the members that were asked for."""
        found = {name: self._rows(page, one, (*path, name)) for name, one in page.members if isinstance(one, Edges)}
        first = next(iter(found.values()), None)
        members: dict[str, bytes] = {}
        for name, one in page.members:
            if isinstance(one, Edges):
                members[name] = _edges(one, found[name])
            elif isinstance(one, PageInfo):
                first = first or self._rows(page, Edges(page.listed, None), (*path, name))
                members[name] = joined({alias: json(told) for alias, told in _info(page, one, first)})
            elif isinstance(one, Total):
                members[name] = b"%d" % self._count(page.listed, (*path, name))
            else:
                assert isinstance(one, Text)
                members[name] = json(one.text)
        return joined(members)

    def _rows(self, page: PageOf, edges: Edges, path: tuple[str, ...]) -> _Rows:
        """The rows of a page: one more than it has is asked for, which tells whether others follow."""
        listed = replace(edges.listed, members=edges.listed.members or (_PLACEHOLDER,))
        return (self._placed if page.listed.table.key else self._numbered)(page, listed, path)

    def _placed(self, page: PageOf, listed: Listed, path: tuple[str, ...]) -> _Rows:
        order = compose.total_order(listed)
        order = reversed_order(order) if page.backward else order
        ahead = replace(listed, order=order, limit=listed.limit + 1)

        def query() -> Query:
            ends = ((page.after, False), (page.before, True))
            bounds = [
                Bound(self._place(page, text), end is not page.backward) for text, end in ends if text is not None
            ]
            return compose.rows(ahead, self._shape, bounds, placed=True)

        found = self._ask(query, bool(listed.nested), path)
        texts, places = found.texts[: listed.limit], found.places[: listed.limit]
        if page.backward:
            texts, places = texts[::-1], places[::-1]
        sealed = self._sealed(page, found.provenance)
        return _Rows(texts, lambda i: sealed(places[i], 0), len(found.texts) > listed.limit)

    def _numbered(self, page: PageOf, listed: Listed, path: tuple[str, ...]) -> _Rows:
        begin = self._number(page, page.after) or 0
        before = self._number(page, page.before)
        end = None if before is None else max(begin, before - 1)
        if page.backward and end is None:
            end = max(begin, self._count(page.listed, path))
        first = max(begin, end - listed.limit) if page.backward and end is not None else begin
        limit = listed.limit if end is None else min(listed.limit, end - first)
        ahead = replace(listed, offset=first, limit=limit + 1)
        found = self._ask(partial(compose.rows, ahead, self._shape), bool(listed.nested), path)
        sealed = self._sealed(page, found.provenance)
        inside = end is None or first + limit < end
        more = first > begin if page.backward else len(found.texts) > limit and inside
        return _Rows(found.texts[:limit], lambda i: sealed(None, first + i + 1), more)

    def _sealed(self, page: PageOf, provenance: Provenance) -> Callable[[_Place | None, int], str]:
        """What makes a row's cursor of its place, or of how many rows there are up to it."""
        snapshots = tuple(dict.fromkeys(one.snapshot for one in provenance.products))
        question, owned = belongs(page), owner(self._session, page)
        seal = partial(self._gateway.seal, cursor.KIND)
        return lambda place, number: seal(cursor.pack(Cursor(snapshots, place, number, question), owned))

    def _place(self, page: PageOf, text: str) -> _Place:
        place = self._came(page, text).place
        if place is None or len(place) != len(compose.total_order(page.listed)):
            raise _foreign()
        return place

    def _number(self, page: PageOf, text: str | None) -> int | None:
        """How many rows there are up to the one of a cursor."""
        if text is None:
            return None
        came = self._came(page, text)
        if came.place is not None:
            raise _foreign()
        return came.before

    def _came(self, page: PageOf, text: str) -> Cursor:
        came = opened(self._gateway, self._session, page, text)
        served = self._pin.deployment.find(page.listed.table.schema)
        cursor.require(came, belongs(page), served.id if served is not None else "")
        return came

    def _count(self, listed: Listed, path: tuple[str, ...]) -> int:
        found = self._ask(partial(compose.count, listed, self._shape), False, path)
        told: dict[str, str] = orjson.loads(found.texts[0])
        return int(told["n"])


def opened(gateway: Gateway, session: Session, page: PageOf, text: str) -> Cursor:
    """The cursor that `text` is. Raises BadQuery for one of somebody else's, or of another table's."""
    return cursor.unpack(gateway.unseal(cursor.KIND, text), owner(session, page))


def owner(session: Session, page: PageOf) -> str:
    """Whom a cursor of the page belongs to."""
    return cursor.owner(session, f"graphql:{page.listed.table.schema}.{page.listed.table.name}")


def belongs(page: PageOf) -> str:
    """The question that a cursor of the page belongs to: its conditions and its order."""
    return cursor.belongs((page.listed.given, compose.total_order(page.listed)))


def json(value: object) -> bytes:
    """A value as JSON."""
    return orjson.dumps(value)


def joined(members: dict[str, bytes]) -> bytes:
    """An object of members that are JSON."""
    return b"{" + b",".join(orjson.dumps(name) + b":" + value for name, value in members.items()) + b"}"


def _foreign() -> BadQuery:
    return BadQuery("this cursor belongs to another question", reason="value")


def _edges(edges: Edges, rows: _Rows) -> bytes:
    if edges.edge is None:
        return f"[{','.join(rows.texts)}]".encode()
    kind = f'"{edges.listed.table.type_name}Edge"'
    # Cursors are letters that JSON has nothing to escape in.
    value: dict[str, Callable[[int], str]] = {
        "node": lambda i: rows.texts[i],
        "cursor": lambda i: f'"{rows.cursor(i)}"',
        "__typename": lambda i: kind,
    }
    parts = [(f"{json(alias).decode()}:", value[name]) for alias, name in edges.edge.items()]
    told = (",".join([name + of(i) for name, of in parts]) for i in range(len(rows.texts)))
    return f"[{','.join(f'{{{one}}}' for one in told)}]".encode()


def _info(page: PageOf, info: PageInfo, rows: _Rows) -> list[tuple[str, object]]:
    last = len(rows.texts) - 1
    told: dict[str, Callable[[], object]] = {
        "hasNextPage": lambda: page.before is not None if page.backward else rows.more,
        "hasPreviousPage": lambda: rows.more if page.backward else page.after is not None,
        "startCursor": lambda: rows.cursor(0) if last >= 0 else None,
        "endCursor": lambda: rows.cursor(last) if last >= 0 else None,
        "__typename": lambda: "PageInfo",
    }
    return [(alias, told[name]()) for alias, name in info.members]
