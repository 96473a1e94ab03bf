"""The hub for machines: standards' own models take it; what is hidden changes no byte of it, nor of any page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway import Gateway
from gateway.contracts.odcs import DataContract
from gateway.contracts.odps import DataProduct
from ports.http.server import HttpPort
from tests.ports.hub import shelf
from tests.ports.hub.conftest import Visit

TWINS = [
    "/catalog.jsonld",
    "/llms.txt",
    *(f"/products/{name}/-/{kind}" for name in ("source", "report") for kind in ("odps", "odcs", "openlineage")),
]
PAGES = ["/", "/hub/source", "/hub/report", "/hub/-/search?q=secret", "/hub/-/playground", "/hub/inner", "/docs"]


def told(client: httpx.Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize("subject", ["steward", "analyst"])
@pytest.mark.parametrize("name", ["source", "report"])
def test_descriptors_are_what_the_standards_take(visit: Visit, subject: str, name: str) -> None:
    product = json.dumps(told(visit(subject), f"/products/{name}/-/odps"))
    contract = json.dumps(told(visit(subject), f"/products/{name}/-/odcs"))
    assert DataProduct.model_validate_json(product).id == name
    columns = [one.name for one in DataContract.model_validate_json(contract).tables[0].properties]
    assert ("secret" in columns) == (subject == "steward")
    assert "price" in columns


def test_a_contract_tells_how_its_reader_gets_a_column(visit: Visit) -> None:
    columns = {one["name"]: one for one in told(visit("analyst"), "/products/report/-/odcs")["schema"][0]["properties"]}
    assert columns["kind"]["customProperties"] == [{"property": "treatment", "vendor": "outport", "value": "partial"}]
    assert columns["takings"]["transformLogic"] == "sum(price)"
    assert "secrets" not in columns


def test_the_catalog_lists_what_its_reader_sees_and_where(visit: Visit) -> None:
    seen = {one["dct:identifier"]: one for one in told(visit("analyst"), "/catalog.jsonld")["dcat:dataset"]}
    assert set(seen) == {"report", "source"}
    base = str(visit("analyst").base_url).rstrip("/")
    assert seen["report"]["prov:wasDerivedFrom"] == [{"@id": f"{base}/products/source"}]
    assert [one["dct:title"] for one in seen["source"]["dcat:distribution"]][:2] == ["REST", "GraphQL"]
    assert {one["dct:identifier"] for one in told(visit("steward"), "/catalog.jsonld")["dcat:dataset"]} > set(seen)
    assert visit("analyst").get("/products/inner/-/odps").status_code == 404


def test_publications_are_events_with_the_lineage_of_columns(visit: Visit) -> None:
    (event,) = told(visit("analyst"), "/products/report/-/openlineage")
    assert event["eventType"] == "COMPLETE"
    assert [one["name"] for one in event["inputs"]] == ["source.items"]
    fields = event["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert [one["field"] for one in fields["price"]["inputFields"]] == ["price"]
    assert "secret" not in json.dumps(event)


def test_agents_read_one_line_a_product_with_nothing_that_is_markup(visit: Visit) -> None:
    text = visit("analyst").get("/llms.txt").text
    assert text.startswith("# Outport\n\n> ")
    assert text.count("\n- [") == 3
    assert "<script" not in text
    assert "takings" in text


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The same world with another secret, and an analyst who looks at it."""
    made = Gateway(shelf.build(tmp_path_factory.mktemp("other"), secret="ANOTHER-AND-LONGER"))
    port = HttpPort(made)
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", auth=("analyst", "analyst-secret"), timeout=60) as client:
        yield client
    port.stop()
    made.close()


def timeless(client: httpx.Client, path: str) -> str:
    """An answer without moments, ids, the port, and what is sealed."""
    answer = client.get(path)
    text = answer.text.replace(f":{client.base_url.port}", ":PORT")
    text = re.sub(r'name="token" value="[^"]+"', "TOKEN", text)
    text = re.sub(r"\d{8}t\d{12}_[0-9a-f]{4}_\w+", "SNAPSHOT", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f-]{21}", "RUN", text)
    text = re.sub(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:[\d.]+Z?)?", "MOMENT", text)
    return f"{answer.status_code} {re.sub(r'<code>[0-9a-f]{12}</code>', 'ERROR', text)}"


@pytest.mark.parametrize("path", [*TWINS, *PAGES])
def test_what_is_hidden_changes_no_byte(visit: Visit, other: httpx.Client, path: str) -> None:
    with httpx.Client(base_url=visit("analyst").base_url, auth=("analyst", "analyst-secret"), timeout=60) as client:
        assert timeless(client, path) == timeless(other, path)
