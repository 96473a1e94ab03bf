"""Asks PostgreSQL over its own wire, as load.py asks web servers. Runs in an environment of its own: imports asyncpg.

Reads an order from the standard input as JSON, and writes what it measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import asyncpg  # type: ignore[import-not-found]


async def measured(order: dict[str, Any]) -> dict[str, Any]:
    """Rate, latencies and the client's share of a core, once every connection has prepared its statement."""
    connections = [await asyncpg.connect(order["url"]) for _ in range(order["connections"])]
    prepared = [await connection.prepare(order["statement"]) for connection in connections]
    latencies: list[float] = []
    count, used, started = 0, time.process_time(), time.perf_counter()
    end = started + order["duration_s"]

    async def one(statement: Any) -> None:
        nonlocal count
        while (asked_at := time.perf_counter()) < end:
            count += 1
            await statement.fetch(*order["values"][count % len(order["values"])])
            latencies.append(time.perf_counter() - asked_at)

    await asyncio.gather(*(one(statement) for statement in prepared))
    elapsed_s = time.perf_counter() - started
    busy = (time.process_time() - used) / elapsed_s
    await asyncio.gather(*(connection.close() for connection in connections))
    return {"rate": len(latencies) / elapsed_s, "latencies": latencies, "busy": busy}


if __name__ == "__main__":
    json.dump(asyncio.run(measured(json.load(sys.stdin))), sys.stdout)
