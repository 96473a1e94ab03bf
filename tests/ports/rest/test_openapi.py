"""The OpenAPI document: it tells a principal of what it may see, and the server does what the document says."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.failures import Failure

from gateway import Gateway, Password
from gateway.access import guesses
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.http.server import HttpPort
from ports.rest import openapi
from ports.rest.openapi_about import Rights
from tests.conftest import World
from tests.workshop import KEY, Workshop, column


@pytest.fixture(scope="module")
def base(world: World) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patched:
        # Schemathesis tries wrong credentials at every address, which is guessing.
        patched.setattr(guesses, "GUESSES", 100_000)
        gateway = Gateway(world.settings)
    port = HttpPort(gateway)
    port.start()
    yield f"http://{port.address[0]}:{port.address[1]}"
    port.stop()
    gateway.close()


def fetched(base: str, subject: str, path: str = "/openapi.json") -> dict[str, Any]:
    answer = httpx.get(base + path, auth=(subject, f"{subject}-secret"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_document_tells_of_what_its_caller_sees(base: str) -> None:
    steward, analyst = fetched(base, "steward"), fetched(base, "analyst")
    assert "/products/hr/salaries" in steward["paths"]
    assert "hr" not in json.dumps(analyst["paths"])
    assert "salary" in steward["components"]["schemas"]["Shop_Customers"]["properties"]
    assert "salary" not in json.dumps(analyst)
    told = ["/products", "/sql", "/-/scorecards", "/-/suggest", "/-/workspaces", "/-/projections"]
    told.append("/-/projections/{name}")
    assert list(fetched(base, "stranger")["paths"]) == told
    assert httpx.get(f"{base}/openapi.json").status_code == 401


def test_no_two_names_of_a_document_are_one(tmp_path: Path) -> None:
    shop = Workshop(tmp_path)
    named = {"a": "b_c", "a_b": "c", "of_a": "x", "projection": "x1", "projection_x": "x_1"}
    for name, table in named.items():
        measure = column(semanticType="measure", transformLogic=f"sum({name}_id)")
        measure.pop("physicalType")
        shop.declare(
            name, {table: {f"{name}_id": KEY, f"{name}_sum": measure}}, data={table: pa.table({f"{name}_id": [1]})}
        )
        shop.publish(name)
    Directory(shop.settings.principals, load(shop.settings)).add(
        "boss", "person", {"role": ("steward",)}, "boss-secret"
    )
    gateway = Gateway(shop.settings)
    try:
        session = gateway.open(Password("boss", "boss-secret"), "rest")
        products = gateway.products(session)
        rights = Rights(frozenset(named), frozenset(named), simulates=True)
        told = openapi.document(products, session, "1", rights)
    finally:
        gateway.close()
    rows = told["components"]["schemas"]
    assert set(rows["A_B_c"]["properties"]) == {"a_id"}
    assert set(rows["A_b_C"]["properties"]) == {"a_b_id"}
    assert len(rows) == len(named) + len(("Problem", "Page", "Projection", "ProjectedTable", "ProjectedColumn"))
    every = [one["operationId"] for methods in told["paths"].values() for one in methods.values()]
    assert sorted(every) == sorted(set(every))


def test_a_product_has_a_document_of_its_own(base: str) -> None:
    found = fetched(base, "analyst", "/products/shop/-/openapi.json")
    assert "/products/shop/customers/{customer_id}" in found["paths"]
    refused = httpx.get(f"{base}/products/hr/-/openapi.json", auth=("analyst", "analyst-secret"))
    assert refused.status_code == 404


def test_rows_are_typed_as_they_are_answered(base: str) -> None:
    cells = fetched(base, "analyst")["components"]["schemas"]["Shop_Customers"]["properties"]
    assert cells["customer_id"]["type"] == "integer"
    assert cells["lifetime"]["type"] == ["number", "null"]
    assert cells["tags"]["type"] == ["array", "null"]
    assert "null" in cells["phone"]["type"]


# Nobody manages or pushes here, so that what is drawn changes nothing: acts are asked in test_openapi_acts.
@pytest.mark.parametrize("subject", ["steward", "analyst"])
def test_the_server_does_what_the_document_says(base: str, subject: str) -> None:
    schema = schemathesis.openapi.from_dict(drawable(fetched(base, subject), base, subject))
    proof = base64.b64encode(f"{subject}:{subject}-secret".encode()).decode()
    schema.config.update(base_url=base)
    shown = {"Authorization": f"Basic {proof}"}
    failures: list[str] = []
    followed: list[str] = []

    @settings(
        max_examples=12, deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def holds(case: schemathesis.Case) -> None:
        drawn = [part for part in (case.query, case.body) if isinstance(part, dict)]
        for part in drawn:
            part.pop("cursor", None)
        if "offset" in case.query:
            case.headers.pop("Prefer", None)  # a counted page behind the last row is refused: 416
        try:
            answer = case.call_and_validate(headers=shown)
            behind = following(answer)
            if behind is not None:
                drawn[-1].pop("offset", None)
                drawn[-1]["cursor"] = behind
                followed.append(case.formatted_path)
                case.call_and_validate(headers=shown)
        except (Failure, BaseExceptionGroup) as failure:
            failures.append(f"{case.method} {case.formatted_path} {case.query} {case.body}: {_told(failure)}")

    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.startswith("/-/projections") and operation.method.upper() != "GET":
            continue  # who defines one changes what is served: asked in test_projections
        assert operation.method.upper() == "GET" or operation.path == "/sql" or operation.path.endswith("/-/query")
        given(case=operation.as_strategy())(holds)()
    assert failures == []
    assert any(path.endswith("/-/query") for path in followed)
    assert any(path.endswith("/orders") for path in followed)


def drawable(document: dict[str, Any], base: str, subject: str) -> dict[str, Any]:
    """The document with values of its server where no other is valid: snapshots, and texts of SQL.

    A cursor follows from an answer: a drawn one is left out, and each page's own is handed back.
    """
    products = httpx.get(f"{base}/products", auth=(subject, f"{subject}-secret")).json()["data"]
    snapshots = {"type": "string", "enum": [one["snapshot"] for one in products]}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            kept = [one for one in operation["parameters"] if one["name"] != "X-Outport-Purpose"]
            operation["parameters"] = kept
            for one in kept:
                if one["name"] in {"snapshot", "X-Outport-Snapshot"}:
                    one["schema"] = snapshots
            if path == "/sql":
                body = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
                texts = [
                    "SELECT 1 AS n",
                    "SELECT * FROM shop.orders ORDER BY order_id LIMIT 3",
                    "SELECT i FROM range(9) r(i)",
                ]
                body["sql"] = {"type": "string", "enum": texts}
                body["parameters"] = {"type": "array", "maxItems": 0}
                body["search_path"] = {"type": "array", "items": {"type": "string", "enum": ["shop"]}}
            elif "requestBody" in operation and path != "/-/projections":
                body = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
                body["offset"] = {"type": "integer", "minimum": 0, "maximum": 20}  # of a counted page, within its rows
    return document


def following(answer: Any) -> str | None:
    """The cursor behind a page, None for anything else."""
    if answer.status_code not in {200, 206} or "application/json" not in answer.headers["content-type"][0]:
        return None
    content = answer.json()
    found: str | None = content.get("next") if isinstance(content, dict) else None
    return found


def _told(failure: BaseException) -> str:
    if isinstance(failure, BaseExceptionGroup):
        return "; ".join(_told(one) for one in failure.exceptions)
    return f"{type(failure).__name__}: {str(failure)[:300]}"
