"""A real `outport serve --demo` over the demo's small products, in a folder of its own, as a child process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PAGE, FLIGHT = "127.0.0.1:8080", "127.0.0.1:8815"
POSTGRES = "host=127.0.0.1 port=5433"


@dataclass(frozen=True)
class DemoServer:
    """A running demo: where its folder is, and where its doors are (`host:port`, or libpq's words)."""

    folder: Path
    http: str
    flight: str
    postgres: str
    greeting: str
    process: subprocess.Popen[str]

    def run(self, language: str, body: str) -> str:
        """The standard output of a snippet that a reader pastes: its addresses are replaced by the real ones."""
        text = body.replace(PAGE, self.http).replace(FLIGHT, self.flight).replace(POSTGRES, self.postgres)
        command = [sys.executable, "-c", text] if language == "python" else ["/bin/bash", "-euc", text]
        answer = subprocess.run(
            command, cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=600, check=False
        )
        assert answer.returncode == 0, f"{text}\n{answer.stdout}\n{answer.stderr}"
        assert "Traceback" not in answer.stderr
        return answer.stdout


def environment() -> dict[str, str]:
    """The environment of a child: this interpreter's commands first on the path, no settings of the tester's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OUTPORT_")}
    return {**kept, "PATH": f"{BIN}:{kept.get('PATH', '')}"}


@contextmanager
def serving(folder: Path, *products: str) -> Iterator[DemoServer]:
    """Serve the named demo products from `folder` until the block ends; ready when it begins."""
    for product in products:
        shutil.copytree(ROOT / "products" / product, folder / "products" / product)
    shutil.copytree(ROOT / "policies", folder / "policies")
    command = [BIN / "outport", "serve", "--demo", "--http-port", "0", "--flight-port", "0", "--postgres-port", "0"]
    with (
        (folder / "serve.err").open("w") as errors,
        subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            greeting = _until_ready(process, folder)
            http = _after(greeting, "http://")
            flight = _after(greeting, "grpc://")
            postgres = "host=127.0.0.1 port=" + greeting.partition("host=127.0.0.1 port=")[2].split()[0]
            yield DemoServer(folder, http, flight, postgres, greeting, process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _until_ready(process: subprocess.Popen[str], folder: Path) -> str:
    """What the server printed until it said that all products are served."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if line.startswith("ready"):
            return printed
    raise AssertionError(f"the demo ended before it was ready:\n{printed}\n{(folder / 'serve.err').read_text()}")


def _after(text: str, scheme: str) -> str:
    return text.partition(scheme)[2].split("/")[0].split('"')[0].split()[0]
