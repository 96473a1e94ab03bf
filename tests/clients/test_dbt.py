"""dbt over the Postgres door: its own check of a connection, a test of a governed source, and what it may not make."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ports.postgres.server import PostgresPort
from tests.clients.conftest import ROOT, environment
from tests.conftest import World

TOOLS = ROOT / ".venv-dbt"
PROJECT = {
    "dbt_project.yml": "{name: governed, version: '1.0', config-version: 2, profile: outport}",
    "models/sources.yml": """
sources:
  - name: shop
    tables:
      - name: customers
        columns: [{name: customer_id, data_tests: [unique, not_null]}]
""",
    "models/regions.sql": "select region, count(*) as n from {{ source('shop', 'customers') }} group by 1",
}


@pytest.fixture(scope="module")
def project(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project's folder whose profile leads to an open door."""
    if not (TOOLS / ".installed").exists():
        pytest.exit("dbt is not installed: run `make test-clients`", returncode=2)
    port = PostgresPort(world.gateway)
    port.start()
    host, number = port.address
    folder = tmp_path_factory.mktemp("dbt")
    login = {"type": "postgres", "host": host, "port": number, "user": "analyst", "password": "analyst-secret"}
    output = {**login, "dbname": "outport", "schema": "public", "threads": 1}
    (folder / "models").mkdir()
    for name, text in PROJECT.items():
        (folder / name).write_text(text)
    (folder / "profiles.yml").write_text(json.dumps({"outport": {"target": "here", "outputs": {"here": output}}}))
    yield folder
    port.stop()


def dbt(folder: Path, *arguments: str) -> tuple[int, str]:
    """How a command ends, and what it prints."""
    own = {**environment(), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_PROFILES_DIR": str(folder)}
    told = subprocess.run(
        [TOOLS / "bin" / "dbt", "--no-use-colors", "--no-version-check", *arguments],
        cwd=folder,
        env=own,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return told.returncode, told.stdout + told.stderr


def test_dbt_finds_the_connection_good(project: Path) -> None:
    code, told = dbt(project, "debug", "--connection")
    assert code == 0, told
    assert "Connection test: [OK connection ok]" in told


def test_dbt_tests_a_source_and_shows_a_model_without_making_it(project: Path) -> None:
    code, told = dbt(project, "test", "--select", "source:shop")
    assert code == 0, told
    assert "PASS=2" in told
    code, told = dbt(project, "show", "--select", "regions", "--output", "json")
    assert code == 0, told
    assert '"region"' in told


def test_dbt_may_not_make_a_relation(project: Path) -> None:
    code, told = dbt(project, "run", "--select", "regions")
    assert code != 0
    assert "read-only" in told
