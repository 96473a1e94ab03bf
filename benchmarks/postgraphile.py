"""PostGraphile 5 from npm in a folder of its own: a peer to measure beside, no dependency of the project.

It needs Node.js 22, which npm installs beside it whatever the machine has.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.deployment import ROOT
from benchmarks.processes import Absent, free_port, listening

FOLDER = ROOT / ".node-bench"
PACKAGES = {"postgraphile": "5.1.5", "node": "22.23.3"}
CONFIGURATION = """
const { PostGraphileAmberPreset } = require("postgraphile/presets/amber");
const { makePgService } = require("postgraphile/adaptors/pg");
module.exports = { default: {
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ connectionString: process.env.DATABASE_URL, schemas: ["public"] })],
  grafserv: { host: "127.0.0.1", port: Number(process.env.PORT), graphiql: false, watch: false },
  grafast: { explain: false },
} };
"""


@dataclass(frozen=True)
class Running:
    """A running PostGraphile: its process, its port and its version."""

    pid: int
    http: int
    version: str


@contextmanager
def postgraphile(database: str) -> Iterator[Running]:
    """PostGraphile over the public schema of a database, in production mode. Raises Absent."""
    _install()
    (FOLDER / "graphile.config.cjs").write_text(CONFIGURATION)
    port = free_port()
    environment = {"DATABASE_URL": database, "PORT": str(port)}
    environment |= {"NODE_ENV": "production", "GRAPHILE_ENV": "production"}
    programs = FOLDER / "node_modules" / ".bin"
    process = subprocess.Popen(
        [programs / "node", programs / "postgraphile", "-C", "graphile.config.cjs"],
        cwd=FOLDER,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        listening(port)
        yield Running(process.pid, port, PACKAGES["postgraphile"])
    finally:
        process.terminate()
        process.wait()


def _install() -> None:
    if all(_has(package, version) for package, version in PACKAGES.items()):
        return
    if shutil.which("npm") is None:
        raise Absent("PostGraphile needs npm, which is not installed")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
    install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel", "error"]
    try:
        subprocess.run(install, check=True, cwd=FOLDER, stdout=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        raise Absent("PostGraphile cannot be installed from npm") from error


def _has(package: str, version: str) -> bool:
    described = FOLDER / "node_modules" / package / "package.json"
    return described.exists() and json.loads(described.read_text())["version"] == version
