"""Apache Superset and a browser over the demo's Postgres door: what a login may see is browsed, asked and drawn."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients.conftest import Tools
from tests.clients.superset.server import SHARING, TOOLS, Superset, running
from tests.demo import DemoServer, serving

pytestmark = pytest.mark.timeout(900)
DRAWING = (Path(__file__).parent / "superset" / "drawing.mjs").read_text()
PRODUCT, TABLE = "customer_360", "customers"
TOTAL = {
    "expressionType": "SIMPLE",
    "column": {"column_name": "lifetime_value"},
    "aggregate": "SUM",
    "label": "total",
}
LAB = f"SELECT age, sum(lifetime_value) AS total FROM {PRODUCT}.{TABLE} GROUP BY 1 ORDER BY 1"
TOTALS = f"/{PRODUCT}/{TABLE}?select=age,total:lifetime_value.sum()"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    with serving(tmp_path_factory.mktemp("demo"), "retail", PRODUCT) as server:
        yield server


@pytest.fixture(scope="module")
def superset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Superset]:
    if not (TOOLS / ".installed").exists():
        pytest.exit("Superset is not installed: run `make test-clients`", returncode=2)
    with running(tmp_path_factory.mktemp("superset")) as server:
        yield server


@contextmanager
def connected(superset: Superset, demo: DemoServer, subject: str) -> Iterator[tuple[int, int]]:
    """The database that a login is to Superset, and a dataset of the table in it: one can be of that name at a time."""
    port = dict(word.split("=") for word in demo.postgres.split())["port"]
    address = f"postgresql+psycopg2://{subject}:{subject}-demo@127.0.0.1:{port}/outport"
    described = {"database_name": subject, "sqlalchemy_uri": address}
    superset.ask("POST", "database/test_connection/", described)
    database = superset.ask("POST", "database/", {**described, "expose_in_sqllab": True})["id"]
    dataset = superset.ask("POST", "dataset/", {"database": database, "schema": PRODUCT, "table_name": TABLE})["id"]
    yield database, dataset
    superset.ask("DELETE", f"dataset/{dataset}")
    superset.ask("DELETE", f"database/{database}")


def bars(superset: Superset, dataset: int) -> str:
    """The path of a chart's page: a total for each age band."""
    shape = {
        "viz_type": "echarts_timeseries_bar",
        "datasource": f"{dataset}__table",
        "x_axis": "age",
        "metrics": [TOTAL],
        "groupby": [],
        "row_limit": 100,
        "show_legend": False,
    }
    chart = {"slice_name": "totals", "viz_type": shape["viz_type"], "params": json.dumps(shape)}
    made = superset.ask("POST", "chart/", {**chart, "datasource_id": dataset, "datasource_type": "table"})
    return f"/explore/?slice_id={made['id']}&standalone=1"


def rest(demo: DemoServer, subject: str, path: str) -> Any:
    """The data that the REST door answers the same person, decimals exact."""
    answer = httpx.get(f"http://{demo.http}/products{path}", auth=(subject, f"{subject}-demo"))
    assert answer.is_success, answer.text
    return json.loads(answer.text, parse_float=Decimal)["data"]


def totals(rows: list[dict[str, Any]]) -> dict[str | None, Decimal]:
    return {row["age"]: Decimal(str(row["total"])) for row in rows}


@pytest.mark.parametrize("subject", ["steward", "analyst"])
def test_superset_browses_what_the_login_may_see(superset: Superset, demo: DemoServer, subject: str) -> None:
    visible = {product["name"]: product["tables"] for product in rest(demo, subject, "")}
    (table,) = [one for one in rest(demo, subject, f"/{PRODUCT}")["tables"] if one["name"] == TABLE]
    with connected(superset, demo, subject) as (database, dataset):
        schemas = superset.ask("GET", f"database/{database}/schemas/")["result"]
        tables = superset.ask("GET", f"database/{database}/tables/?q=(schema_name:{PRODUCT})")["result"]
        columns = superset.ask("GET", f"database/{database}/table_metadata/?name={TABLE}&schema={PRODUCT}")["columns"]
        kept = superset.ask("GET", f"dataset/{dataset}")["result"]["columns"]
        asked = {"database_id": database, "schema": PRODUCT, "sql": LAB, "runAsync": False, "client_id": subject}
        lab = superset.ask("POST", "sqllab/execute/", asked)["data"]
    assert set(schemas) - {"public", "information_schema", "semantic"} == set(visible)
    assert sorted(one["value"] for one in tables) == sorted(visible[PRODUCT])
    names = [column["name"] for column in table["columns"]]
    assert [column["name"] for column in columns][: len(names)] == names
    assert [column["column_name"] for column in kept if column["is_dttm"]] == [
        column["name"] for column in table["columns"] if column["type"] in {"DATE", "TIMESTAMP"}
    ]
    assert totals(lab) == totals(rest(demo, subject, TOTALS))


DELEGATION = """
- id: bi-readers
  on: {product: customer_360}
  to: {subject: bi}
  grant: {columns: ["*"]}
- id: bi-shares
  to: {subject: bi}
  delegate: {for: {role: [steward, analyst]}}
"""


def test_two_persons_of_superset_see_their_own_rows_over_one_login(superset: Superset, demo: DemoServer) -> None:
    (demo.folder / "policies" / "bi.yaml").write_text(DELEGATION)
    demo.run("sh", "echo bi-demo | outport principal add bi --role bi --password-stdin")
    port = dict(word.split("=") for word in demo.postgres.split())["port"]
    address = f"postgresql+psycopg2://bi:bi-demo@127.0.0.1:{port}/outport"
    one = superset.signed_in("steward")
    database = one.ask(
        "POST", "database/", {"database_name": "shared", "sqlalchemy_uri": address, "expose_in_sqllab": True}
    )["id"]
    seen = {}
    for name in SHARING:
        asked = {"database_id": database, "schema": PRODUCT, "sql": LAB, "runAsync": False, "client_id": f"own-{name}"}
        seen[name] = totals(superset.signed_in(name).ask("POST", "sqllab/execute/", asked)["data"])
    superset.ask("DELETE", f"database/{database}")
    assert set(seen["analyst"]) == {"35-44", "45-54"} < set(seen["steward"])
    assert seen == {name: totals(rest(demo, name, TOTALS)) for name in SHARING}


@pytest.fixture(scope="module")
def charts(superset: Superset, demo: DemoServer, tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a browser shows of the same chart to the holders of two logins, and where it was photographed."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("chromium is not installed: apt-get install chromium")
    seen = {}
    for subject in ("steward", "analyst"):
        picture = tmp_path_factory.mktemp("chart") / f"{subject}.png"
        with connected(superset, demo, subject) as (_, dataset):
            path = bars(superset, dataset)
            seen[subject] = json.loads(
                tools.node(DRAWING, chromium, superset.url, path, str(picture)), parse_float=Decimal
            )
    return seen


@pytest.mark.parametrize("subject", ["steward", "analyst"])
def test_superset_draws_the_totals_that_rest_answers(charts: Any, demo: DemoServer, subject: str) -> None:
    seen = charts[subject]
    drawn = totals(seen["received"])
    assert drawn == totals(rest(demo, subject, TOTALS))
    assert seen["colours"] > 10
    heights = [max(run) for has_pixels, run in groupby(seen["columns"], key=lambda pixels: pixels > 0) if has_pixels]
    a_pixel = max(drawn.values()) / max(heights)
    assert heights == pytest.approx([float(total / a_pixel) for total in drawn.values()], abs=2)


def test_superset_draws_another_chart_for_another_login(charts: Any) -> None:
    steward, analyst = totals(charts["steward"]["received"]), totals(charts["analyst"]["received"])
    assert set(analyst) == {"35-44", "45-54"}
    assert set(steward) > set(analyst)
    assert charts["steward"]["columns"] != charts["analyst"]["columns"]
