"""Rows that clients push to an input of a product: who may, what the contract says of them, where they are kept.

A push is taken whole or not at all: it is on record before it is kept, and kept durably before it is answered. Rows are
checked in an instance of the engine of their own, bounded and locked as that of a publication.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from gateway.errors import BadQuery, Exhausted, NotFound, Unavailable
from gateway.files.alone import taken
from gateway.inputs import arriving, arrow_bodies, feeds, segments
from gateway.inputs.arriving import Drifted
from gateway.inputs.duck_writer import WriteError, Writer
from gateway.inputs.segments import Answer
from gateway.product import Arrival, Input, Product, PushSource, Table
from gateway.reach.managers import Managers
from gateway.session import Session
from gateway.settings import Settings
from gateway.snapshot import Arrived

PushForm = Literal["arrow", "json"]
OnBad = Literal["refuse", "quarantine"]
ON_BAD: tuple[OnBad, ...] = get_args(OnBad)
# Pushes of one process that are checked at once, and what each may use.
_AT_ONCE = 2
_MEMORY_LIMIT = "256MB"
_KEY_LIMIT = 255
_TOLD = 10
Requested = Callable[[str, str], None]


@dataclass(frozen=True)
class Target:
    """Where a push goes: a table of an input of a product."""

    product: Product
    source: Input
    table: Table
    feed: PushSource
    arrival: Arrival


class Push:
    """One push on its way: bytes first, then its rows. For one thread at a time; `discard` ends it in any case."""

    def __init__(
        self, intake: Intake, session: Session, target: Target, key: str, form: PushForm, on_bad: OnBad
    ) -> None:
        self._intake, self._session, self.target = intake, session, target
        self._key, self.form, self.on_bad = segments.key_of(session.principal.subject, key), form, on_bad
        self.shelf = intake.shelf(target)
        self.folder = self.shelf.begin()
        self.body = self.folder / segments.BODY
        self._file = self.body.open("wb")
        taken(self._file.fileno())  # until it is closed, which tells that this push is under way
        self._digest = hashlib.sha256(form.encode())

    def write(self, chunk: bytes) -> None:
        """The next bytes of the body. Raises Unavailable."""
        self._digest.update(chunk)
        try:
            self._file.write(chunk)
        except OSError as error:
            raise _unkept() from error

    def keep(self) -> Answer:
        """Check the rows and keep them; what is answered, the same for the same key and body.

        Raises BadQuery: rows (what breaks the contract, counted), encoding, idempotency; Exhausted; Unavailable.
        """
        body = self._digest.hexdigest()[:32]
        try:
            self._file.flush()
            # A place first: whoever waits for a table's turn keeps a thread from everybody else.
            with self._intake.place(), self.shelf.turn():
                known = self.shelf.answered(self._key, body)
                if known is not None:
                    # The one that was kept may have ended before it could ask.
                    self._intake.asked(self)
                    return known
                return self._intake.take(self, self._session, self._key, body)
        except segments.Conflict as error:
            told = "this Idempotency-Key was used for another body"
            raise BadQuery(told, reason="idempotency", hint="a key of its own for each push") from error
        except OSError as error:
            raise _unkept() from error

    def discard(self) -> None:
        """Remove what is left of it."""
        # What a full disk has not taken is not taken now either.
        with contextlib.suppress(OSError):
            self._file.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Intake:
    """Takes pushes for one deployment. Thread-safe; several processes push to one shelf."""

    def __init__(self, settings: Settings, pushers: Managers, requested: Requested) -> None:
        self._settings, self._pushers, self._requested = settings, pushers, requested
        self._places = threading.Semaphore(_AT_ONCE)
        self.limit_bytes = settings.push_bytes

    def begin(
        self, session: Session, product: str, name: str, table: str | None, key: str, form: PushForm, on_bad: OnBad
    ) -> Push:
        """A push to be filled. Raises NotFound, Forbidden, BadQuery for the key, Unavailable."""
        target = _target(self._pushers.check(session, product).product, name, table)
        if not 0 < len(key) <= _KEY_LIMIT:
            raise BadQuery(f"a push has an Idempotency-Key of 1 to {_KEY_LIMIT} characters", reason="value")
        try:
            return Push(self, session, target, key, form, on_bad)
        except OSError as error:
            raise _unkept() from error

    def takes(self, session: Session, product: Product) -> bool:
        """Whether the session may push to a product that it sees."""
        return bool(self._pushers.rule(session, product))

    def shelf(self, target: Target) -> segments.Shelf:
        """Where the target's pushes are kept."""
        return segments.shelf(self._settings.state, target.product.name, target.source.name, target.table.name)

    def take(self, push: Push, session: Session, key: str, body: str) -> Answer:
        """Check and keep a push, and ask for the product to be refreshed. Raises as `Push.keep`."""
        if push.shelf.size_bytes() + push.body.stat().st_size > self._settings.push_store_bytes:
            raise Exhausted("this input is full", reason="bytes", hint="its owner may raise push_store_bytes")
        target = push.target
        try:
            arrived, rows = _checked(push)
        except BadQuery as error:
            if error.reason == "rows":
                # It may tell that a key is taken.
                what = f"{target.source.name}.{target.table.name}: refused, {error.message}"
                self._pushers.record(session, target.product.name, "push", what=what)
            raise
        kept = arrived.rows - arrived.aside
        what = f"{target.source.name}.{target.table.name}: {kept} rows, {arrived.aside} set aside"
        self._pushers.record(session, target.product.name, "push", what=what)
        answer = Answer(kept, arrived.aside, arrived.broken)
        aside = push.folder / arriving.file_of(target.source.name, target.table.name)
        push.shelf.add(key, body, rows, aside if arrived.aside else None, answer)
        self.asked(push)
        return answer

    def asked(self, push: Push) -> None:
        """Ask for the product to be made anew with what was pushed."""
        self._requested(push.target.product.name, f"push to {push.target.source.name}")

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """One of the places in which pushes are checked. Raises Exhausted where none gets free in time."""
        if not self._places.acquire(timeout=self._settings.queue_s):
            raise Exhausted("too many pushes are checked now", reason="concurrency")
        try:
            yield
        finally:
            self._places.release()


def _unkept() -> Unavailable:
    return Unavailable("pushes cannot be kept now", reason="state")


def _target(product: Product, name: str, table: str | None) -> Target:
    """The table that a push is for. Raises NotFound; BadQuery where the input has several and none is named."""
    source = next((one for one in product.inputs if one.name == name), None)
    pushed = {one: feed for one, feed in source.feeds if isinstance(feed, PushSource)} if source else {}
    if source is None or not pushed:
        raise NotFound(f'"{product.name}" has no input "{name:.64}" that is pushed to', reason="input")
    if table is None and len(pushed) > 1:
        raise BadQuery(
            f"the input {name} has several tables", reason="value", hint=f"table= one of {', '.join(pushed)}"
        )
    wanted = next(iter(pushed)) if table is None else table
    if wanted not in pushed:
        raise NotFound(f'the input {name} has no table "{wanted:.64}"', reason="table")
    feed = pushed[wanted]
    return Target(
        product, source, next(one for one in source.tables if one.name == wanted), feed, dict(source.arrivals)[wanted]
    )


def _checked(push: Push) -> tuple[Arrived, Path]:
    """What has arrived, and the file of its good rows. Raises BadQuery; Unavailable where it cannot be told."""
    target, source = push.target, push.body
    rows, aside = push.folder / "rows", arriving.file_of(push.target.source.name, push.target.table.name)
    arrival = target.arrival if push.on_bad == "quarantine" else replace(target.arrival, limit=0, unit="rows")
    try:
        if push.form == "arrow":
            source = push.folder / "parquet"
            arrow_bodies.to_parquet(push.body, source)
        form: Literal["parquet", "json"] = "parquet" if push.form == "arrow" else "json"
        name, feed = target.source.name, target.feed
        relation = feeds.of_incoming(name, target.table, feed, source, form, arrival)
        kept = push.shelf.pushed() if arrival.keys else ()
        earlier = feeds.of_pushes(name, target.table, feed, kept, arrival) if kept else None
        writer = Writer(
            push.folder,
            threads=1,
            memory_limit=_MEMORY_LIMIT,
            files=[str(source), *map(str, kept)],
            attached=[],
            outputs=[rows.name, aside],
        )
        try:
            good, arrived, _ = arriving.arrive(writer, relation, push.folder, None, earlier=earlier)
            writer.export(good.select, rows)
        finally:
            writer.close()
    except arrow_bodies.BodyError as error:
        raise BadQuery(str(error), reason="encoding") from error
    except Drifted as error:
        told = "; ".join(one.problem for one in error.findings[:_TOLD])
        hint = "mend them; with on-bad=quarantine as many are set aside as the contract's quarantineLimit allows"
        raise BadQuery(told, reason="rows", hint=hint) from error
    except WriteError as error:
        if error.lacking:
            raise _unkept() from error
        raise BadQuery("the body cannot be read as rows of this input", reason="encoding") from error
    return arrived, rows
