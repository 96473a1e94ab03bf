"""ROAPI from PyPI in a virtual environment of its own: a peer to measure beside, no dependency of the project."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deployment import ROOT

VENV = ROOT / ".venv-bench"


@dataclass(frozen=True)
class Running:
    """A running ROAPI: its process and the ports of its doors."""

    pid: int
    http: int
    flight: int


@contextmanager
def roapi(name: str, table: Path) -> Iterator[Running]:
    """ROAPI over one parquet file, loaded into its memory, as it does by default."""
    binary = _installed()
    http, postgres, flight = (free_port() for _ in range(3))
    arguments = [binary, "-a", f"127.0.0.1:{http}", "-p", f"127.0.0.1:{postgres}"]
    arguments += ["--addr-flight-sql", f"127.0.0.1:{flight}", "-t", f"{name}={table}"]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        listening(flight)
        listening(http)
        yield Running(process.pid, http, flight)
    finally:
        process.terminate()
        process.wait()


def _installed() -> Path:
    binary = VENV / "bin" / "roapi"
    if not binary.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([VENV / "bin" / "pip", "install", "--quiet", "roapi"], check=True)
    return binary


def free_port() -> int:
    """A TCP port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int, patience_s: float = 60) -> None:
    """Wait until something listens on `port`. Raises TimeoutError."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")
