"""ROAPI from PyPI in a virtual environment of its own: a peer to measure beside, no dependency of the project."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import free_port, installed, listening


@dataclass(frozen=True)
class Running:
    """A running ROAPI: its process and the ports of its doors."""

    pid: int
    http: int
    flight: int
    postgres: int


@contextmanager
def roapi(**tables: Path) -> Iterator[Running]:
    """ROAPI over parquet files by the names of their tables, loaded into its memory, as by default. Raises Absent."""
    binary = installed("roapi", "bin/roapi")
    http, postgres, flight = (free_port() for _ in range(3))
    arguments = ["-a", f"127.0.0.1:{http}", "-p", f"127.0.0.1:{postgres}"]
    arguments += ["--addr-flight-sql", f"127.0.0.1:{flight}"]
    arguments += [part for name, table in tables.items() for part in ("-t", f"{name}={table}")]
    process = subprocess.Popen([binary, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        listening(flight)
        listening(http)
        listening(postgres)
        yield Running(process.pid, http, flight, postgres)
    finally:
        process.terminate()
        process.wait()
