"""Over publications and for others: cursors stay in their snapshot, majors are roots of their own, both must see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.http.server import HttpPort
from tests.workshop import KEY, Workshop, column

PAGE = """query($after: String) { one { tConnection(first: 20, after: $after) {
  nodes { id stamp } pageInfo { endCursor hasNextPage } } } }"""
RULES = [
    {"id": "all", "on": {"product": "*"}, "to": {"role": ["steward", "other"]}, "grant": {"columns": ["*"]}},
    {"id": "few", "on": {"product": "one"}, "to": {"role": "other"}, "restrict": {"rows": "id < 3"}},
    {"id": "no-stamp", "on": {"product": "one"}, "to": {"role": "other"}, "hide": {"columns": ["stamp"]}},
    {"id": "bi", "to": {"subject": "steward"}, "delegate": {"for": {"role": ["other"]}}},
]


def table(stamp: int) -> pa.Table:
    return pa.table({"id": range(50), "stamp": pa.array([stamp] * 50, pa.int32())})


@dataclass(frozen=True)
class Shop:
    """A deployment of one product behind a real server."""

    made: Workshop
    client: httpx.Client

    def publish(self, stamp: int, version: str = "1.0.0") -> str:
        columns = {"id": {**KEY}, "stamp": column("INTEGER"), **({"more": column()} if version > "2" else {})}
        self.made.declare("one", {"t": columns}, version=version)
        held = table(stamp)
        more = held.append_column("more", pa.array(range(50))) if version > "2" else held
        self.made.declare("one", {"t": columns}, data={"t": more}, version=version)
        return self.made.publish("one").id

    def ask(self, document: str, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
        body = {"query": document, "variables": variables}
        told: dict[str, Any] = self.client.post("/graphql", json=body, headers=headers).json()
        return told


def served(folder: Path, retain_s: float) -> Iterator[Shop]:
    made = Workshop(folder, retain_s=retain_s)
    made.allow(*RULES)
    made.settings.state.mkdir()
    directory = Directory(made.settings.principals, load(made.settings))
    for subject in ("steward", "other"):
        directory.add(subject, "person", {"role": (subject,)}, "secret")
    shop = Shop(made, httpx.Client())
    shop.publish(0)
    gateway = Gateway(made.settings)
    port = HttpPort(gateway)
    port.start()
    host, number = port.address
    with httpx.Client(base_url=f"http://{host}:{number}", auth=("steward", "secret")) as client:
        yield Shop(made, client)
    port.stop()
    gateway.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    yield from served(tmp_path, 600.0)


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[Shop]:
    yield from served(tmp_path, 1e-6)


def test_a_cursor_goes_on_in_its_snapshot_after_a_publication(shop: Shop) -> None:
    told = shop.ask(PAGE)
    first, nodes = told["extensions"]["products"], told["data"]["one"]["tConnection"]["nodes"]
    shop.publish(1)
    assert shop.ask("{ one { t(limit: 1) { stamp } } }")["data"] == {"one": {"t": [{"stamp": 1}]}}
    while told["data"]["one"]["tConnection"]["pageInfo"]["hasNextPage"]:
        told = shop.ask(PAGE, after=told["data"]["one"]["tConnection"]["pageInfo"]["endCursor"])
        again = told["extensions"]["products"]
        assert [one | {"age": 0} for one in again] == [one | {"age": 0} for one in first]
        nodes += told["data"]["one"]["tConnection"]["nodes"]
    assert nodes == [{"id": str(i), "stamp": 0} for i in range(50)]


def test_a_cursor_is_gone_with_its_snapshot(forgetful: Shop) -> None:
    cursor = forgetful.ask(PAGE)["data"]["one"]["tConnection"]["pageInfo"]["endCursor"]
    forgetful.publish(1)
    (error,) = forgetful.ask(PAGE, after=cursor)["errors"]
    assert error["extensions"]["code"] == "EXPIRED"


def test_all_of_a_request_sees_one_state(shop: Shop) -> None:
    told = shop.ask("{ one { a: t(limit: 1) { stamp } b: tConnection(last: 1) { nodes { stamp } totalCount } } }")
    assert len(told["extensions"]["queries"]) == 3
    assert len(told["extensions"]["products"]) == 1


def test_an_older_major_is_a_root_of_its_own_and_deprecated(shop: Shop) -> None:
    shop.publish(2, "2.0.0")
    told = shop.ask("{ one { t(limit: 1) { stamp more } } one_v1 { t(limit: 1) { stamp } } }")
    assert told["data"] == {"one": {"t": [{"stamp": 2, "more": "0"}]}, "one_v1": {"t": [{"stamp": 0}]}}
    fields = shop.ask('{ __type(name: "Query") { fields(includeDeprecated: true) { name deprecationReason } } }')
    assert {"name": "one_v1", "deprecationReason": "one is its newer major version"} in fields["data"]["__type"][
        "fields"
    ]
    assert "Cannot query field 'more'" in shop.ask("{ one_v1 { t { more } } }")["errors"][0]["message"]


def test_on_behalf_of_another_both_see_what_is_there(shop: Shop) -> None:
    behalf = {"X-Outport-On-Behalf-Of": "other"}
    assert shop.ask("{ one { t { id } } }", behalf)["data"] == {"one": {"t": [{"id": str(i)} for i in range(3)]}}
    assert "Cannot query field 'stamp'" in shop.ask("{ one { t { stamp } } }", behalf)["errors"][0]["message"]
    assert len(shop.ask("{ one { t { id stamp } } }")["data"]["one"]["t"]) == 50


@contextmanager
def asking(made: Workshop, product: str) -> Iterator[httpx.Client]:
    """A client of a steward's, of a door to one product."""
    made.settings.state.mkdir()
    Directory(made.settings.principals, load(made.settings)).add("steward", "person", {"role": ("steward",)}, "secret")
    made.publish(product)
    gateway = Gateway(made.settings)
    port = HttpPort(gateway)
    port.start()
    with httpx.Client(base_url="http://{}:{}".format(*port.address), auth=("steward", "secret"), timeout=60) as client:
        yield client
    port.stop()
    gateway.close()


def test_names_that_mean_something_to_graphql_or_stand_for_two_things_are_served(tmp_path: Path) -> None:
    made = Workshop(tmp_path)
    far = {"id": {**KEY}, "true": column(), "query": column()}
    measure = {"name": "type", "semanticType": "measure", "transformLogic": "count(*)", "classification": "internal"}
    near = {"id": {**KEY}, "far": column(relationships=[{"to": "type.id"}]), "type": measure}
    held = {"type": pa.table({"id": [1], "true": [2], "query": [3]}), "t": pa.table({"id": [4], "far": [1]})}
    made.declare("subscription", {"type": far, "t": near}, data=held)
    asked = "t { typeByFar { true query } } tMeasures { type typeByFar { true } } typeByKey(id: 1) { t { id } }"
    with asking(made, "subscription") as client:
        told = client.post("/graphql", json={"query": f"{{ subscription {{ {asked} }} }}"}).json()
    assert told["data"]["subscription"] == {
        "t": [{"typeByFar": {"true": "2", "query": "3"}}],
        "tMeasures": [{"type": "1", "typeByFar": {"true": "2"}}],
        "typeByKey": {"t": [{"id": "4"}]},
    }


def test_a_grain_begins_in_the_contract_s_time_zone_as_over_rest(tmp_path: Path) -> None:
    made = Workshop(tmp_path)
    own = [{"property": "timeZone", "value": "Europe/Vienna", "vendor": "outport"}]
    moment = column("TIMESTAMP WITH TIME ZONE", semanticType="dimension", customProperties=own)
    count = {"semanticType": "measure", "transformLogic": "count(*)", "classification": "internal"}
    start = datetime(2020, 3, 28, 22, 30, tzinfo=UTC)
    times = pa.array([start + timedelta(hours=i) for i in range(48)], pa.timestamp("us", "UTC"))
    columns = {"id": {**KEY}, "at": moment, "n": count}
    made.declare("one", {"t": columns}, data={"t": pa.table({"id": range(48), "at": times})})
    asked = "{ one { tMeasures { at(grain: DAY) n before: n(compare: PREVIOUS) } } }"
    with asking(made, "one") as client:
        rest = client.get("/products/one/-/measures/n?by=at&grain=day&order=at&compare=previous_period").json()["data"]
        told = client.post("/graphql", json={"query": asked}).json()["data"]["one"]["tMeasures"]
    # The day on which clocks go forward has 23 hours.
    assert [(one["at"], one["n"]) for one in told] == [
        ("2020-03-28T00:00:00", "1"), ("2020-03-29T00:00:00", "23"), ("2020-03-30T00:00:00", "24"),
    ]  # fmt: skip
    assert [(one["at"], one["n"]) for one in rest] == [(one["at"], int(one["n"])) for one in told]
    assert [one["before"] for one in told] == [None, "1", "23"]
