"""Rows that were set aside, for who manages the product: counts by rule, and values only as far as theirs to see.

Reads the files beside a snapshot and beside pushes. An input's column is shown where a model passes it on as it is and
leaves no row out, and the reader sees that in full and in every row; of the others there are rules and counts. On
record.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from gateway.contracts import passing
from gateway.contracts.visibility import sameness
from gateway.errors import Forbidden
from gateway.inputs import arriving, segments
from gateway.reach import grants
from gateway.reach.managers import Managers
from gateway.reach.pins import Pins
from gateway.session import Pin, Session
from gateway.snapshot import Snapshot

ROWS = 100
# Of a value: what was pushed may be as long as a push.
CELL = 1_000
Row = Mapping[str, str | None]


@dataclass(frozen=True)
class Aside:
    """What of one table of an input was set aside: of `rows` that came, by rule; `shown` are the columns of `sample`.

    `pushed` is whether it is of pushes, each of which was checked when it came.
    """

    input: str
    table: str
    rows: int
    aside: int
    broken: tuple[tuple[str, int], ...]
    shown: tuple[str, ...]
    sample: tuple[Row, ...]
    pushed: bool = False


class Quarantine:
    """Shows what was set aside. Thread-safe."""

    def __init__(self, state: Path, managers: Managers, pins: Pins) -> None:
        self._state, self._managers, self._pins = state, managers, pins

    def read(self, session: Session, product: str) -> tuple[Aside, ...]:
        """For who may manage the product. Raises NotFound, Forbidden, Unavailable."""
        snapshot = self._managers.check(session, product).snapshot
        shown = _raw(session, self._pins.present(), snapshot)
        found = tuple(everything(self._state, snapshot, shown))
        told = "; ".join(f"{one.input}.{one.table}: {', '.join(one.shown) or 'no value'}" for one in found if one.aside)
        self._managers.record(session, snapshot.product.name, "quarantine", what=told)
        return found


def everything(state: Path, snapshot: Snapshot, shown: Iterable[str] | None) -> Iterator[Aside]:
    """What was set aside for the snapshot, and by pushes since ever. Each column of a sample is the
    beginning of a text, as it came.

    `shown` are the columns that samples have (`input.table.column`), None for all.
    """
    known = None if shown is None else frozenset(shown)
    for one in snapshot.arrived:
        path = snapshot.path.parent / arriving.file_of(one.input, one.table)
        if one.aside:
            names, sample = _sample([path], f"{one.input}.{one.table}", known)
            yield Aside(one.input, one.table, one.rows, one.aside, one.broken, names, sample)
    for source in snapshot.product.inputs:
        for table, _ in source.feeds:
            shelf = segments.shelf(state, snapshot.product.name, source.name, table)
            told = shelf.answers()
            if any(one.aside for one in told):
                broken: dict[str, int] = {}
                for rule, count in itertools.chain.from_iterable(answer.broken for answer in told):
                    broken[rule] = broken.get(rule, 0) + count
                names, sample = _sample(shelf.aside(), f"{source.name}.{table}", known)
                rows, aside = sum(one.rows + one.aside for one in told), sum(one.aside for one in told)
                yield Aside(source.name, table, rows, aside, tuple(broken.items()), names, sample, pushed=True)


def _sample(paths: Sequence[Path], place: str, shown: frozenset[str] | None) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """The columns that are shown, and the first rows with them and the rules that each breaks; newest files first."""
    names: tuple[str, ...] = ()
    rows: list[Row] = []
    for path in reversed(paths):
        # It may have been merged since it was listed.
        with suppress(FileNotFoundError), pq.ParquetFile(path) as file:
            given = [name for name in file.schema_arrow.names if name != arriving.RULES]
            names = tuple(name for name in given if shown is None or f"{place}.{name}" in shown)
            for batch in file.iter_batches(ROWS, columns=[arriving.RULES, *names]):
                rows += [{name: _cut(value) for name, value in row.items()} for row in batch.to_pylist()]
                if len(rows) >= ROWS:
                    return names, tuple(rows[:ROWS])
    return names, tuple(rows)


def _cut(value: str | None) -> str | None:
    return value if value is None or len(value) <= CELL else value[:CELL] + " ..."


def _raw(session: Session, pin: Pin, snapshot: Snapshot) -> frozenset[str]:
    """The input columns whose values the session sees in full: `input.table.column`."""
    found: set[str] = set()
    for table in snapshot.product.tables:
        try:
            grant = grants.grant(session, pin, "query", snapshot, table.name)
        except Forbidden:
            continue
        if grant is None or grant.decision.rows is not None or table.model is None:
            continue
        visible = {name for name in grant.decision.visible if sameness(grant.decision, name) == "raw"}
        found |= {place for place in passing.as_they_are(table, every_row=True) if place.rpartition(".")[2] in visible}
    return frozenset(found)
