"""Apache Superset, headless: it connects to the Postgres door, browses what is visible, and draws a governed chart."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway import Query
from ports.postgres.server import PostgresPort
from tests.clients.conftest import ROOT, environment
from tests.conftest import World

TOOLS = ROOT / ".venv-superset"
HERE = Path(__file__).parent / "superset"
PATIENCE_S = 300
CHART = "SELECT store, sum(amount) AS total FROM shop.orders GROUP BY store"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a Superset with one person keeps before it knows any database."""
    if not (TOOLS / ".installed").exists():
        pytest.exit("Superset is not installed: run `make test-clients`", returncode=2)
    folder = tmp_path_factory.mktemp("superset")
    _run(folder, "superset", "db", "upgrade")
    person = ("--username", "admin", "--password", "admin", "--firstname", "a", "--lastname", "b", "--email", "a@b.c")
    _run(folder, "superset", "fab", "create-admin", *person)
    _run(folder, "superset", "init")
    return folder


@pytest.fixture
def home(fresh: Path, tmp_path: Path) -> Path:
    """A Superset's own folder: it has one dataset of a name, whatever database that is in."""
    return Path(shutil.copytree(fresh, tmp_path / "home"))


@pytest.fixture(scope="module")
def door(world: World) -> Iterator[tuple[str, int]]:
    port = PostgresPort(world.gateway)
    port.start()
    yield port.address
    port.stop()


def _run(home: Path, command: str, *arguments: str) -> str:
    ours = {**environment(), "HOME": str(home), "SUPERSET_CONFIG_PATH": str(HERE / "superset_config.py")}
    answer = subprocess.run(
        [TOOLS / "bin" / command, *arguments],
        cwd=home,
        env={**ours, "FLASK_APP": "superset", "PATH": f"{TOOLS / 'bin'}{os.pathsep}{ours['PATH']}"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-4000:]
    return answer.stdout


def _explored(home: Path, door: tuple[str, int], subject: str) -> dict[str, Any]:
    host, port = door
    address = f"postgresql+psycopg2://{subject}:{subject}-secret@{host}:{port}/outport"
    printed = _run(home, "python", str(HERE / "explore.py"), address, "shop", "orders", "amount", "store")
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


@pytest.mark.parametrize("subject", ["steward", "analyst"])
def test_superset_browses_and_charts_what_the_login_may_see(
    home: Path, door: tuple[str, int], world: World, subject: str
) -> None:
    found = _explored(home, door, subject)
    session = world.gateway.impersonate(subject, "python")
    visible = {one.product.name: one for one in world.gateway.products(session)}
    assert set(found["schemas"]) - {"public", "information_schema"} == set(visible)
    assert found["tables"] == sorted(table.table.name for table in visible["shop"].tables)
    orders = visible["shop"].table("orders")
    assert list(found["types"])[: len(orders.columns)] == [column.name for column in orders.columns]
    with world.gateway.answer(session, Query(CHART)) as answer:
        rows = [row for batch in answer.batches() for row in batch.to_pylist()]
    assert {row["store"]: Decimal(str(row["total"])) for row in found["chart"]} == {
        row["store"]: row["total"] for row in rows
    }
    assert [row["store"] for row in found["lab"]] == sorted(row["store"] for row in rows)
