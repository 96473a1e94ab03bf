"""The OpenAPI document of a product has every address of it, for who may use it; the server does what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from starlette.routing import Route

from gateway import Gateway, Password
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.http.server import ROUTES, HttpPort
from ports.rest import openapi
from ports.rest.openapi_about import Rights
from tests.ports.rest.test_pushes import declare
from tests.workshop import Workshop

SALES = {"product": "sales"}
RULES: list[dict[str, Any]] = [
    {"id": "seen", "on": SALES, "to": {"role": ["boss", "till", "reader"]}, "grant": {"columns": ["*"]}},
    {"id": "managed", "on": SALES, "to": {"role": "boss"}, "manage": True},
    {"id": "pushed", "on": SALES, "to": {"role": ["boss", "till"]}, "push": True},
    {"id": "looked", "to": {"role": "boss"}, "simulate": {"for": {"role": "reader"}}},
]
# Of a product, and told elsewhere than in its document.
ELSEWHERE = {"/products/{product}/-/openapi.json"}  # the document itself
EVERYBODY = {"query", "measures", "quality", "slo", "snapshots", "feedback", "odps", "odcs", "openlineage"}
MANAGING = {"plan", "refreshes", "quarantine", "apply", "promote", "deprecate", "retire", "refresh", "maintenance"}
Operation = Mapping[str, Any]


@dataclass(frozen=True)
class Desk:
    """A served product, and those who read it, push to it, and manage it."""

    gateway: Gateway
    client: httpx.Client

    def paths(
        self, subject: str, address: str = "/products/sales/-/openapi.json"
    ) -> Mapping[str, dict[str, Operation]]:
        answer = self.client.get(address, auth=(subject, f"{subject}-secret"))
        assert answer.status_code == 200, answer.text
        found: Mapping[str, dict[str, Operation]] = answer.json()["paths"]
        return found

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.client.request(method, f"/products/sales{path}", auth=("boss", "boss-secret"), **more)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    shop = Workshop(tmp_path_factory.mktemp("acts"))
    declare(shop, "upsert")
    file = shop.settings.products / "sales" / "sales.odcs.yaml"
    contract = yaml.safe_load(file.read_text())
    total = {"name": "total", "semanticType": "measure", "transformLogic": "sum(amount)"}
    contract["schema"][0]["properties"].append(total)
    file.write_text(yaml.safe_dump(contract))
    shop.allow(*RULES)
    directory = Directory(shop.settings.principals, load(shop.settings))
    for name in ("boss", "till", "reader", "stranger"):
        directory.add(name, "person", {"role": (name,)}, f"{name}-secret")
    shop.publish("sales")
    gateway = Gateway(shop.settings)
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", timeout=60) as client:
        yield Desk(gateway, client)
    port.stop()
    gateway.close()


def test_every_route_of_a_product_is_in_its_document(desk: Desk) -> None:
    session = desk.gateway.open(Password("boss", "boss-secret"), "rest")
    visible = desk.gateway.product(session, "sales")
    rights = Rights(frozenset({"sales"}), frozenset({"sales"}), simulates=True)
    assert Rights.of(desk.gateway, session, [visible]) == rights
    told = openapi.document([visible], session, "1", rights)["paths"]
    missing = set()
    for route in (one for made in ROUTES for one in made(desk.gateway).routes):
        if not isinstance(route, Route) or not route.path.startswith("/products/{product}") or route.path in ELSEWHERE:
            continue
        shape = re.sub(r"\{\w+:path\}", ".+", route.path.replace("{product}", "sales").replace("{table}", "[a-z]+"))
        shape = re.sub(r"\{\w+\}", "[^/]+", shape)
        said = {method.upper() for path, methods in told.items() if re.fullmatch(shape, path) for method in methods}
        missing |= {(method, route.path) for method in (route.methods or set()) - {"HEAD"} if method not in said}
    assert missing == set()


def below(paths: Mapping[str, Any]) -> set[str]:
    return {path.partition("/-/")[2].partition("/")[0] for path in paths if path.startswith("/products/sales/-/")}


def test_each_address_stands_there_for_who_may_use_it(desk: Desk) -> None:
    told = {subject: desk.paths(subject) for subject in ("boss", "till", "reader")}
    found = {subject: below(paths) - {"metric-tree", "metric-tree.mmd", "decompose", "what-if"} for subject, paths in
             told.items()}  # fmt: skip
    assert found["reader"] == EVERYBODY
    assert found["till"] == {*EVERYBODY, "inputs"}
    assert found["boss"] == {*EVERYBODY, *MANAGING, "inputs", "access"}
    assert [subject for subject, paths in told.items() if "delete" in paths["/products/sales"]] == ["boss"]
    whole = {subject: below(desk.paths(subject, "/openapi.json")) for subject in ("boss", "reader", "stranger")}
    assert whole["boss"] > whole["reader"] > whole["stranger"] == set()
    page = desk.client.get("/docs", auth=("boss", "boss-secret")).text
    assert "-X DELETE" in page
    assert "--data-binary @rows.ndjson" in page
    assert "DELETE /products/sales" in page
    assert "DELETE /products" not in desk.client.get("/docs", auth=("reader", "reader-secret")).text


# In this order: what each does is what the next ones meet. The product lacks what an active or deprecated one has.
ASKED: list[tuple[str, str, str, dict[str, Any], int]] = [
    ("get", "/-/quality", "", {}, 200),
    ("get", "/-/quality?since=2026-01-01T00:00:00Z&limit=1", "", {}, 200),
    ("get", "/-/quality?since=soon", "", {}, 400),
    ("get", "/-/slo", "", {}, 200),
    ("get", "/-/snapshots", "", {}, 200),
    ("get", "/-/feedback", "", {}, 200),
    ("get", "/-/odps", "", {}, 200),
    ("get", "/-/odcs", "", {}, 200),
    ("get", "/-/openlineage", "", {}, 200),
    ("get", "/-/quarantine", "", {}, 200),
    ("get", "/-/access?as=reader", "", {}, 200),
    ("get", "/-/access?as=boss2", "", {}, 403),
    ("get", "/-/plan", "", {}, 200),
    ("post", "/-/apply", "", {}, 200),
    ("post", "/-/inputs/till", "", {"json": [{"id": 1, "state": "open"}], "headers": {"Idempotency-Key": "a"}}, 201),
    ("post", "/-/inputs/till", "", {"json": [{"id": 1}], "headers": {"Idempotency-Key": "b"}}, 422),
    ("post", "/-/inputs/till", "", {"json": [], "headers": {}}, 400),
    ("post", "/-/inputs/till", "", {"content": b"id", "headers": {"Content-Type": "text/csv"}}, 415),
    ("post", "/-/refresh", "", {}, 202),
    ("get", "/-/refreshes?limit=1000", "", {}, 200),
    ("post", "/-/slo/incidents/1", "/-/slo/incidents/{incident}", {"json": {"acknowledge": "seen"}}, 404),
    ("post", "/-/slo/incidents/1", "/-/slo/incidents/{incident}", {"content": b"seen"}, 415),
    ("post", "/-/maintenance", "", {"json": {"from": "2020-01-01", "until": "2020-01-02", "reason": "x"}}, 400),
    ("post", "/-/maintenance", "", {"json": {"from": "soon"}}, 400),
    ("post", "/-/maintenance", "", {"content": b"soon"}, 415),
    ("delete", "/-/maintenance/1", "/-/maintenance/{window}", {}, 404),
    ("post", "/-/promote", "", {"json": {"reason": "reviewed"}}, 403),
    ("post", "/-/deprecate", "", {"json": {}}, 400),
    ("post", "/-/deprecate", "", {"json": {"sunset": "2999-12-31"}}, 400),
    ("post", "/-/retire", "", {"json": {"other": "1"}}, 400),
    ("post", "/-/retire", "", {"json": {"force": "over"}}, 200),
    ("post", "/-/refresh", "", {}, 410),
    ("get", "/-/slo", "", {}, 410),
    ("delete", "?force=the%20law", "", {}, 200),
    ("delete", "", "", {}, 404),
]  # fmt: skip


def test_the_server_does_what_the_document_says_of_each(desk: Desk) -> None:
    told = desk.paths("boss")
    asked = set()
    for method, path, template, more, status in ASKED:
        said = told[f"/products/sales{template or path.partition('?')[0]}"][method]
        answer = desk.ask(method, path, **more)
        assert answer.status_code == status, (method, path, answer.text)
        assert str(status) in said["responses"], (method, path)
        asked.add(said["operationId"])
        if answer.is_success:
            kind = answer.headers["content-type"].partition(";")[0]
            schema = said["responses"][str(status)]["content"][kind]["schema"]
            jsonschema.validate(answer.json(), schema, jsonschema.Draft202012Validator)
    of_acts = {one["operationId"] for path, methods in told.items() for method, one in methods.items()
               if method != "get" and not path.endswith("/-/query") and path.startswith("/products/sales")}  # fmt: skip
    assert of_acts <= asked
