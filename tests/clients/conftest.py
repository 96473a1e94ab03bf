"""Clients that are no part of the gateway's environment: each is a process of its own, against real doors.

`make test-clients` installs them into `.venv-clients`, JavaScript too, and runs this folder; `make test` does neither.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from tests.conftest import World

ROOT = Path(__file__).parent.parent.parent
TOOLS = ROOT / ".venv-clients"
LIMIT_S = 120


@dataclass(frozen=True)
class Tools:
    """The installed clients, and a folder that programs are written to and run in."""

    folder: Path

    def python(self, text: str, *arguments: str) -> str:
        """What a program prints that runs beside the Python clients."""
        return self._run([str(TOOLS / "bin" / "python"), "-c", text, *arguments])

    def node(self, text: str, *arguments: str) -> str:
        """What a program (an ES module) prints that runs beside the JavaScript clients."""
        return self._run(["node", "--input-type=module", "-", *arguments], text)

    def run(self, name: str, *arguments: str) -> str:
        """What an installed command prints. Fails as `subprocess.CalledProcessError` does."""
        for place in (TOOLS / "node_modules" / ".bin", TOOLS / "bin"):
            if (place / name).exists():
                return self._run([str(place / name), *arguments])
        raise FileNotFoundError(name)

    def _run(self, command: list[str], given: str = "") -> str:
        answer = subprocess.run(
            command,
            cwd=self.folder,
            env=environment(),
            input=given,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        if answer.returncode != 0:
            raise Failed(answer.stdout + answer.stderr)
        return answer.stdout


class Failed(Exception):
    """A client ended with an error; the message is all that it printed."""


def environment() -> dict[str, str]:
    """Ours, but for what would lead a client elsewhere: proxies, and this environment's modules."""
    ours = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ours["PATH"] = f"{TOOLS / 'bin'}{os.pathsep}{ours['PATH']}"
    return {name: value for name, value in ours.items() if name not in {"PYTHONPATH", "NODE_OPTIONS"}}


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    if not (TOOLS / ".installed").exists():
        pytest.exit("the clients are not installed: run `make test-clients`", returncode=2)
    folder = tmp_path_factory.mktemp("programs")
    (folder / "node_modules").symlink_to(TOOLS / "node_modules")
    return Tools(folder)


@pytest.fixture(scope="session")
def address(world: World) -> Iterator[str]:
    """Where the web door is."""
    port = HttpPort(world.gateway)
    port.start()
    host, number = port.address
    yield f"http://{host}:{number}"
    port.stop()


@pytest.fixture(scope="session")
def flight_address(world: World) -> Iterator[tuple[str, int]]:
    """Host and port of the Flight SQL door."""
    port = FlightPort(world.gateway)
    port.start()
    yield port.address
    port.stop()


def basic(subject: str) -> str:
    """The Authorization header of a principal's password."""
    return "Basic " + base64.b64encode(f"{subject}:{subject}-secret".encode()).decode()


@pytest.fixture(scope="session")
def bearer(world: World) -> Callable[[str], str]:
    """The Authorization header of a principal's token."""
    directory = Directory(world.settings.principals, load(world.settings))
    return lambda subject: f"Bearer {directory.issue_token(subject, 600)}"


Reader = Callable[..., dict[str, Any]]
POSTGREST = """
import { PostgrestClient } from '@supabase/postgrest-js'

const [address, Authorization] = process.argv.slice(2)
const Accept = 'application/vnd.pgrst.array+json'
const client = new PostgrestClient(address, { headers: { Authorization, Accept } })
const { data, error, count, status } = await client.EXPRESSION
console.log(JSON.stringify({ data, error, count, status }))
"""


@pytest.fixture(scope="session")
def postgrest(tools: Tools, address: str) -> Reader:
    """`postgrest("analyst", "from('orders').select()")`: data, error, count and status as postgrest-js gives them."""

    def read(subject: str, expression: str, authorization: str | None = None) -> dict[str, Any]:
        program = POSTGREST.replace("EXPRESSION", expression)
        printed = tools.node(program, f"{address}/products/shop", authorization or basic(subject))
        found: dict[str, Any] = json.loads(printed)
        return found

    return read
