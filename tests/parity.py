"""The demo's measures through every door, for each who may ask: the rows of the README's table.

A door's values are compared as the set of its groups' measures with those of REST's own addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import adbc_driver_flightsql.dbapi as flight
import httpx
import psycopg

from tests.demo import DemoServer

PERSONAS = ("steward", "analyst", "ml-pipeline")
# Which table's measures, by which dimension; the large one by one that stands in a related table.
QUESTIONS = (
    ("customer_360", "customers", ""),
    ("customer_360", "customers", "segment"),
    ("customer_360", "customers", "age"),
    ("customer_360", "monthly", "month"),
    ("retail", "transactions", "products.brand"),
)
Groups = list[tuple[float | None, ...]]


class Asked:
    """One question: all measures of a table that a principal has, by one dimension."""

    def __init__(self, demo: DemoServer, name: str, product: str, table: str, by: str) -> None:
        self.demo, self.name, self.product, self.table, self.by = demo, name, product, table, by
        self.proof = (name, f"{name}-demo")
        self.address = f"http://{demo.http}/products/{product}/-/measures"
        listed = httpx.get(self.address, auth=self.proof, timeout=60).json().get("data", ())
        self.measures = [one["name"] for one in listed if one["table"] == table]

    @property
    def sql(self) -> str:
        """The question in SQL, its measures last."""
        items = ", ".join(f"MEASURE({one})" for one in self.measures)
        if not self.by:
            return f"SELECT {items} FROM {self.product}.{self.table}"
        join = " LEFT JOIN retail.products p USING (product_id)" if "." in self.by else ""
        return f"SELECT {self.by.rpartition('.')[2]}, {items} FROM {self.product}.{self.table}{join} GROUP BY 1"

    def groups(self, rows: Iterable[Iterable[Any]]) -> Groups:
        """The measures of every group, in an order that is the same for all doors."""
        found = [
            tuple(None if one is None else float(Decimal(one)) for one in list(row)[-len(self.measures) :])
            for row in rows
        ]
        return sorted(found, key=repr)


def rest(asked: Asked) -> Groups:
    names = ",".join(f"{asked.table}.{one}" for one in asked.measures)
    answer = httpx.get(
        f"{asked.address}/{names}", params={"by": asked.by} if asked.by else {}, auth=asked.proof, timeout=60
    )
    return asked.groups(row.values() for row in answer.json()["data"])


def sql(asked: Asked) -> Groups:
    answer = httpx.post(f"http://{asked.demo.http}/sql", json={"sql": asked.sql}, auth=asked.proof, timeout=60)
    return asked.groups(row.values() for row in answer.json()["data"])


def graphql(asked: Asked) -> Groups:
    table, _, column = asked.by.rpartition(".")
    by = f"{table} {{ {column} }}" if table else column
    text = f"{{ {asked.product} {{ {asked.table}Measures {{ {by} {' '.join(asked.measures)} }} }} }}"
    answer = httpx.post(f"http://{asked.demo.http}/graphql", json={"query": text}, auth=asked.proof, timeout=60).json()
    rows = answer["data"][asked.product][f"{asked.table}Measures"]
    return asked.groups([row[name] for name in asked.measures] for row in rows)


def mcp(asked: Asked) -> Groups:
    given = {
        "product": asked.product,
        "measures": [f"{asked.table}.{one}" for one in asked.measures],
        "by": [asked.by] if asked.by else [],
        "max_tokens": 20_000,
    }
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "query_measure", "arguments": given}}
    headers = {"Accept": "application/json"}
    answer = httpx.post(f"http://{asked.demo.http}/mcp", json=call, headers=headers, auth=asked.proof, timeout=60)
    told = answer.json()["result"]["structuredContent"]
    assert not told["truncated"]
    return asked.groups(told["rows"])


def flight_sql(asked: Asked) -> Groups:
    options = {"username": asked.name, "password": asked.proof[1]}
    with (
        flight.connect(f"grpc://{asked.demo.flight}", db_kwargs=options, autocommit=True) as door,
        door.cursor() as cursor,
    ):
        cursor.execute(asked.sql)
        return asked.groups(cursor.fetchall())


def postgres(*, prepared: bool = False, binary: bool = False) -> Callable[[Asked], Groups]:
    def ask(asked: Asked) -> Groups:
        words = f"{asked.demo.postgres} dbname=outport user={asked.name} password={asked.proof[1]}"
        with psycopg.connect(words) as door, door.cursor(binary=binary) as cursor:
            return asked.groups(cursor.execute(asked.sql, prepare=prepared).fetchall())

    return ask


DOORS: dict[str, Callable[[Asked], Groups]] = {
    "REST": rest,
    "SQL over REST": sql,
    "GraphQL": graphql,
    "MCP": mcp,
    "Flight SQL": flight_sql,
    "Postgres, simple": postgres(),
    "extended": postgres(prepared=True),
    "binary": postgres(binary=True),
}


def table(demo: DemoServer) -> str:
    """The table in Markdown; a door that answers otherwise is named so."""
    lines = [
        f"| asked by | measures of | by | values | {' | '.join(DOORS)} |",
        f"| --- | --- | --- | ---: |{' --- |' * len(DOORS)}",
    ]
    for name in PERSONAS:
        for product, one, by in QUESTIONS:
            asked = Asked(demo, name, product, one, by)
            if not asked.measures:
                continue
            answers = [ask(asked) for ask in DOORS.values()]
            same = ["same" if answer == answers[0] else "DIFFERENT" for answer in answers]
            what = f"`{product}.{one}` | {by or 'all rows'}"
            lines.append(f"| {name} | {what} | {sum(map(len, answers[0]))} | {' | '.join(same)} |")
    return "\n".join(lines) + "\n"
