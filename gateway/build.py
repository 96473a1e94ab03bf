"""The child process of a publication: one Order on stdin, one core.duckdb in its folder, Messages on stdout.

Decides nothing about rights, renames nothing, serves nothing. It ends at once when its parent ends.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa

from gateway import arriving, databases, feeds, python_models, quality, replica
from gateway.descriptor import MODELS
from gateway.document import Finding
from gateway.duck_writer import WriteError, Writer
from gateway.job import (
    Built,
    Failed,
    Fetch,
    Job,
    Message,
    Order,
    Progressed,
    PseudonymJob,
    Relation,
    Replica,
    TableJob,
    order,
    written,
)
from gateway.pseudonym import DISTINCT_LEAST, TYPES, pseudonyms
from gateway.python_models import Inputs, ModelError
from gateway.snapshot import Arrived, RuleOutcome, SourceColumn

LOG = "build.log"
_TICK_S = 0.5
_PSEUDONYM_BATCH_ROWS = 100_000
_BATCH_ROWS = 100_000
Step = Literal["arrive", "write", "pseudonym", "audit"]


class Unfit(Exception):
    """The core cannot be served; `findings` say why without any value, `outcomes` are of all rules if they were run."""

    def __init__(self, findings: tuple[Finding, ...], outcomes: tuple[RuleOutcome, ...] = ()) -> None:
        super().__init__(f"{len(findings)} findings")
        self.findings, self.outcomes = findings, outcomes


@dataclass(frozen=True)
class _Build:
    """One job under way."""

    order: Order
    writer: Writer
    say: Callable[[Message], None]

    @property
    def job(self) -> Job:
        """What to build."""
        return self.order.job

    def run(self) -> Built:
        """Write, then audit. Raises Unfit."""
        arrived, doubts = self._relations()
        stored: list[tuple[str, str, str]] = []
        for table in self.job.tables:
            self._write(table)
            for one, finding in self._pseudonyms(table):
                stored += [] if finding else [(table.name, one.column, one.link)]
                doubts += [finding] if finding else []
        self._check_schema(stored)
        outcomes = self._audit()
        counts = {table.name: self.writer.rows(table.name) for table in self.job.tables}
        data_time = self._data_time()
        measures = self._measures()
        self.writer.close()
        return Built(counts, outcomes, tuple(stored), data_time, tuple(doubts), measures, arrived)

    def _relations(self) -> tuple[tuple[Arrived, ...], list[Finding]]:
        """Make what models read, inputs by their contracts; what has arrived, and what is odd about it."""
        known = {(one.input, one.table): one for one in self.order.before}
        found: list[Arrived] = []
        doubts: list[Finding] = []
        breaks: list[Finding] = []
        for relation in self.job.relations:
            subject = f"{relation.schema}.{relation.name}"
            with _blamed(subject):
                if relation.arrival is None:
                    self.writer.view(relation)
                    continue
                last = known.get((relation.schema, relation.name))
                try:
                    with self._told("arrive", subject):
                        columns = None if relation.fetch is None else self._fetched(relation, relation.fetch)
                        folder = Path(self.order.folder)
                        good, arrived, odd = arriving.arrive(self.writer, relation, folder, last, columns)
                except arriving.Drifted as error:
                    breaks += error.findings
                    continue
                self.writer.view(good)
                found.append(arrived)
                doubts += odd
        if breaks:
            raise Unfit(tuple(breaks))
        return tuple(found), doubts

    def _fetched(self, relation: Relation, fetch: Fetch) -> tuple[SourceColumn, ...]:
        """The columns of another database's table, once those that the contract names are staged. Raises Unfit."""
        assert relation.arrival is not None
        wanted = {physical for _, physical, _ in relation.arrival.places}
        try:
            with databases.source(fetch, self.order.secrets, self.order.source_s) as source:
                columns = source.columns()
                names = [one.name for one in columns if one.name in wanted]
                if names:
                    self._staged(feeds.staged(relation.schema, relation.name), fetch.replica, source, names)
        except databases.SourceError as error:
            file, _, path = fetch.where.partition(" ")
            raise Unfit(
                (Finding(file, 0, path, f"{relation.schema}.{relation.name}: {error}", f"see {LOG}"),)
            ) from error
        return columns

    def _staged(self, name: str, kept: Replica | None, source: databases.Source, names: list[str]) -> None:
        """Stage the rows of a table of another database: all, or what is kept of it with what is new."""
        if kept is None or not {kept.column, *kept.key} <= set(names):
            with source.rows(names, None) as rows:
                self.writer.stage(name, rows)
            return
        newest = replica.newest(self.writer, kept)
        with source.rows(names, None if newest is None else (kept.column, newest)) as rows:
            self.writer.stage(f"{name}$fresh", rows)
        replica.merge(self.writer, kept, name, f"{name}$fresh")

    def _write(self, table: TableJob) -> None:
        with self._told("write", table.name), _blamed(table.name):
            if table.python:
                self._made(table)
            staged = bool(table.pseudonyms)
            self.writer.create(table.name, table.columns, table.select, table.order, staged=staged)

    def _made(self, table: TableJob) -> None:
        """Stage what a model in Python gives. Raises Unfit, WriteError."""
        file, name = f"{MODELS}/{table.name}.py", feeds.made(table.name)
        known = {place: (schema, view) for place, schema, view in table.inputs}
        inputs = Inputs(tuple(known), lambda place: self.writer.read(*known[place], _BATCH_ROWS))
        try:
            for one in python_models.batches(table.python, file, inputs):
                if isinstance(one, pa.Schema):
                    lost = [column for column, _ in table.columns if column not in one.names]
                    if lost:
                        raise ModelError(f"it gives no column {', '.join(lost)}")
                    self.writer.stage(name, one.empty_table().to_reader())
                else:
                    self.writer.stage_more(name, one)
        except ModelError as error:
            remedy = f"see {LOG} beside the failed snapshot"
            raise Unfit((Finding(file, error.line, "", str(error), remedy),)) from error

    def _pseudonyms(self, table: TableJob) -> Iterator[tuple[PseudonymJob, Finding | None]]:
        """Store a staged table with its pseudonyms; each with the finding that keeps it away, if there is one."""
        if not table.pseudonyms:
            return
        with self._told("pseudonym", table.name), _blamed(table.name):
            kinds = dict(table.columns)
            found = [(one, self._mapped(table, one, kinds[one.column])) for one in table.pseudonyms]
            kept = [one for one, finding in found if finding is None]
            self.writer.store_with(
                table.name,
                [(one.column, kinds[one.column], _mapping(table, one), one.physical) for one in kept],
                table.order,
            )
        yield from found

    def _mapped(self, table: TableJob, one: PseudonymJob, kind: str) -> Finding | None:
        if kind not in TYPES:
            return _doubt(table, one, f"a {kind} has no pseudonym", f"one of {', '.join(sorted(TYPES))}")
        count = 0
        name, secret = _mapping(table, one), bytes.fromhex(one.key)
        for texts in self.writer.distinct_texts(table.name, one.column, _PSEUDONYM_BATCH_ROWS):
            self.writer.map_texts(name, texts, pseudonyms(texts, kind, secret))
            count += len(texts)
        self.writer.map_texts(name, [], [])
        if not one.one_to_one and count < DISTINCT_LEAST:
            problem = f"{count} distinct values are too few: their frequencies would tell who is who"
            return _doubt(table, one, problem, f"a unique column, one that refers to it, or {DISTINCT_LEAST} values")
        if self.writer.collisions(name):
            return _doubt(table, one, "two values share a pseudonym", "a wider type, such as VARCHAR")
        return None

    def _check_schema(self, stored: list[tuple[str, str, str]]) -> None:
        for table in self.job.tables:
            kinds = dict(table.columns)
            extra = [(one.physical, kinds[one.column]) for one in table.pseudonyms]
            kept = {(name, f"{column}${link}") for name, column, link in stored}
            wanted = (*table.columns, *(pair for pair in extra if (table.name, pair[0]) in kept))
            with _blamed(table.name):
                found = self.writer.columns(table.name)
            if found != tuple(wanted):
                raise Unfit((_finding(table.name, "the stored columns are not the declared ones", "a bug: report it"),))

    def _audit(self) -> tuple[RuleOutcome, ...]:
        """Every rule's outcome. Raises Unfit where one of severity error does not hold."""
        outcomes: list[RuleOutcome] = []
        for number, (table, rule) in enumerate(self.job.rules):
            self.say(Progressed("audit", f"{table}: {rule.id}", number / len(self.job.rules)))
            outcomes.append(quality.outcome(table, rule, self._measured))
        broken = [
            _broken(found, rule.name, rule.where)
            for found, (_, rule) in zip(outcomes, self.job.rules, strict=True)
            if not found.holds and found.severity == "error"
        ]
        if broken and not (self.job.mocked or self.job.lenient):
            raise Unfit(tuple(broken), tuple(outcomes))
        return tuple(outcomes)

    def _measured(self, query: str) -> quality.Number | None:
        try:
            return self.writer.rule(query)
        except WriteError:
            return None  # logged by the writer; the rule then does not hold

    def _measures(self) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        for table, query in self.job.measures:
            with _blamed(table):
                found |= {f"{table}.{name}": value for name, value in self.writer.numbers(query).items()}
        return found

    def _data_time(self) -> datetime | None:
        if self.job.data_time is None:
            return None
        with _blamed("dataClock"):
            text = self.writer.text(self.job.data_time)
        if text is None:
            raise Unfit((_finding("dataClock", "the data clock gives no time", "a timestamp, or a SELECT of one"),))
        return datetime.fromisoformat(text)

    @contextlib.contextmanager
    def _told(self, step: Step, subject: str) -> Iterator[None]:
        """Say that a step goes on, and how far it is every half second."""
        done = threading.Event()

        def tick() -> None:
            while not done.wait(_TICK_S):
                self.say(Progressed(step, subject, self.writer.progress()))

        self.say(Progressed(step, subject, 0.0))
        ticker = threading.Thread(target=tick, daemon=True)
        ticker.start()
        try:
            yield
        finally:
            done.set()
            ticker.join()
        self.say(Progressed(step, subject, 1.0))


def _mapping(table: TableJob, one: PseudonymJob) -> str:
    return f"{table.name}${one.physical}"


@contextlib.contextmanager
def _blamed(table: str) -> Iterator[None]:
    """Turn the writer's failure into a finding about `table`."""
    try:
        yield
    except WriteError as error:
        columns = f" (column {', '.join(error.columns)})" if error.columns else ""
        raise Unfit((_finding(table, f"{error}{columns}", f"see {LOG} beside the failed snapshot"),)) from error


def _finding(table: str, problem: str, remedy: str) -> Finding:
    return Finding("", 0, table, problem, remedy)


def _doubt(table: TableJob, one: PseudonymJob, problem: str, remedy: str) -> Finding:
    place = f"{table.name}.{one.column}"
    return Finding("", 0, place, f"no pseudonym for the link {one.link}: {problem}", remedy, "warning")


def _broken(found: RuleOutcome, name: str, where: str) -> Finding:
    file, _, path = where.partition(" ")
    measured = "gives no number" if found.value != found.value else f"gives {found.value:.15g}"
    return Finding(file, 0, path, f"{found.table}: {name}: {measured}", f"expected {found.expected}")


def main() -> int:
    """Read the order, build, answer; 0 if the core is complete."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 1
    threading.Thread(target=_end_with_parent, daemon=True).start()
    given = order(line)
    logging.basicConfig(filename=Path(given.folder) / LOG, format="%(asctime)s %(message)s", level=logging.INFO)
    mouth = threading.Lock()
    # What a model prints is none of our answers: it goes where its errors go, to the log.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def say(message: Message) -> None:
        with mouth:
            answers.write(written(message))
            answers.flush()

    try:
        say(_built(given, say))
    except Unfit as error:
        say(Failed(error.findings, error.outcomes))
        return 2
    return 0


def _built(given: Order, say: Callable[[Message], None]) -> Built:
    with _blamed(given.job.product):
        writer = Writer(
            Path(given.folder),
            threads=given.threads,
            memory_limit=given.memory_limit,
            files=given.job.files,
            attached=given.job.attachments,
            outputs=_outputs(given.job),
        )
        return _Build(given, writer, say).run()


def _outputs(job: Job) -> list[str]:
    """The files that the build may write beside the core: rows set aside, and what it keeps of other databases."""
    aside = [arriving.file_of(one.schema, one.name) for one in job.relations if one.arrival is not None]
    kept = [one.fetch.replica for one in job.relations if one.fetch is not None and one.fetch.replica is not None]
    return [*aside, *(str(replica.part_of(Path(path))) for one in kept for path in (one.target, one.whole))]


def _end_with_parent() -> None:
    """The parent holds the other end of stdin for as long as it lives."""
    sys.stdin.buffer.read()
    os._exit(3)


if __name__ == "__main__":
    sys.exit(main())
