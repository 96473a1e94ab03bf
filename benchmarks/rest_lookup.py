"""A record by key, and a page of 100 by filter and order, beside what others make of the same questions.

A small table's rows are kept by key once they are asked for often, and lookups that wait at the same time share a
query: one of our servers keeps nothing, and one asks a query each, to show what that is worth. Each server runs in a
process of its own and is asked in turn, round by round; ratios are taken within a round. A round is a time, not a
count: slow servers get fewer requests. Before anything is measured, all must answer alike.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks import questions, servers
from benchmarks.deployment import QUICK, deployed
from benchmarks.load import Http, Measured, Target, get
from benchmarks.postgraphile import postgraphile
from benchmarks.postgres import CUSTOMERS, TRANSACTIONS, Table, postgres
from benchmarks.processes import installed, offered
from benchmarks.questions import BARE, EACH, STEWARD, TOGETHER, Question
from benchmarks.roapi import roapi
from benchmarks.tables import figure, machine, markdown
from gateway import Gateway

ROUNDS = 3 if QUICK else 5
ROUND_S = 0.5 if QUICK else 1.0
CONNECTIONS = (1, 16, 64)
KEYS = 400
NEVER = 1 << 60
TABLES = (CUSTOMERS, TRANSACTIONS)
# (table, column of the filter, its value, column of the order)
PAGES = (("customers", "segment", "platinum", "lifetime_value"), ("transactions", "store_id", 367, "sales_value"))
Maker = Callable[[Question], Target]


def asked(table: Table, rows: Path) -> list[Question]:
    """The questions about one table, of which `rows` are the steward's: by key, and a page."""
    gateway = Gateway(deployed())
    visible = gateway.table(gateway.impersonate("steward", "rest"), table.product, table.name)
    gateway.close()
    columns = {column.name: column.type for column in visible.columns}
    keys = pq.read_table(rows, columns=list(table.key))
    some = keys.take(list(range(0, keys.num_rows, keys.num_rows // KEYS))).to_pylist()
    values = tuple(tuple(row[name] for name in table.key) for row in some)
    count = f"of {keys.num_rows:,} rows"
    by_key = Question(f"a record {count}", table.product, table.name, columns, table.key, table.key, values, None)
    pages = (
        Question(f"100 {count}", table.product, table.name, columns, table.key, (where,), ((value,),), order)
        for name, where, value, order in PAGES
        if name == table.name
    )
    return [by_key, *pages]


def started(stack: ExitStack, files: Mapping[str, Path]) -> list[Maker]:
    """Start whatever this machine can run; what makes a target of each, given a question."""
    port, constant = stack.enter_context(servers.outport()), stack.enter_context(servers.bare())
    together = stack.enter_context(servers.outport(kept_after=NEVER))
    each = stack.enter_context(servers.outport(lookups_per_query=1, kept_after=NEVER))
    makers: list[Maker] = [
        lambda _: Http(BARE, constant, (get("/"),)),
        partial(questions.outport, port=port, subject="steward"),
        partial(questions.outport, port=port, subject="analyst"),
        partial(questions.graphql, port=port),
        lambda question: replace(questions.outport(question, together, "steward"), name=TOGETHER),
        lambda question: replace(questions.outport(question, each, "steward"), name=EACH),
    ]
    if (other := offered(lambda: stack.enter_context(roapi(**files)))) is not None:
        makers.append(partial(questions.roapi, port=other.http))
    if (database := offered(lambda: stack.enter_context(postgres(*TABLES)))) is None:
        return makers
    if (graph := offered(lambda: stack.enter_context(postgraphile(database.url)))) is not None:
        makers.append(partial(questions.postgraphile, port=graph.http))
    if (python := offered(lambda: installed("asyncpg", "bin/python"))) is not None:
        makers.append(partial(questions.postgres, url=database.url, python=python))
    return makers


def measured(targets: Sequence[Target], connections: int) -> Mapping[str, list[Measured]]:
    """Every target, in turn, in each round; the first round warms up and is dropped."""
    rounds: dict[str, list[Measured]] = {target.name: [] for target in targets}
    for number in range(ROUNDS + 1):
        for target in targets:
            one = target.load(connections, ROUND_S)
            if number:
                rounds[target.name].append(one)
    return rounds


def cell(name: str, rounds: Mapping[str, list[Measured]]) -> str:
    """Outport's requests per second over this server's (median of the rounds), p50 and p99 in milliseconds."""
    pairs = zip(rounds[STEWARD], rounds[name], strict=True)
    ratio = statistics.median(ours.rate / theirs.rate for ours, theirs in pairs)
    cuts = statistics.quantiles((took for one in rounds[name] for took in one.latencies), n=100)
    return f"{figure(ratio)} ({figure(cuts[49] * 1e3)} / {figure(cuts[98] * 1e3)})"


def report(question: Question, makers: Sequence[Maker]) -> str:
    """Measure at each number of connections, printing absolute figures; the table of ratios."""
    targets = [make(question) for make in makers]
    cells: dict[str, list[str]] = {target.name: [] for target in targets}
    for connections in CONNECTIONS:
        rounds = measured(targets, connections)
        for name, several in rounds.items():
            rate = statistics.median(one.rate for one in several)
            busy = statistics.median(one.busy for one in several)
            cells[name].append(cell(name, rounds))
            print(
                f"{question.title}, {connections:2} connections, {name:30}: {rate:7.0f}/s, client busy {busy:4.0%},"
                f" outport's / its (p50 / p99 ms): {cells[name][-1]}",
                flush=True,
            )
    head = [question.title, *(f"{number} connection{'s' if number > 1 else ''}" for number in CONNECTIONS)]
    return markdown(head, [[name, *shown] for name, shown in cells.items()])


def main() -> None:
    """Print absolute figures, then a table a question."""
    deployed("retail", "customer_360")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        files = {
            table.name: servers.exported("steward", table.product, table.name, Path(folder) / f"{table.name}.parquet")
            for table in TABLES
        }
        makers = started(stack, files)
        found = [one for table in TABLES for one in asked(table, files[table.name])]
        for question in found:
            count = questions.agreed(question, [make(question) for make in makers])
            print(f"{question.title}: every server answers alike, rows: {count}", flush=True)
        tables = [report(question, makers) for question in found]
    print(f"\n{machine()}. Cells: outport's requests/s over this server's (p50 / p99 in ms).\n")
    print("\n\n".join(tables))


if __name__ == "__main__":
    main()
