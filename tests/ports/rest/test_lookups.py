"""Records by key as many clients ask for them at once, over 64 connections of two principals."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable
from typing import Any

import httpx
import pyarrow as pa
import pytest

from gateway.sql import duck
from ports.http.server import HttpPort

CONNECTIONS = 64
EACH = 6
ACCEPT = ("application/json", "text/csv", "application/vnd.apache.arrow.stream")


def read(answer: httpx.Response) -> dict[str, Any]:
    """The one row of `answer`, whatever its format."""
    kind = answer.headers["content-type"]
    if kind.startswith("application/json"):
        row: dict[str, Any] = answer.json()["data"]
    elif kind.startswith("text/csv"):
        (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    else:
        (row,) = pa.ipc.open_stream(answer.content).read_all().to_pylist()
    return row


def expected(subject: str, key: int) -> str | None:
    """The name that `subject` is shown of customer `key`; None where there is no such customer for it."""
    if key >= 600 or (subject == "analyst" and key % 2):
        return None
    if subject == "analyst":
        return "N***"
    return f"{'CANARY' if key % 2 else 'Nora'}-name-{key}"


async def visit(port: HttpPort, number: int, check: Callable[[str, int, httpx.Response], None]) -> None:
    """One client with one connection: EACH records, one after the other, each checked."""
    subject = ("steward", "analyst")[number % 2]
    accept = ACCEPT[number % 3]
    host, address = port.address
    async with httpx.AsyncClient(
        base_url=f"http://{host}:{address}",
        auth=(subject, f"{subject}-secret"),
        headers={"Accept": accept},
        limits=httpx.Limits(max_connections=1),
        timeout=60,
    ) as client:
        for turn in range(EACH):
            key = (number * 7 + turn * 101) % 640
            check(subject, key, await client.get(f"/products/shop/customers/{key}"))


def test_64_connections_of_two_principals_each_get_their_own_record(
    http_port: HttpPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries: list[str] = []
    stream = duck.stream

    def counted(cursor: Any, text: str, *rest: Any) -> pa.RecordBatchReader:
        queries.append(text)
        return stream(cursor, text, *rest)

    monkeypatch.setattr(duck, "stream", counted)
    seen: set[str] = set()

    def check(subject: str, key: int, answer: httpx.Response) -> None:
        shown = expected(subject, key)
        if shown is None:
            assert answer.status_code == 404, answer.text
            assert answer.json()["detail"] == "customers has no row with this key"
            return
        assert answer.status_code == 200, answer.text
        row = read(answer)
        assert (int(row["customer_id"]), row["full_name"]) == (key, shown)
        assert ("salary" in row) == (subject == "steward")
        seen.add(answer.headers["x-outport-query-id"])

    async def every() -> None:
        await asyncio.gather(*(visit(http_port, number, check) for number in range(CONNECTIONS)))

    asyncio.run(every())
    asked = CONNECTIONS * EACH
    wanted = sum(
        expected(("steward", "analyst")[n % 2], (n * 7 + t * 101) % 640) is not None
        for n in range(CONNECTIONS)
        for t in range(EACH)
    )
    assert len(seen) == wanted, "each answer is an answer of its own"
    assert len(queries) < asked
    assert any("unnest" in text for text in queries)
