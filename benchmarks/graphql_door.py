"""100 rows of 10 fields, a record by key, and lists in a list over GraphQL, beside REST's JSON, PostGraphile and ROAPI.

The web door answers REST and GraphQL from the same rows, both as the steward; the others show everything to anybody.
Each server runs in a process of its own and is asked in turn, round by round; ratios are taken within a round. Before
anything is measured, all must answer with the same rows.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks import servers
from benchmarks.deployment import deployed
from benchmarks.load import Http, Measured, get, post
from benchmarks.postgraphile import postgraphile
from benchmarks.postgres import CUSTOMERS, MONTHLY, postgres
from benchmarks.processes import offered
from benchmarks.rest_lookup import CONNECTIONS, measured
from benchmarks.roapi import roapi
from benchmarks.tables import figure, machine, markdown

OURS, PAGES, REST, PEER, FILES = "GraphQL", "GraphQL, with a cursor a row", "REST's JSON", "PostGraphile 5", "ROAPI"
FIELDS = "household_id full_name email phone birth_date age income home_ownership household_size lifetime_value".split()
PAGE, PARENTS, CHILDREN, KEYS = 100, 20, 5, 400
SELECTED = " ".join(FIELDS)
COUNTED = "edges { cursor node { FIELDS } } pageInfo { hasNextPage endCursor }".replace("FIELDS", SELECTED)


@dataclass(frozen=True)
class Question:
    """What is asked of the customers: an address or a document for each server that can, by its name."""

    title: str
    rest: Sequence[str]
    ours: Sequence[tuple[str, dict[str, Any]]]
    pages: Sequence[tuple[str, dict[str, Any]]]
    peer: Sequence[tuple[str, dict[str, Any]]]
    files: Sequence[str]


def questions() -> list[Question]:
    """The three questions."""
    keys = range(1, KEYS + 1)
    mine, theirs = SELECTED, " ".join(map(_camel, FIELDS))
    conditions = 'where: {segment: {_eq: "platinum"}}, orderBy: [{lifetime_value: DESC}]'
    inside = f"monthly(orderBy: [{{month: DESC}}], limit: {CHILDREN}) {{ month visits spend }}"
    page = Question(
        f"{PAGE} rows of {len(FIELDS)} fields",
        [f"/products/customer_360/customers?select={','.join(FIELDS)}&segment=eq.platinum"
         f"&order=lifetime_value.desc&limit={PAGE}"],
        [(f"{{ customer_360 {{ customers({conditions}, limit: {PAGE}) {{ {mine} }} }} }}", {})],
        [(f"{{ customer_360 {{ customersConnection({conditions}, first: {PAGE}) {{ {COUNTED} }} }} }}", {})],
        [('{ allCustomers(condition: {segment: "platinum"}, orderBy: [LIFETIME_VALUE_DESC, HOUSEHOLD_ID_ASC], '
          f"first: {PAGE}) {{ nodes {{ {theirs} }} }} }}", {})],
        [f"/api/tables/customers?{quote('filter[segment]', safe='[]')}={quote(chr(39) + 'platinum' + chr(39))}"
         f"&sort=-lifetime_value,household_id&limit={PAGE}&columns={','.join(FIELDS)}"],
    )  # fmt: skip
    ours = f"query ($k: BigInt!) {{ customer_360 {{ customersByKey(household_id: $k) {{ {mine} }} }} }}"
    peer = f"query ($k: BigInt!) {{ customerByHouseholdId(householdId: $k) {{ {theirs} }} }}"
    record = Question(
        f"a record of {len(FIELDS)} fields by its key",
        [f"/products/customer_360/customers/{key}?select={','.join(FIELDS)}" for key in keys],
        [(ours, {"k": str(key)}) for key in keys],
        [],
        [(peer, {"k": str(key)}) for key in keys],
        [f"/api/tables/customers?filter[household_id]={key}&columns={','.join(FIELDS)}" for key in keys],
    )
    nested = Question(
        f"{PARENTS} rows, each with its last {CHILDREN} of another table",
        [f"/products/customer_360/customers?select=household_id,full_name,monthly(month,visits,spend)&limit={PARENTS}"
         f"&monthly.order=month.desc&monthly.limit={CHILDREN}"],
        [(f"{{ customer_360 {{ customers(limit: {PARENTS}) {{ household_id full_name {inside} }} }} }}", {})],
        [],
        [(f"{{ allCustomers(first: {PARENTS}) {{ nodes {{ householdId fullName monthliesByHouseholdId("
          f"orderBy: MONTH_DESC, first: {CHILDREN}) {{ nodes {{ month visits spend }} }} }} }} }}", {})],
        [],
    )  # fmt: skip
    return [page, record, nested]


def targets(question: Question, port: int, peer: int | None, files: int | None) -> list[Http]:
    """Every server that can answer, as it is asked."""
    found = [
        Http(OURS, port, tuple(_posted(question.ours, "steward"))),
        Http(PAGES, port, tuple(_posted(question.pages, "steward"))),
        Http(REST, port, tuple(get(path, "steward") for path in question.rest)),
    ]
    found += [Http(PEER, peer, tuple(_posted(question.peer, None)))] if peer is not None else []
    found += [Http(FILES, files, tuple(get(path) for path in question.files))] if files is not None else []
    return [one for one in found if one.requests]


def agreed(question: Question, asked: Sequence[Http]) -> int:
    """How many values the servers answer with. Raises RuntimeError unless all answer with the same."""
    answers = {one.name: list(_values(json.loads(one.first()))) for one in asked}
    if len({tuple(told) for told in answers.values()}) != 1:
        begun = {name: told[: len(FIELDS)] for name, told in answers.items()}
        raise RuntimeError(f"{question.title}: the servers do not answer alike: {begun} ...")
    return len(answers[OURS])


def _values(told: Any) -> Iterator[str]:
    """The values of rows wherever they stand, numbers as one text whoever writes them; ROAPI leaves nulls out."""
    if isinstance(told, dict):
        if "errors" in told:
            raise RuntimeError(str(told["errors"]))
        for name, value in told.items():
            if name not in {"extensions", "cursor", "pageInfo", "next", "meta"}:
                yield from _values(value)
    elif isinstance(told, list):
        for one in told:
            yield from _values(one)
    elif told is not None:
        yield _text(told)


def _text(value: object) -> str:
    try:
        return str(float(str(value)))
    except ValueError:
        return str(value)


def report(question: Question, asked: Sequence[Http]) -> str:
    """Measure at each number of connections; the table of ratios."""
    cells: dict[str, list[str]] = {one.name: [] for one in asked}
    for connections in CONNECTIONS:
        rounds = measured(asked, connections)
        for name, several in rounds.items():
            cells[name].append(_cell(rounds[OURS], several))
            print(f"{question.title}, {connections:2} connections, {name:30}: {cells[name][-1]}", flush=True)
    head = [question.title, *(f"{number} connection{'s' if number > 1 else ''}" for number in CONNECTIONS)]
    return markdown(head, [[name, *shown] for name, shown in cells.items()])


def _cell(ours: Sequence[Measured], theirs: Sequence[Measured]) -> str:
    """Our requests per second over the server's (median of the rounds), its p50 and p99 in milliseconds."""
    ratio = statistics.median(one.rate / other.rate for one, other in zip(ours, theirs, strict=True))
    cuts = statistics.quantiles((took for one in theirs for took in one.latencies), n=100)
    return f"{figure(ratio)} ({figure(cuts[49] * 1e3)} / {figure(cuts[98] * 1e3)})"


def _posted(documents: Sequence[tuple[str, dict[str, Any]]], subject: str | None) -> Iterator[bytes]:
    for text, given in documents:
        yield post("/graphql", {"query": text, "variables": given}, subject)


def _camel(name: str) -> str:
    pairs = pairwise(f" {name}")
    return "".join(letter.upper() if before == "_" else letter for before, letter in pairs if letter != "_")


def main() -> None:
    """Print absolute figures, then a table a question."""
    deployed("retail", "customer_360")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        rows = servers.exported("steward", "customer_360", "customers", Path(folder) / "customers.parquet")
        port = stack.enter_context(servers.outport())
        database = offered(lambda: stack.enter_context(postgres(CUSTOMERS, MONTHLY)))
        peer = database and offered(lambda: stack.enter_context(postgraphile(database.url)))
        files = offered(lambda: stack.enter_context(roapi(customers=rows)))
        places = (port, peer.http if peer else None, files.http if files else None)
        tables = []
        for question in questions():
            asked = targets(question, *places)
            print(f"{question.title}: every server answers alike, values: {agreed(question, asked)}", flush=True)
            tables.append(report(question, asked))
    print(f"\n{machine()}. Cells: GraphQL's requests/s over this server's (p50 / p99 in ms).\n")
    print("\n\n".join(tables))


if __name__ == "__main__":
    main()
