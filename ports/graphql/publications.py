"""Subscriptions: what is told when a product publishes, decided anew each time. Touches the front door only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from gateway import Gateway, NotFound, Session, VisibleProduct
from ports.graphql import schema
from ports.http.lane import Lane
from ports.http.provenance import timestamp

# A manifest is looked at so often; a look costs one stat.
TICK_S = 0.5
# What follows from the hour is decided anew so often; what follows from a publication or a policy's edit, at once.
DECIDED_S = 5.0


@dataclass(frozen=True)
class Watched:
    """A subscription to a product's publications: members of each by response name, `alias` at the root."""

    product: str
    alias: str
    members: tuple[tuple[str, str], ...]


def told(published: VisibleProduct, watched: Watched) -> dict[str, object]:
    """One publication as data."""
    snapshot = published.snapshot
    values: dict[str, object] = {
        "product": watched.product,
        "version": snapshot.product.version,
        "snapshot": snapshot.id,
        "digest": snapshot.product.digest,
        "publishedAt": timestamp(snapshot.published_at),
        "dataTime": None if snapshot.data_time is None else timestamp(snapshot.data_time),
        "quality": round(published.state.quality, 4),
        "__typename": schema.PUBLICATION,
    }
    return {watched.alias: {alias: values[name] for alias, name in watched.members}}


class Publications:
    """The publications of one product, as one session sees them."""

    def __init__(self, gateway: Gateway, session: Session, lane: Lane, watched: Watched) -> None:
        self._gateway, self._lane, self._watched = gateway, lane, watched
        self._session = session.pinned(())
        self._last = ""
        self._looked: tuple[object, object] = (None, None)
        self._until = 0.0

    async def begin(self) -> None:
        """Take note of what is served now. Raises NotFound where the session sees no such product."""
        self._last = (await self._lane.run(self._seen)).snapshot.id

    async def follow(self) -> AsyncGenerator[dict[str, object], None]:
        """Each publication from then on. Raises NotFound once the product is no longer visible, Unauthenticated once
        what opened the session has ended."""
        while True:
            await asyncio.sleep(TICK_S)
            if await self._lane.run(self._served) == self._last:
                continue
            published = await self._lane.run(self._seen)
            if published.snapshot.id != self._last:
                self._last = published.snapshot.id
                yield told(published, self._watched)

    def _seen(self) -> VisibleProduct:
        """The product, which is then on record as told. Raises NotFound."""
        return self._gateway.product(self._session, self._watched.product)

    def _served(self) -> str:
        """The id of what is served now. Raises NotFound where it does not exist for the session, Unauthenticated."""
        self._gateway.stands(self._session)
        pin = self._gateway.pin(self._session)
        if self._looked == (pin.deployment, pin.policies) and time.monotonic() < self._until:
            return self._last
        for one in self._gateway.schemas(self._session, pin):
            if one.name == self._watched.product.lower():
                self._looked, self._until = (pin.deployment, pin.policies), time.monotonic() + DECIDED_S
                return one.snapshot.id
        raise NotFound("the permission for this subscription has ended", reason="expired")
