"""What a plan asks, asked of the gateway at one pin, and its answers put together as they were rendered.

Touches the gateway's front door only. No row is looked at but those of pages, for their cursors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from gateway import Form, Gateway, Pin, Provenance, Query, Result, Session, VisibleSchema
from ports.graphql import compose, measures
from ports.graphql.pages import Found, Pages, joined, json
from ports.graphql.plan import (
    Group,
    Introspection,
    Item,
    Listing,
    MeasuresOf,
    PageOf,
    RowOf,
    RowsOf,
)
from ports.graphql.selection import Listed, Selected, Typename
from ports.graphql.shape import Shape
from ports.http import json_rows
from ports.http.exchange import Lifeline
from ports.http.provenance import timestamp

FORM: Form = "json_strings"
BATCH_ROWS = 8192
# A row that holds lists of others may be long.
LIST_BATCH_ROWS = 256
Path = tuple[str, ...]
# What stands at an introspection's place, by its nodes.
Introspect = Callable[[Introspection], bytes]
Refusals = Callable[[], AbstractContextManager[None]]
# What may be told of, asked only where it is.
Visible = Callable[[], Sequence[VisibleSchema]]


class Execution:
    """One operation's statements, at one pin. Not thread-safe."""

    def __init__(
        self, gateway: Gateway, session: Session, pin: Pin, shape: Shape, lifeline: Lifeline, refusals: Refusals
    ) -> None:
        """Statements are composed within `refusals`, which keep it on record where one cannot be."""
        self._gateway, self._session, self._pin, self._refusals = gateway, session, pin, refusals
        self._shape, self._lifeline = shape, lifeline
        self._pages = Pages(gateway, session, pin, shape, self._asked_for)
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
                "digest": one.digest,
                "dataTime": None if one.data_time is None else timestamp(one.data_time),
                "quality": round(one.quality, 4),
                "freshness": one.freshness,
                "age": one.age_s,
                **({"mock": True} if one.mock else {}),
                **({"generated": True} if one.generated else {}),
            }
            for one in products.values()
        ]
        return {"queries": queries, "products": states}

    def _item(self, item: Item, path: Path, visible: Visible, introspect: Introspect) -> bytes:
        if isinstance(item, Group):
            return joined({name: self._item(one, (*path, name), visible, introspect) for name, one in item.members})
        if isinstance(item, RowsOf):
            return self._list(item.listed, path)
        if isinstance(item, MeasuresOf):
            with self._refusals():
                query = measures.compose(item.grouped, self._shape)
            return self._texts(self._ask(query, False), path)
        if isinstance(item, RowOf):
            return self._row(item, path)
        if isinstance(item, PageOf):
            return self._pages.answer(item, path)
        if isinstance(item, Listing):
            return _list([joined({a: json(_told(one, name)) for a, name in item.members}) for one in visible()])
        return introspect(item) if isinstance(item, Introspection) else json(item.text)

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

    def _asked_for(self, compose: Callable[[], Query], long: bool, path: Path) -> Found:
        """The rows of a statement that is composed within `refusals`, read at once."""
        with self._refusals():
            query = compose()
        result = self._ask(query, long)
        batches = list(result.batches())
        self._asked.append((path, result.provenance))
        texts: list[str] = [text for one in batches for text in one.column(0).to_pylist()]
        if not query.beside:
            return Found(texts, (), result.provenance)
        places = [tuple(place.values()) for one in batches for place in one.column(1).to_pylist()]
        return Found(texts, places, result.provenance)

    def _ask(self, query: Query, long: bool) -> Result:
        rows = LIST_BATCH_ROWS if long else BATCH_ROWS
        return self._lifeline.hold(
            self._gateway.answer(self._session, query, form=FORM, batch_rows=rows, pin=self._pin)
        )


def _typeless(listed: Listed) -> tuple[Listed, str]:
    """The rows without their type's name, and an object of what was left out, "" for nothing.

    Statements of bare columns are lookups and pages, whose rows may be kept; a name in them would be none.
    """
    named = [one for one in listed.members if isinstance(one, Typename)]
    columns = tuple(one for one in listed.members if isinstance(one, Selected))
    if listed.nested or not named or not columns:
        return listed, ""
    return replace(listed, members=columns), joined({one.alias: json(one.text) for one in named}).decode()


def _told(one: VisibleSchema, name: str) -> object:
    snapshot = one.snapshot
    values: dict[str, object] = {
        "name": one.name,
        "title": snapshot.product.title,
        "version": snapshot.product.version,
        "description": snapshot.product.purpose,
        "snapshot": snapshot.id,
        "digest": snapshot.product.digest,
        "publishedAt": timestamp(snapshot.published_at),
        "dataTime": None if snapshot.data_time is None else timestamp(snapshot.data_time),
        "quality": round(one.quality, 4),
        "__typename": "ProductInfo",
    }
    return values[name]


def _list(items: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"
