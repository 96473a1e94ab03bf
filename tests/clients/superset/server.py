"""A running Superset with one person in it, in a folder of its own, and that person at its API."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.processes import free_port, listening
from tests.clients.conftest import ROOT, environment

HERE = Path(__file__).parent
TOOLS = ROOT / ".venv-superset"
PERSON = {"username": "admin", "password": "admin"}
# Who shares a database's one login with others, known to Superset and to the gateway by the same name.
SHARING = ("steward", "analyst")
PATIENCE_S = 300
# Threads, because a page asks for its parts all at once.
GUNICORN = ("--workers", "1", "--worker-class", "gthread", "--threads", "8", "--timeout", str(PATIENCE_S))


@dataclass(frozen=True)
class Superset:
    """Where it is, and the token of the person who asks it."""

    url: str
    token: str

    def signed_in(self, name: str) -> Superset:
        """The same Superset for one of SHARING."""
        return Superset(self.url, _token(self.url, {"username": name, "password": name}))

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The JSON that its API answers."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx.request(method, f"{self.url}/api/v1/{path}", headers=headers, json=body, timeout=PATIENCE_S)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()


@contextmanager
def running(home: Path) -> Iterator[Superset]:
    """A Superset that keeps what it knows in `home`, until the block ends."""
    own = {**environment(), "HOME": str(home), "FLASK_APP": "superset"}
    own["SUPERSET_CONFIG_PATH"] = str(HERE / "superset_config.py")
    own["PATH"] = f"{TOOLS / 'bin'}{os.pathsep}{own['PATH']}"
    _prepared(home, own)
    port = free_port()
    command = [TOOLS / "bin" / "gunicorn", "--bind", f"127.0.0.1:{port}", *GUNICORN, "superset.app:create_app()"]
    with (
        (home / "log").open("w") as log,
        subprocess.Popen(command, cwd=home, env=own, stdout=log, stderr=log) as server,
    ):
        try:
            listening(port)
            url = f"http://127.0.0.1:{port}"
            yield Superset(url, _token(url, PERSON))
        finally:
            server.terminate()
            server.wait(60)


def _token(url: str, person: dict[str, str]) -> str:
    login = httpx.post(f"{url}/api/v1/security/login", json={**person, "provider": "db"}, timeout=PATIENCE_S)
    return str(login.json()["access_token"])


def _prepared(home: Path, own: dict[str, str]) -> None:
    """What it keeps before it knows any database: its tables, the persons, what they may do."""
    every = (PERSON, *({"username": name, "password": name} for name in SHARING))
    persons = [
        f"fab create-admin --username={one['username']} --password={one['password']} "
        f"--firstname=a --lastname=b --email={one['username']}@b.c"
        for one in every
    ]
    told = subprocess.run(
        [TOOLS / "bin" / "python", HERE / "prepare.py", "db upgrade", *persons, "init"],
        cwd=home,
        env=own,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-4000:]
