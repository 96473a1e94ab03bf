"""Deprecation and sunset: declared in the descriptor, or since a newer major is there; told to who may know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from gateway import Gateway, Lifespan, Password, Query
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.contracts.contract import ContractError
from ports.http.server import HttpPort
from tests.workshop import KEY, Workshop

DAY = datetime(2026, 3, 1, tzinfo=UTC)
TABLES = {"people": {"id": KEY}}
DATA = {"people": pa.table({"id": [1, 2, 3]})}
Opened = Callable[[], Gateway]


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path, http_port=0)
    made.settings.state.mkdir()
    directory = Directory(made.settings.principals, load(made.settings))
    directory.add("steward", "person", {"role": ("steward",)}, "steward-secret")
    return made


@pytest.fixture
def opened(shop: Workshop) -> Iterator[Opened]:
    gateways: list[Gateway] = []

    def open_it() -> Gateway:
        gateways.append(Gateway(shop.settings))
        return gateways[-1]

    yield open_it
    for gateway in gateways:
        gateway.close()


def told(gateway: Gateway, name: str) -> Lifespan:
    """What an answer of the product tells, and its document alike."""
    session = gateway.open(Password("steward", "steward-secret"), "rest")
    with gateway.answer(session, Query(f"SELECT * FROM {name}.people")) as result:
        (state,) = result.provenance.products
    assert gateway.product(session, name).lifespan == state.lifespan
    return state.lifespan


def test_what_says_nothing_lasts(shop: Workshop, opened: Opened) -> None:
    shop.declare("staff", TABLES, data=DATA)
    shop.publish("staff")
    assert told(opened(), "staff") == Lifespan(None, None)


@pytest.mark.parametrize(
    ("custom", "expected"),
    [
        ({"deprecatedOn": "2026-03-01"}, Lifespan(DAY, None)),
        ({"sunsetOn": "2026-03-01T00:00:00Z"}, Lifespan(None, DAY)),
        ({"deprecatedOn": "2026-03-01", "sunsetOn": "2026-03-01T01:00:00+01:00"}, Lifespan(DAY, DAY)),
    ],
)
def test_the_days_of_the_descriptor_are_told(
    shop: Workshop, opened: Opened, custom: dict[str, str], expected: Lifespan
) -> None:
    shop.declare("staff", TABLES, data=DATA, custom=custom)
    shop.publish("staff")
    assert told(opened(), "staff") == expected


@pytest.mark.parametrize("line", ["status: deprecated", "status: retired", "deprecated: true"])
def test_what_is_deprecated_without_a_day_is_so_since_it_said_so(shop: Workshop, opened: Opened, line: str) -> None:
    folder = shop.declare("staff", TABLES, data=DATA)
    descriptor = folder / "staff.odps.yaml"
    descriptor.write_text(descriptor.read_text().replace("name: all\n", "name: all\n  type: rest\n") + f"{line}\n")
    snapshot = shop.publish("staff")
    assert told(opened(), "staff") == Lifespan(snapshot.published_at, None)


def test_a_deprecated_port_is_told_at_its_door_alone(shop: Workshop, opened: Opened) -> None:
    descriptor = shop.declare("staff", TABLES, data=DATA) / "staff.odps.yaml"
    text = descriptor.read_text()
    descriptor.write_text(text.replace("name: all\n", "name: all\n  type: rest\n  deprecated: true\n"))
    snapshot = shop.publish("staff")
    gateway = opened()
    assert told(gateway, "staff") == Lifespan(snapshot.published_at, None)
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", auth=("steward", "steward-secret")) as client:
        document = client.get("/openapi.json").json()["paths"]
        shown = client.get("/products/staff").json()["data"]["ports"]
        assert "deprecation" in client.get("/products/staff/people").headers
    port.stop()
    assert document["/products/staff/people"]["get"]["deprecated"]
    assert "deprecated" not in document["/products"]["get"]
    assert [one["deprecated"] for one in shown] == [True]


@pytest.mark.parametrize(
    ("custom", "problem"),
    [
        ({"deprecatedOn": "soon"}, "deprecatedOn soon is no date"),
        ({"sunsetOn": "2026-02-30"}, "sunsetOn 2026-02-30 is no date"),
        ({"sunsetOn": 20260301}, "sunsetOn 20260301 is no date"),
        ({"deprecatedOn": "2026-03-01", "sunsetOn": "2026-02-28"}, "sunsetOn is before deprecatedOn"),
    ],
)
def test_a_day_that_is_none_is_reported(shop: Workshop, custom: dict[str, object], problem: str) -> None:
    shop.declare("staff", TABLES, data=DATA, custom=custom)
    with pytest.raises(ContractError, match=problem):
        shop.publish("staff")


def test_an_older_major_is_deprecated_since_the_newer_one_is_there(shop: Workshop, opened: Opened) -> None:
    shop.declare("staff", TABLES, data=DATA)
    shop.publish("staff")
    gateway = opened()
    assert told(gateway, "staff_v1") == Lifespan(None, None)
    shop.declare("staff", TABLES, data=DATA, version="2.0.0")
    newer = shop.publish("staff")
    assert told(gateway, "staff_v1") == Lifespan(newer.published_at, None)
    assert told(gateway, "staff") == told(gateway, "staff_v2") == Lifespan(None, None)


def test_a_newer_major_is_no_news_where_it_cannot_be_seen(shop: Workshop, opened: Opened) -> None:
    shop.declare("staff", TABLES, data=DATA)
    shop.publish("staff")
    descriptor = shop.declare("staff", TABLES, data=DATA, version="2.0.0") / "staff.odps.yaml"
    descriptor.write_text(descriptor.read_text().replace("name: all\n", "name: all\n  type: flightsql\n"))
    shop.publish("staff")
    gateway = opened()
    assert told(gateway, "staff_v1") == Lifespan(None, None)
    session = gateway.open(Password("steward", "steward-secret"), "flightsql")
    assert gateway.product(session, "staff_v1").lifespan != Lifespan(None, None)


def test_it_is_told_by_headers_and_in_the_document(shop: Workshop, opened: Opened) -> None:
    shop.declare("staff", TABLES, data=DATA, custom={"deprecatedOn": "2026-03-01", "sunsetOn": "2026-09-01"})
    shop.publish("staff")
    port = HttpPort(opened())
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", auth=("steward", "steward-secret")) as client:
        answers = [client.get(f"/products/staff{path}") for path in ("", "/people", "/people/1", "@1/people")]
        answers += [client.post("/sql", json={"sql": "SELECT * FROM staff.people"})]
        listed = client.get("/products")
    port.stop()
    for answer in answers:
        assert answer.headers["deprecation"] == "@1772323200"
        assert answer.headers["sunset"] == "Tue, 01 Sep 2026 00:00:00 GMT"
    assert answers[0].json()["data"]["deprecated"] == "2026-03-01T00:00:00Z"
    assert answers[0].json()["data"]["sunset"] == "2026-09-01T00:00:00Z"
    assert "deprecation" not in listed.headers
    assert listed.json()["data"][0]["sunset"] == "2026-09-01T00:00:00Z"
