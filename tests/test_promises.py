"""How promises are kept, as clients see it: in every answer, at `/-/slo`, in the metrics; as far as each may see."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.flight as fl
import pytest
import yaml

from gateway import Gateway, Password, Query
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.accounting.ledger import Ledger
from gateway.service_levels.slo_watch import Watch
from gateway.settings import Settings
from gateway.ticking import ScriptedClock
from ports.flight import messages as m
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from tests.mcp_door import McpDoor
from tests.workshop import KEY, STEWARD, Workshop, column

SLA = [
    {"property": "latency", "value": 1, "unit": "h", "element": "moves.moved_at"},
    {"property": "availability", "value": 99, "unit": "percent"},
]
QUESTION = "SELECT count(*) AS n FROM stock.moves"


@dataclass
class Stock:
    """A product that promises data of the last hour, its doors, and a clock that is told."""

    gateway: Gateway
    clock: ScriptedClock
    watch: Watch
    client: httpx.Client
    flight: FlightPort

    def look(self, minutes: float) -> None:
        self.clock.advance(timedelta(minutes=minutes))
        self.gateway.tally.flush()
        self.watch.look()

    def get(self, subject: str, path: str = "/products/stock/-/slo") -> Any:
        answer = self.client.get(path, auth=(subject, f"{subject}-secret"))
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def promises(self, subject: str) -> dict[str, str]:
        return {one["objective"]: one["state"] for one in self.get(subject)["objectives"] if not one["port"]}

    def header(self, subject: str) -> str:
        answer = self.client.post("/sql", json={"sql": QUESTION}, auth=(subject, f"{subject}-secret"))
        assert answer.status_code == 200, answer.text
        return answer.headers["X-Outport-Products"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The product, published once."""
    workshop = Workshop(tmp_path_factory.mktemp("stock"))
    now = datetime.now(UTC)
    moved = [now.replace(tzinfo=None) - timedelta(minutes=10 * number) for number in (1, 2, 3)]
    folder = workshop.declare(
        "stock",
        {"moves": {"id": KEY, "moved_at": column("TIMESTAMP"), "shelf": column("VARCHAR")}},
        data={"moves": pa.table({"id": [1, 2, 3], "moved_at": moved, "shelf": ["a", "b", "b"]})},
    )
    contract = folder / "stock.odcs.yaml"
    contract.write_text(yaml.safe_dump(yaml.safe_load(contract.read_text()) | {"slaProperties": SLA}))
    part = {"columns": ["*"], "rows": "shelf = 'b'"}
    workshop.allow(
        STEWARD,
        {"id": "manage", "on": {"product": "*"}, "to": {"role": "steward"}, "manage": True},
        {"id": "blind", "on": {"product": "stock"}, "to": {"role": "blind"}, "grant": {"columns": ["id", "shelf"]}},
        {"id": "part", "on": {"product": "stock"}, "to": {"role": "part"}, "grant": part},
    )
    workshop.publish("stock")
    people = Directory(workshop.settings.principals, load(workshop.settings))
    for name in ("steward", "blind", "part"):
        people.add(name, "person", {"role": (name,)}, f"{name}-secret")
    return workshop.settings


@pytest.fixture
def stock(published: Settings) -> Iterator[Stock]:
    shutil.rmtree(published.state / "ledger", ignore_errors=True)
    (published.state / "slo.json").unlink(missing_ok=True)
    clock = ScriptedClock(datetime.now(UTC))
    gateway = Gateway(published, clock=clock)
    watch = Watch(published.state, lambda: gateway.pin().deployment, clock)
    web, flight = HttpPort(gateway), FlightPort(gateway)
    web.start()
    flight.start()
    with httpx.Client(base_url=f"http://{web.address[0]}:{web.address[1]}", timeout=60) as client:
        yield Stock(gateway, clock, watch, client, flight)
    flight.stop()
    web.stop()
    gateway.close()


def told_by_flight(stock: Stock, subject: str) -> dict[str, Any]:
    host, number = stock.flight.address
    with fl.connect(f"grpc://{host}:{number}") as client:
        options = fl.FlightCallOptions(headers=[client.authenticate_basic_token(subject, f"{subject}-secret")])
        asked = fl.FlightDescriptor.for_command(m.pack(m.CommandStatementQuery(query=QUESTION)))
        info = client.get_flight_info(asked, options)
        reader = client.do_get(info.endpoints[0].ticket, options)
        told: dict[str, Any] = json.loads(reader.read_chunk().app_metadata.to_pybytes())["products"][0]
        assert reader.schema == info.schema
        return told


def test_every_answer_says_how_old_its_data_is_and_what_that_is_to_the_promise(stock: Stock) -> None:
    document = {"query": "{ stock { moves { id } } }"}
    mcp = McpDoor(stock.gateway)
    for minutes, state in ((0, "fresh"), (40, "stale"), (20, "breached")):
        stock.clock.advance(timedelta(minutes=minutes))
        parts = dict(part.partition("=")[::2] for part in stock.header("steward").split(";"))
        assert parts["freshness"] == state
        by_flight = told_by_flight(stock, "steward")
        answer = stock.client.post("/graphql", json=document, auth=("steward", "steward-secret")).json()
        by_graphql = answer["extensions"]["products"][0]
        called = mcp.call("steward", "query_sql", sql=QUESTION)
        by_mcp = called.structured_content["provenance"]["products"][0]
        assert {by_flight["freshness"], by_graphql["freshness"], by_mcp["freshness"]} == {state}
        assert {int(parts["age"])} == {by_flight["age_s"], by_graphql["age"], by_mcp["age_s"]}
        told = stock.gateway.product(stock.gateway.open(Password("steward", "steward-secret"), "rest"), "stock")
        assert told.state.freshness == state
    mcp.close()


def test_the_age_of_what_one_may_not_see_is_not_told(stock: Stock) -> None:
    stock.clock.advance(timedelta(hours=2))
    assert "freshness" not in stock.header("blind")
    whole, part = (dict(one.partition("=")[::2] for one in stock.header(who).split(";")) for who in ("steward", "part"))
    assert (whole["freshness"], part["freshness"]) == ("breached", "breached")
    assert int(whole["age"]) == pytest.approx(2 * 3600 + 600, abs=60)
    assert int(part["age"]) == pytest.approx(2 * 3600, abs=60), "since publication: the newest row may be hidden"


def test_promises_are_told_as_far_as_their_columns_are_seen(stock: Stock) -> None:
    assert stock.get("steward")["at"] is None
    stock.look(1)
    assert stock.promises("steward") == {"latency.moves": "ok", "availability": "no_data"}
    assert set(stock.promises("part")) == {"latency.moves", "availability"}
    assert set(stock.promises("blind")) == {"availability"}
    answer = stock.client.get("/products/nothing/-/slo", auth=("blind", "blind-secret"))
    assert answer.status_code == 404
    assert answer.json()["detail"] == 'product "nothing" does not exist'


def test_a_breach_is_an_incident_that_who_manages_the_product_acknowledges(stock: Stock) -> None:
    stock.header("part")
    stock.look(70)
    (seen,) = stock.get("steward")["incidents"]
    assert (seen["objective"], seen["consumers"], seen["closed"]) == ("latency.moves", ["part"], None)
    (shown,) = stock.get("part")["incidents"]
    assert (shown["consumers"], shown["acknowledged"]) == (1, None)
    assert stock.get("blind")["incidents"] == []
    path = f"/products/stock/-/slo/incidents/{seen['id']}"

    def acknowledge(subject: str, body: object, where: str = path) -> int:
        return stock.client.post(where, json=body, auth=(subject, f"{subject}-secret")).status_code

    words = {"acknowledge": "the lorry is late"}
    assert acknowledge("part", words) == 403
    assert acknowledge("steward", {"acknowledge": 1}) == acknowledge("steward", {"acknowledge": " "}) == 400
    assert acknowledge("steward", words, path[:-4] + "0000") == 404
    assert acknowledge("steward", words) == 200
    stock.look(1)
    told = stock.get("steward")["incidents"][0]["acknowledged"]
    assert (told["by"], told["words"]) == ("steward", "the lorry is late")
    assert stock.get("part")["incidents"][0]["acknowledged"]["by"] is None


def test_the_metrics_tell_of_every_promise_and_name_no_column(stock: Stock) -> None:
    stock.look(70)
    text = stock.client.get("/metrics").text
    assert 'outport_slo_state{objective="latency.moves",port="",product="stock",state="breached"} 1.0' in text
    assert 'outport_slo_incidents_open{objective="latency.moves",port="",product="stock"} 1.0' in text
    assert 'outport_slo_adherence_ratio{objective="latency.moves"' in text
    assert 'outport_slo_adherence_ratio{objective="availability"' not in text, "what has no data is not 100 %"
    assert "moved_at" not in text


def test_counting_costs_a_lookup_next_to_nothing(stock: Stock) -> None:
    """What is counted of an answer is in memory until it is filed: nothing is written while it is asked."""
    session = stock.gateway.open(Password("steward", "steward-secret"), "rest")
    with stock.gateway.answer(session, Query(QUESTION)) as result:
        assert sum(batch.num_rows for batch in result.batches()) == 1
    ledger = Ledger(stock.gateway.settings.state)
    assert ledger.rows("minutes") == []
    stock.gateway.tally.flush()
    assert len(ledger.rows("minutes")) == 1
