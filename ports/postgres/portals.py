"""Prepared statements and portals: what is asked, bound to its parameters, and its rows as they are taken.

A portal is buenavista's QueryResult over an answer of the gateway: nothing is computed before its rows are taken.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from buenavista.core import BVType, QueryResult

from gateway import GatewayError, Pin, Result
from ports.postgres import rows
from ports.postgres.backend import Field
from ports.postgres.commands import Command
from ports.postgres.errors import WireError
from ports.postgres.functions import Calls

Bytes = bytes | memoryview
BATCH_ROWS = 8192
# A batch of wide rows is encoded in parts, so that a slow client holds little.
PIECE_BYTES = 4 << 20
# How often a long answer is decided upon anew.
CONFIRM_S = 2.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Stands among an answer's bytes where they may take long: for `result`'s first rows, or (None) to be computed."""

    result: Result | None


_LONG = Wait(None)


class Asked(Protocol):
    """What a portal gives the rows of."""

    def answer(self, fields: Sequence[Field]) -> Result:
        """Begin."""

    def require_own(self) -> None:
        """Raises WireError where it was asked on behalf of somebody else than is asked for now."""

    def confirm(self, result: Result) -> None:
        """Raises NotFound where the answer would be another one now."""


@dataclass(frozen=True)
class Statement:
    """A prepared statement: a query with the types of its parameters and columns, or a session command.

    `fields` is None where it gives no rows. `text` is the statement itself, "" for an empty one. `catalog`: whether it
    asks PostgreSQL's catalogs. `pin` is the state in which a query was described, None where its columns never change,
    `asker` on whose behalf; `given` are the types that the client gave.
    """

    name: str
    text: str
    command: Command | Calls | None
    parameters: tuple[int, ...]
    fields: tuple[Field, ...] | None
    catalog: bool = False
    pin: Pin | None = None
    asker: str = ""
    given: tuple[int, ...] = ()

    @property
    def weight(self) -> int:
        """About the bytes that it takes."""
        return 500 + len(self.name) + len(self.text) + 16 * len(self.parameters) + 250 * len(self.fields or ())


class Portal(QueryResult):  # type: ignore[misc]
    """The rows of one bound statement, to be taken in one go or several."""

    def __init__(
        self,
        statement: Statement,
        fields: Sequence[Field] | None,
        question: Asked | None,
        weight: int = 0,
    ) -> None:
        super().__init__()
        self.statement = statement
        self.fields = None if fields is None else tuple(fields)
        self.held = False
        self.weight = weight
        self.count = 0
        self.done = False
        self._question = question
        self._confirmed = 0.0
        self._result: Result | None = None
        self._batches: Iterator[pa.RecordBatch] | None = None
        self._rest: pa.RecordBatch | None = None

    def has_results(self) -> bool:
        """Whether it gives rows."""
        return self.fields is not None

    def column_count(self) -> int:
        """How many columns."""
        return len(self.fields or ())

    def column(self, index: int) -> tuple[str, BVType]:
        """Name of a column; its type is said by its Field."""
        return (self.fields or ())[index].name, BVType.UNKNOWN

    def status(self) -> str:
        """The tag of the statement once it has ended."""
        return f"SELECT {self.count}"

    def rows(self) -> Iterator[list[Any]]:
        """Every row as values, for those who want them one by one."""
        for batch in self.batches(0):
            yield from (list(row.values()) for row in batch.to_pylist())

    def require_own(self) -> None:
        """Raises WireError where its rows are those of somebody else than is asked for now."""
        if self._question is not None:
            self._question.require_own()

    def batches(self, limit: int) -> Iterator[pa.RecordBatch]:
        """The next rows, at most `limit` (0: all). `done` tells whether they were the last. Raises GatewayErrors."""
        left = limit or None
        self.require_own()
        self._confirm(0.0)
        while left is None or left > 0:
            batch = self._rest if self._rest is not None else self._next()
            self._rest = None
            if batch is None:
                self.done = True
                return
            if left is not None and batch.num_rows > left:
                batch, self._rest = batch.slice(0, left), batch.slice(left)
            self.count += batch.num_rows
            left = None if left is None else left - batch.num_rows
            yield from _pieces(batch)

    def begun(self) -> Iterator[Wait]:
        """Begin it, if it has not begun."""
        if self._result is None and self._question is not None:
            yield Wait(self._begin(self._question))
        elif not self.done:
            yield _LONG

    def messages(self, limit: int) -> Iterator[Bytes | Wait]:
        """The next rows as DataRow messages."""
        fields = self.fields or ()
        form = None
        if limit != 1 and self._question is not None and self._result is None:
            form = tuple([(field.oid, field.format) for field in fields])
            result = self._begin(self._question)
            if (row := result.row(form)) is not None:
                self.count, self.done = 1, True
                result.sent(len(row))
                yield row
                return
            yield Wait(result)
        else:
            yield from self.begun()
        for batch in self.batches(limit):
            data = rows.data_rows(batch, fields)
            if form is not None and self._result is not None and self.count == 1:
                self._result.keep(form, bytes(data))
            self.sent(data)
            yield data

    def sent(self, data: Bytes) -> None:
        """So much of its rows leaves now."""
        if self._result is not None:
            self._result.sent(len(data))

    def refit(self, fields: Sequence[Field] | None) -> None:
        """Take other formats, before the first row. Raises WireError afterwards, and for other columns."""
        if fields is None or fields == self.fields:
            return
        if [(one.name, one.oid) for one in fields] != [(one.name, one.oid) for one in self.fields or fields]:
            raise WireError("0A000", "cached plan must not change result type", "prepare the FETCH again")
        if self._batches is not None:
            raise WireError("0A000", "a cursor keeps the formats of its first FETCH")
        self.fields = tuple(fields)

    def cancel(self) -> None:
        """Stop what it computes, from any thread."""
        if self._result is not None:
            self._result.cancel()

    def close(self) -> None:
        """Free it."""
        self.done = True
        if self._result is not None:
            self._result.close()

    def _next(self) -> pa.RecordBatch | None:
        if self._question is None:
            return None
        if self._batches is None:
            self._batches = (self._result or self._begin(self._question)).batches()
        else:
            self._confirm(CONFIRM_S)
        return next(self._batches, None)

    def _begin(self, question: Asked) -> Result:
        self._result = question.answer(self.fields or ())
        self._confirmed = time.monotonic()
        return self._result

    def _confirm(self, after_s: float) -> None:
        """Rows may be taken long after the first: nobody keeps by that what has been taken from him."""
        if self._question is None or self._result is None or self._batches is None:
            return
        if time.monotonic() - self._confirmed < after_s:
            return
        try:
            self._result.permitted()
            self._question.confirm(self._result)
        except (GatewayError, WireError):
            self._rest = None
            self.close()
            raise
        self._confirmed = time.monotonic()


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    size = batch.get_total_buffer_size()
    if size <= PIECE_BYTES:
        yield batch
        return
    step = max(1, batch.num_rows * PIECE_BYTES // size)
    for start in range(0, batch.num_rows, step):
        yield batch.slice(start, step)
