"""The child process of a publication: one Order on stdin, one core.duckdb in its folder, Messages on stdout.

Forked by fork_server.py. Decides nothing about rights, renames nothing, serves nothing. It ends at once when whoever
asked for it ends.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from gateway.contracts import python_models
from gateway.contracts.clock import PARAMETER, PUBLISHED
from gateway.contracts.descriptor import MODELS
from gateway.contracts.python_models import Inputs, ModelError
from gateway.document import Finding
from gateway.inputs import arriving, feeds, replica
from gateway.inputs.duck_writer import Writer
from gateway.inputs.job import Built, Failed, Job, Message, Order, Progressed, PseudonymJob, TableJob, order, written
from gateway.policies.pseudonym import DISTINCT_LEAST, TYPES, pseudonyms
from gateway.publication.build_inputs import LOG, Arriving, Underway, Unfit, blamed, broken_of, fault
from gateway.service_levels import quality
from gateway.snapshot import RuleOutcome

_PSEUDONYM_BATCH_ROWS = 100_000
_BATCH_ROWS = 100_000


class _Build(Underway):
    """One job under way."""

    def run(self) -> Built:
        """Write, then audit. Raises Unfit."""
        arrived, checked, doubts = Arriving(self.order, self.writer, self.say).relations()
        stored: list[tuple[str, str, str]] = []
        for table in self.job.tables:
            self._write(table)
            for one, finding in self._pseudonyms(table):
                stored += [] if finding else [(table.name, one.column, one.link)]
                doubts += [finding] if finding else []
        self._check_schema(stored)
        data_time = self._data_time()
        self.writer.tell_time(PUBLISHED, self.order.now.astimezone(UTC).replace(tzinfo=None))
        if data_time is not None:
            self.writer.tell_time(PARAMETER, data_time)
        outcomes = self._audit()
        counts = {table.name: self.writer.rows(table.name) for table in self.job.tables}
        measures = self._measures()
        self.writer.close()
        return Built(counts, outcomes, tuple(stored), data_time, tuple(doubts), measures, arrived, checked)

    def _write(self, table: TableJob) -> None:
        with self.told("write", table.name), blamed(table.name):
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
        with self.told("pseudonym", table.name), blamed(table.name):
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
            with blamed(table.name):
                found = self.writer.columns(table.name)
            if found != tuple(wanted):
                raise Unfit((fault(table.name, "the stored columns are not the declared ones", "a bug: report it"),))

    def _audit(self) -> tuple[RuleOutcome, ...]:
        """Every rule's outcome. Raises Unfit where one of severity error does not hold."""
        outcomes: list[RuleOutcome] = []
        for number, (table, rule) in enumerate(self.job.rules):
            self.say(Progressed("audit", f"{table}: {rule.id}", number / len(self.job.rules)))
            outcomes.append(quality.outcome(table, rule, self.measured))
        broken = [
            one for found, (_, rule) in zip(outcomes, self.job.rules, strict=True) for one in broken_of(found, rule)
        ]
        if broken and not (self.job.mocked or self.job.lenient):
            raise Unfit(tuple(broken), tuple(outcomes))
        return tuple(outcomes)

    def _measures(self) -> dict[str, float | None]:
        found: dict[str, float | None] = {}
        for table, query in self.job.measures:
            with blamed(table):
                found |= {f"{table}.{name}": value for name, value in self.writer.numbers(query).items()}
        return found

    def _data_time(self) -> datetime | None:
        if self.job.data_time is None:
            return None
        with blamed("dataClock"):
            text = self.writer.text(self.job.data_time)
        if text is None:
            raise Unfit((fault("dataClock", "the data clock gives no time", "a timestamp, or a SELECT of one"),))
        return datetime.fromisoformat(text)


def _mapping(table: TableJob, one: PseudonymJob) -> str:
    return f"{table.name}${one.physical}"


def _doubt(table: TableJob, one: PseudonymJob, problem: str, remedy: str) -> Finding:
    place = f"{table.name}.{one.column}"
    return Finding("", 0, place, f"no pseudonym for the link {one.link}: {problem}", remedy, "warning")


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
    with blamed(given.job.product):
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
    """The parent holds the other end of stdin for as long as it lives. What a model has started ends too."""
    sys.stdin.buffer.read()
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(3)
