"""A mock at every door: the same made-up rows under the same policies, told as what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.flight as fl
import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.settings import Settings
from ports.flight import messages as m
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from tests.doors import DOORS, GraphQLDoor, Refusal
from tests.ports.command.conftest import environ, invoke
from tests.workshop import KEY, STEWARD, Workshop, column

PEOPLE = {
    "people": {
        "id": KEY,
        "team": column("VARCHAR", required=True, enum=[{"value": "red"}, {"value": "blue"}]),
        "email": column("VARCHAR", classification="restricted"),
        "salary": column("DECIMAL(9,2)", required=True),
        "pay": {"semanticType": "measure", "transformLogic": "sum(salary)"},
    }
}
RULES = (
    STEWARD,
    {"id": "a", "on": {"product": "staff"}, "to": {"role": "analyst"}, "grant": {"columns": ["id", "team", "email"]}},
    {"id": "red", "on": {"product": "staff"}, "to": {"role": "analyst"}, "restrict": {"rows": "team = 'red'"}},
    {
        "id": "mail",
        "on": {"product": "staff"},
        "to": {"role": "analyst"},
        "mask": {"columns": ["email"], "with": "null"},
    },
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    shop = Workshop(tmp_path)
    shop.allow(*RULES)
    shop.declare("staff", PEOPLE)
    environ(shop.settings, monkeypatch)
    directory = Directory(shop.settings.principals, load(shop.settings))
    for subject in ("steward", "analyst", "stranger"):
        directory.add(subject, "person", {"role": (subject,)}, f"{subject}-secret")
    return shop.settings


@pytest.fixture
def gateway(settings: Settings) -> Iterator[Gateway]:
    assert invoke("mock", str(settings.products / "staff"), "--rows", "40").exit_code == 0
    made = Gateway(settings)
    yield made
    made.close()


def test_the_same_made_up_rows_come_through_every_door_under_its_policies(gateway: Gateway) -> None:
    answers = {"steward": set[str](), "analyst": set[str]()}
    for kind in DOORS.values():
        door = kind(gateway)
        try:
            for subject, found in answers.items():
                rows = door.ask(subject, "SELECT id, team, email FROM staff.people ORDER BY id").to_pylist()
                found.add(json.dumps(rows))
            with pytest.raises(Refusal, match="not_found"):
                door.ask("stranger", "SELECT id FROM staff.people")
        finally:
            door.close()
    assert [len(found) for found in answers.values()] == [1, 1]
    all_rows, seen = (json.loads(found.pop()) for found in answers.values())
    assert len(all_rows) == 40
    assert seen == [{**row, "email": None} for row in all_rows if row["team"] == "red"]
    assert any(row["email"] for row in all_rows)


def test_every_answer_tells_that_its_rows_are_made_up(gateway: Gateway) -> None:
    rest, flight, graphql = HttpPort(gateway), FlightPort(gateway), GraphQLDoor(gateway)
    rest.start()
    flight.start()
    try:
        host, number = rest.address
        with httpx.Client(base_url=f"http://{host}:{number}", auth=("steward", "steward-secret")) as client:
            assert client.get("/products/staff/people/1").headers["X-Outport-Products"].endswith(";mock")
            assert client.get("/products/staff").json()["data"]["mock"] is True
            (kept,) = client.get("/products/staff/-/snapshots").json()["data"]
            assert kept["mock"] is True
            assert "A mock: its rows are made up" in client.get("/hub/staff").text
        with fl.connect("grpc://{}:{}".format(*flight.address)) as client:
            options = fl.FlightCallOptions(headers=[client.authenticate_basic_token("steward", "steward-secret")])
            command = fl.FlightDescriptor.for_command(m.pack(m.CommandStatementQuery("SELECT id FROM staff.people")))
            told = json.loads(client.get_flight_info(command, options).app_metadata)
        assert told["products"][0]["mock"] is True
        answer = graphql.answer("steward", "{ staff { people { id } } }").json()
        assert answer["extensions"]["products"][0]["mock"] is True
    finally:
        graphql.close()
        flight.stop()
        rest.stop()


def test_rows_that_are_generated_are_told_as_that_and_so_is_what_is_made_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "made").mkdir()
    shop = Workshop(tmp_path / "made")
    environ(shop.settings, monkeypatch)
    reader = {"id": "made", "on": {"product": "*"}, "to": {"kind": "product"}, "grant": {"columns": ["*"]}}
    shop.allow(STEWARD, reader)
    Directory(shop.settings.principals, load(shop.settings)).add("steward", "person", {"role": ("steward",)}, "secret")
    model = {"t": "SELECT id FROM scans.t"}
    shop.declare("scans", {"t": {"id": KEY}}, data={"t": pa.table({"id": [1]})}, custom={"generated": "by a die"})
    shop.declare("report", {"t": {"id": KEY}}, models=model, inputs=["scans"])
    for name in ("scans", "report"):
        shop.publish(name)
    gateway = Gateway(shop.settings)
    rest = HttpPort(gateway)
    rest.start()
    try:
        with httpx.Client(base_url="http://{}:{}".format(*rest.address), auth=("steward", "secret")) as client:
            assert client.get("/products/report/t/1").headers["X-Outport-Products"].endswith(";generated")
            told = [client.get(f"/products/{name}").json()["data"] for name in ("scans", "report")]
            assert [(one["generated"], one["mock"]) for one in told] == [(True, False)] * 2
            assert client.get("/products/report/-/snapshots").json()["data"][0]["generated"] is True
            answer = client.post("/graphql", json={"query": "{ report { t { id } } }"}).json()
            assert answer["extensions"]["products"][0]["generated"] is True
            assert "Its rows are generated: by a die." in client.get("/hub/scans").text
            assert "Some of the rows that it is made of are generated." in client.get("/hub/report").text
            assert client.get("/").text.count(">generated</span>") == 2
        assert invoke("get").stdout.count("generated") == 2
    finally:
        rest.stop()
        gateway.close()


def test_the_command_tells_what_moves_the_measures(settings: Settings) -> None:
    folder = str(settings.products / "staff")
    first = invoke("mock", folder, "--rows", "40", "--set", "people.salary=constant(100)")
    assert "a mock of staff 1.0.0 is served: 40 rows" in first.stdout
    again = invoke("mock", folder, "--rows", "40", "--set", "people.salary=constant(125)")
    (line,) = (line for line in again.stdout.splitlines() if "people.pay" in line)
    assert "4,000" in line
    assert "5,000" in line
    assert "+25.0%" in line
    assert "mock" in invoke("get").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "people.salary=cauchy(1)"), "no distribution"),
        (("--set", "salary=constant(1)"), "TABLE.COLUMN"),
        (("--set", "people.wage=constant(1)"), "no column people.wage"),
        (("--rows", "-1"), "greater than or equal to 0"),
    ],
)
def test_a_wrong_wish_is_one_line_and_changes_nothing(settings: Settings, words: tuple[str, str], told: str) -> None:
    answer = invoke("mock", str(settings.products / "staff"), *words)
    assert answer.exit_code != 0
    assert told in answer.stderr
    assert "staff" not in invoke("get", "snapshots").stdout
