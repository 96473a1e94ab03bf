"""Processes and ports of the servers that are measured. A peer that this machine cannot run is Absent: no failure."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from benchmarks.deployment import ROOT

PYTHON = ROOT / ".venv-bench"
Peer = TypeVar("Peer")


class Absent(Exception):
    """Why a peer is left out."""


@contextmanager
def module(name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A module of the benchmarks as a process of its own, ended with the block."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait()


def installed(package: str, path: str) -> Path:
    """`path` in an environment apart from the project's that has `package` from PyPI. Raises Absent."""
    wanted = PYTHON / path
    try:
        if not (PYTHON / "bin" / "python").exists():
            subprocess.run([sys.executable, "-m", "venv", PYTHON], check=True)
        if not any(PYTHON.glob(f"lib/*/site-packages/{package}-*.dist-info")):
            pip: list[str | Path] = [
                PYTHON / "bin" / "pip",
                "--disable-pip-version-check",
                "install",
                "--quiet",
                package,
            ]
            subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Absent(f"{package} cannot be installed from PyPI into {PYTHON.name}") from error
    return wanted


def offered(begin: Callable[[], Peer]) -> Peer | None:
    """What `begin` gives; None, and a line that says why, where this machine cannot run it."""
    try:
        return begin()
    except Absent as absent:
        print(f"left out: {absent}", flush=True)
        return None


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
