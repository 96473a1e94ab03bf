"""The demo's measures asked at one door after another: rows that compare whatever they came as, or a refusal's code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import adbc_driver_flightsql.dbapi as flight
import adbc_driver_manager
import httpx
import psycopg
import pyarrow as pa

from gateway import Gateway, GatewayError, Password, Query
from gateway.settings import Settings
from tests.demo import DemoServer
from tests.doors import FLIGHT_CODES, SQLSTATES
from tests.parity_questions import Question, Sheet, parted, sql

Rows = list[tuple[Any, ...]]
Answer = Rows | str
_NUMBERS = ("INT", "DECIMAL", "DOUBLE")


class Visitor:
    """One persona at every door of a running demo, and at the front door in this process."""

    def __init__(self, demo: DemoServer, gateway: Gateway, name: str) -> None:
        self._demo, self._gateway, self._name = demo, gateway, name
        self._proof = (name, f"{name}-demo")
        self._http = httpx.Client(base_url=f"http://{demo.http}", auth=self._proof, timeout=60)
        self._opened: list[Any] = [self._http]

    def close(self) -> None:
        """Leave every door."""
        for one in self._opened:
            one.close()

    def python(self, sheet: Sheet) -> list[Answer]:
        """The front door."""
        try:
            session = self._gateway.open(Password(*self._proof), "python")
            with self._gateway.answer(session, Query(sql(sheet))) as result:
                return _parted(sheet, [list(row.values()) for batch in result.batches() for row in _rows(batch)])
        except GatewayError as error:
            return [error.code] * len(sheet)

    def rest(self, sheet: Sheet) -> list[Answer]:
        """The address of the measures, by one dimension after another."""
        return [self._address(asked) for asked in sheet]

    def _address(self, asked: Question) -> Answer:
        names = ",".join(f"{asked.table}.{one}" for one in asked.measures)
        given = {} if asked.by is None else {"by": asked.by.path}
        given |= {"grain": asked.by.grain} if asked.by is not None and asked.by.grain else {}
        given |= {"week": f"in.({','.join(map(str, asked.weeks))})"} if asked.weeks else {}
        answer = self._http.get(f"/products/{asked.product}/-/measures/{names}", params=given)
        told = json.loads(answer.text, parse_float=Decimal)
        return rows(asked, (row.values() for row in told["data"])) if answer.status_code == 200 else str(told["code"])

    def graphql(self, sheet: Sheet) -> list[Answer]:
        """GraphQL, by one dimension after another."""
        return [self._document(asked) for asked in sheet]

    def _document(self, asked: Question) -> Answer:
        where = f"where: {{week: {{_in: [{', '.join(map(str, asked.weeks))}]}}}}, " if asked.weeks else ""
        field = f"{asked.table}Measures({where}limit: 1000)"
        text = f"{{ {asked.product} {{ {field} {{ {_selected(asked)} {' '.join(asked.measures)} }} }} }}"
        answer = json.loads(self._http.post("/graphql", json={"query": text}).text, parse_float=Decimal)
        if "errors" in answer:
            return str(answer["errors"][0]["extensions"]["code"])
        found = answer["data"][asked.product][f"{asked.table}Measures"]
        return rows(asked, ([_inner(one) for one in row.values()] for row in found))

    def mcp(self, sheet: Sheet) -> list[Answer | None]:
        """Agents' tool: what is asked of all rows, and without grains; an answer that is cut short is none."""
        return [
            self._tool(asked) if asked.by is None or not (asked.weeks or asked.by.grain) else None for asked in sheet
        ]

    def _tool(self, asked: Question) -> Answer | None:
        given = {
            "product": asked.product,
            "measures": [f"{asked.table}.{one}" for one in asked.measures],
            "by": [asked.by.path] if asked.by is not None else [],
            "max_tokens": 20_000,
        }
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
        text = self._http.post(
            "/mcp",
            json={**call, "params": {"name": "query_measure", "arguments": given}},
            headers={"Accept": "application/json"},
        ).text
        told = json.loads(text, parse_float=Decimal)["result"]
        if told.get("isError"):
            return str(told["content"][0]["text"]).removeprefix("error ").partition(":")[0]
        found = told["structuredContent"]
        return None if found["truncated"] else rows(asked, found["rows"])

    def flight_sql(self, sheet: Sheet) -> list[Answer]:
        """Arrow Flight SQL."""
        try:
            with self._flight.cursor() as cursor:
                cursor.execute(sql(sheet))
                return _parted(sheet, cursor.fetchall())
        except adbc_driver_manager.Error as error:
            return [FLIGHT_CODES.get(error.status_code.name, error.status_code.name)] * len(sheet)

    def simple(self, sheet: Sheet) -> list[Answer]:
        """PostgreSQL's wire, simple queries."""
        return self._postgres(sheet, prepared=False, binary=False)

    def extended(self, sheet: Sheet) -> list[Answer]:
        """The same by named prepared statements."""
        return self._postgres(sheet, prepared=True, binary=False)

    def binary(self, sheet: Sheet) -> list[Answer]:
        """The same in binary formats."""
        return self._postgres(sheet, prepared=False, binary=True)

    @cached_property
    def _flight(self) -> flight.Connection:
        options = dict(zip(("username", "password"), self._proof, strict=True))
        opened = flight.connect(f"grpc://{self._demo.flight}", db_kwargs=options, autocommit=True)
        self._opened.append(opened)
        return opened

    @cached_property
    def _wire(self) -> psycopg.Connection[Any]:
        words = f"{self._demo.postgres} dbname=outport user={self._name} password={self._proof[1]}"
        opened = psycopg.connect(words, autocommit=True)
        self._opened.append(opened)
        return opened

    def _postgres(self, sheet: Sheet, *, prepared: bool, binary: bool) -> list[Answer]:
        try:
            with self._wire.cursor(binary=binary) as cursor:
                return _parted(sheet, cursor.execute(sql(sheet), prepare=prepared).fetchall())
        except psycopg.Error as error:
            return [SQLSTATES.get(error.sqlstate or "", "bad_query")] * len(sheet)


DOORS: dict[str, Callable[[Visitor, Sheet], Sequence[Answer | None]]] = {
    "Python": Visitor.python,
    "REST": Visitor.rest,
    "GraphQL": Visitor.graphql,
    "MCP": Visitor.mcp,
    "Flight SQL": Visitor.flight_sql,
    "Postgres, simple": Visitor.simple,
    "extended": Visitor.extended,
    "binary": Visitor.binary,
}


def front_door(demo: DemoServer) -> Gateway:
    """The demo's gateway in this process, beside the one that serves it."""
    folder = demo.folder
    return Gateway(
        Settings(products=folder / "products", policies=folder / "policies", state=folder / ".outport", demo=True)
    )


def rows(asked: Question, found: Iterable[Iterable[Any]]) -> Rows:
    """The groups in an order that is the same for all doors, each value as a number or a text."""
    numeric = asked.by is not None and asked.by.type.startswith(_NUMBERS)
    groups = [tuple(row) for row in found]
    if asked.by is None:
        return [tuple(_number(one) for one in row) for row in groups]
    named = [(_number(first) if numeric else _text(first), *map(_number, rest)) for first, *rest in groups]
    return sorted(named, key=lambda row: repr(row[0]))


def _number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _text(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def _parted(sheet: Sheet, found: Iterable[Sequence[Any]]) -> list[Answer]:
    return [rows(asked, groups) for asked, groups in zip(sheet, parted(sheet, found), strict=True)]


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    held: list[dict[str, Any]] = batch.to_pylist()
    return held


def _selected(asked: Question) -> str:
    """The dimension in a GraphQL selection."""
    if asked.by is None:
        return ""
    name = asked.by.name + (f"(grain: {asked.by.grain.upper()})" if asked.by.grain else "")
    return f"{asked.by.far.partition('.')[2]} {{ {name} }}" if asked.by.far else name


def _inner(value: Any) -> Any:
    return next(iter(value.values())) if isinstance(value, dict) else value
