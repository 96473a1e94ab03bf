"""A build's inputs: what models may read, made and held to contracts before tables are written. In the build only.

Also what every part of a build tells: its steps, and why the core cannot be served.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from gateway.contracts import arrivals
from gateway.document import Finding
from gateway.inputs import arriving, databases, feeds, replica
from gateway.inputs.duck_writer import WriteError, Writer
from gateway.inputs.job import Failed, Fetch, Job, Message, Order, Progressed, Relation, Replica
from gateway.product import QualityRule
from gateway.service_levels import quality
from gateway.snapshot import Arrived, RuleOutcome, SourceColumn

LOG = "build.log"
_TICK_S = 0.5
Step = Literal["arrive", "write", "pseudonym", "audit"]


class Unfit(Exception):
    """The core cannot be served; `findings` say why without any value, `outcomes` are of all rules if they were run."""

    def __init__(self, findings: tuple[Finding, ...], outcomes: tuple[RuleOutcome, ...] = ()) -> None:
        super().__init__(f"{len(findings)} findings")
        self.findings, self.outcomes = findings, outcomes


@dataclass(frozen=True)
class Underway:
    """One job under way: what each of its parts has."""

    order: Order
    writer: Writer
    say: Callable[[Message], None]

    @property
    def job(self) -> Job:
        """What to build."""
        return self.order.job

    def measured(self, query: str, source: str = "") -> quality.Number | None:
        """What a rule's query gives; None, and the rule does not hold, where it gives no number."""
        try:
            return self.writer.rule(query, source)
        except WriteError:
            return None  # logged by the writer; the rule then does not hold

    @contextlib.contextmanager
    def told(self, step: Step, subject: str) -> Iterator[None]:
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


class Arriving(Underway):
    """The part of a job before its tables are written."""

    def relations(self) -> tuple[tuple[Arrived, ...], tuple[RuleOutcome, ...], list[Finding]]:
        """Make what models read, inputs by their contracts; what has arrived, its rules, and what is odd about it."""
        known = {(one.input, one.table): one for one in self.order.before}
        found: list[Arrived] = []
        doubts: list[Finding] = []
        breaks: list[Finding] = []
        for relation in self.job.relations:
            subject = f"{relation.schema}.{relation.name}"
            with blamed(subject):
                if relation.arrival is None:
                    self.writer.view(relation)
                    continue
                last = known.get((relation.schema, relation.name))
                try:
                    with self.told("arrive", subject):
                        columns = None if relation.fetch is None else self._fetched(relation, relation.fetch)
                        folder = Path(self.order.folder)
                        good, arrived, odd = arriving.arrive(self.writer, relation, folder, last, columns)
                except arriving.Drifted as error:
                    breaks += error.findings
                    found += [] if error.arrived is None else [error.arrived]
                    continue
                self.writer.view(good)
                found.append(arrived)
                doubts += odd
        if breaks:
            raise Unfit(tuple(breaks), tuple(self._counted(found)))
        return tuple(found), self._checked(found), doubts

    def _counted(self, arrived: list[Arrived]) -> Iterator[RuleOutcome]:
        """The outcomes of rules that no row may break: rows that do are set aside."""
        known = {(one.input, one.table): one for one in arrived}
        for source, table, rule in self.job.checks:
            one = known.get((source, table))
            if one is not None and self._aside(source, table, rule):
                yield quality.outcome(f"{source}.{table}", rule, partial(_given, arriving.counted(one, rule)))

    def _aside(self, source: str, table: str, rule: QualityRule) -> bool:
        """Whether rows that break a rule of an input are set aside, and counted then."""
        relation = next(one for one in self.job.relations if (one.schema, one.name) == (source, table))
        assert relation.arrival is not None
        return arrivals.set_aside(relation.arrival, rule)

    def _checked(self, arrived: list[Arrived]) -> tuple[RuleOutcome, ...]:
        """The outcomes of every rule of inputs' contracts, over the rows that are let in. Raises Unfit as `_audit`."""
        outcomes, broken = list(self._counted(arrived)), []
        for source, table, rule in self.job.checks:
            if not self._aside(source, table, rule):
                outcomes.append(quality.outcome(f"{source}.{table}", rule, partial(self.measured, source=source)))
                broken += broken_of(outcomes[-1], rule)
        if broken and not self.job.lenient:
            raise Unfit(tuple(broken), tuple(outcomes))
        return tuple(outcomes)

    def _fetched(self, relation: Relation, fetch: Fetch) -> tuple[SourceColumn, ...]:
        """The columns of another database's table, once those that the contract names are staged. Raises Unfit."""
        assert relation.arrival is not None
        wanted = {physical for _, physical, _ in relation.arrival.places}
        try:
            late = partial(self._late, relation, fetch)
            with databases.source(fetch, self.order.secrets, self.order.source_s, late) as source:
                columns = source.columns()
                names = [one.name for one in columns if one.name in wanted]
                if names:
                    self._staged(feeds.staged(relation.schema, relation.name), fetch.replica, source, names)
        except databases.SourceError as error:
            raise Unfit((_unread(relation, fetch, str(error)),)) from error
        return columns

    def _late(self, relation: Relation, fetch: Fetch) -> None:
        """Say so before this process ends."""
        self.say(Failed((_unread(relation, fetch, databases.SLOW),)))

    def _staged(self, name: str, kept: Replica | None, source: databases.Source, names: list[str]) -> None:
        """Stage the rows of a table of another database: all, or what is kept of it with what is new."""
        if kept is None or not {kept.column, *kept.key} <= set(names):
            with source.rows(names, None) as rows:
                self.writer.stage(name, rows)
            return
        newest = replica.newest(self.writer, kept)
        with source.rows(names, None if newest is None else (kept.column, newest)) as rows:
            self.writer.stage(f"{name}$fresh", rows)
        if newest is None or not replica.went_back(self.writer, kept, f"{name}$fresh"):
            replica.merge(self.writer, kept, name, f"{name}$fresh")
            return
        with source.rows(names, None) as rows:
            self.writer.stage(f"{name}$anew", rows)
        replica.merge(self.writer, kept, name, f"{name}$anew", anew=True)


@contextlib.contextmanager
def blamed(table: str) -> Iterator[None]:
    """Turn the writer's failure into a finding about `table`."""
    try:
        yield
    except WriteError as error:
        columns = f" (column {', '.join(error.columns)})" if error.columns else ""
        raise Unfit((fault(table, f"{error}{columns}", f"see {LOG} beside the failed snapshot"),)) from error


def _unread(relation: Relation, fetch: Fetch, problem: str) -> Finding:
    file, _, path = fetch.where.partition(" ")
    return Finding(file, 0, path, f"{relation.schema}.{relation.name}: {problem}", f"see {LOG}")


def fault(table: str, problem: str, remedy: str) -> Finding:
    """What keeps a table, or another part of the product, from being served."""
    return Finding("", 0, table, problem, remedy)


def broken_of(found: RuleOutcome, rule: QualityRule) -> list[Finding]:
    """What stops the publication, if anything does."""
    if found.holds or found.severity != "error":
        return []
    file, _, path = rule.where.partition(" ")
    measured = "gives no number" if found.value != found.value else f"gives {found.value:.15g}"
    return [Finding(file, 0, path, f"{found.table}: {rule.name}: {measured}", f"expected {found.expected}")]


def _given(value: quality.Number, _: str) -> quality.Number:
    """What was counted before, in place of what a query gives."""
    return value
