"""A product that asks for an agreement exists only for whom one in force covers, at every door and at every moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import adbc_driver_manager
import psycopg
import pytest
import yaml

from gateway import BadQuery, Gateway, NotFound, Query, Session
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.policies.agreements import Agreement
from gateway.policies.policy import PolicyError
from gateway.principal import Principal
from gateway.publication.publish import publish
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort
from tests import policy_world
from tests.conftest import build
from tests.policy_world import LAB, PEOPLE, World, at, principal, write
from tests.ports.command.conftest import environ, invoke
from tests.ports.postgres.conftest import Raw
from tests.test_delegation import ASK, Doors

COUNT = "SELECT count(*) AS n FROM shop.orders"
DAY_S = 86_400
AGREED: dict[str, Any] = {
    "id": "clerks",
    "consumer": ["clerk", "superset"],
    "product": "shop",
    "start": "2020-01-01",
    "end": "2100-01-01",
    "reassessment": "2099-01-01",
    "approver": "owner@example.com",
}
RULES = [
    {"id": "clerk-audit", "on": {"product": "shop"}, "to": {"subject": "superset"}, "grant": {"columns": ["*"]}},
    {"id": "superset", "to": {"subject": "superset"}, "delegate": {"for": {"role": ["clerk", "steward"]}}},
]


def agree(folder: Path, *agreements: dict[str, Any]) -> None:
    (folder / "agreements").mkdir(parents=True, exist_ok=True)
    (folder / "agreements" / "all.yaml").write_text(yaml.safe_dump(list(agreements), sort_keys=False))


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    settings = build(tmp_path_factory.mktemp("agreements"))
    descriptor = settings.products / "shop" / "shop.odps.yaml"
    asks = "customProperties: [{property: agreementRequired, vendor: outport, value: true}]\n"
    descriptor.write_text(descriptor.read_text().replace("version: 1.2.0\nstatus", "version: 1.2.1\nstatus") + asks)
    publish(settings, settings.products / "shop")
    directory = Directory(settings.principals, load(settings))
    for subject in ("superset", "clerk"):
        purposes = {"clerk": {"role": ("clerk",), "store": 3, "purpose": ("billing", "audit")}, "superset": {}}
        directory.add(subject, "person", purposes[subject], f"{subject}-secret")
    (settings.policies / "more.yaml").write_text(yaml.safe_dump(RULES, sort_keys=False))
    agree(settings.policies, AGREED)
    gateway = Gateway(settings)
    ports = HttpPort(gateway), FlightPort(gateway), PostgresPort(gateway)
    for port in ports:
        port.start()
    rest, flight = (f"{one.address[0]}:{one.address[1]}" for one in ports[:2])
    yield Doors(settings, gateway, f"http://{rest}", f"grpc://{flight}", ports[2].address)
    for port in ports:
        port.stop()
    gateway.close()


@pytest.fixture(params=list(ASK))
def ask(request: pytest.FixtureRequest) -> Any:
    return ASK[request.param]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock of this process to a moment."""
    real = time.time
    return lambda moment: monkeypatch.setattr(time, "time", lambda: max(moment, real()))


def ends(session: Session, gateway: Gateway) -> float:
    """When the agreement of the session ends, as its decision says it."""
    pin = gateway.pin()
    (shop,) = (one for one in pin.deployment.current if one.product.name == "shop")
    table = shop.product.table("orders")
    environment = replace(at(session.port), now=time.time())
    return pin.policies.decide(session.principal, shop.product, table, environment, shop.pseudonyms).valid_until


def test_only_whom_an_agreement_covers_sees_that_the_product_exists(doors: Doors, ask: Any) -> None:
    assert ask(doors, "clerk", None, COUNT) == [(180,)]
    # The steward has every grant, and no agreement.
    for text in (COUNT, "SELECT count(*) AS n FROM shop.nothing"):
        assert ask(doors, "steward", None, text) == "not_found"
    assert ask(doors, "steward", None, "SELECT count(*) AS n FROM hr.salaries") == [(40,)]


def test_who_asks_on_behalf_of_another_needs_one_for_each(doors: Doors, ask: Any) -> None:
    assert ask(doors, "superset", "clerk", COUNT) == [(180,)]
    assert ask(doors, "superset", "steward", COUNT) == "not_found"


def test_a_product_without_an_agreement_is_in_no_list(doors: Doors) -> None:
    assert [one["name"] for one in doors.get("/products", "steward").json()["data"]] == ["hr"]
    assert doors.get("/products/shop", "steward").status_code == 404
    missing, unknown = (doors.get(f"/products/{name}", "steward").json() for name in ("shop", "ghost"))
    assert missing["detail"].replace("shop", "X") == unknown["detail"].replace("ghost", "X")
    with doors.connection("steward") as connection:
        schemas = "SELECT nspname FROM pg_namespace WHERE nspname IN ('shop', 'hr')"
        assert connection.execute(schemas).fetchall() == [("hr",)]


def test_graphql_has_no_field_for_a_product_without_an_agreement(doors: Doors) -> None:
    count = "{ %s { ordersConnection { totalCount } } }"
    assert doors.graphql(count % "shop", "clerk")["data"] == {"shop": {"ordersConnection": {"totalCount": 180}}}
    assert doors.graphql(count % "shop", "superset", "clerk")["data"] is not None
    for who in (("steward",), ("superset", "steward")):
        missing, unknown = (doors.graphql(count % name, *who) for name in ("shop", "void"))
        assert str(missing).replace("shop", "X") == str(unknown).replace("void", "X")
        listed = doors.graphql("{ visibleProducts { name } __schema { types { name } } }", *who)["data"]
        assert "shop" not in {one["name"] for one in listed["visibleProducts"]}
        assert not [one for one in listed["__schema"]["types"] if one["name"].startswith("Shop")]


def test_the_agreement_is_on_record(doors: Doors) -> None:
    before = len(doors.audited())
    ASK["python"](doors, "clerk", None, COUNT)
    (told,) = (one for one in doors.audited()[before:] if one["event"] == "query_answered")
    assert "agreement:clerks" in told["rules"]


def test_an_agreement_that_ends_between_describe_and_execute_gives_no_rows(
    doors: Doors, later: Callable[[float], None]
) -> None:
    session = doors.session("clerk", None, "python")
    assert doors.gateway.describe(session, Query(COUNT)).schema.names == ["n"]
    end = ends(session, doors.gateway)
    with Raw(doors.postgres) as raw:
        raw.start("clerk")
        raw.parse("SELECT order_id FROM shop.orders", "s")
        raw.send(b"D", b"Ss\0")
        assert [kind for kind, _ in raw.sync()] == [b"1", b"t", b"T", b"Z"]
        later(end + 1)
        raw.bind(name="s")
        raw.execute()
        told = raw.sync()
        assert [kind for kind, _ in told] == [b"2", b"E", b"Z"]
        assert b"C42P01\0" in told[1][1]
        with pytest.raises(NotFound), doors.gateway.answer(session, Query(COUNT)):
            pass


def test_an_open_stream_ends_with_its_agreement(doors: Doors, later: Callable[[float], None]) -> None:
    session = doors.session("clerk", None, "python")
    end = ends(session, doors.gateway)
    with doors.gateway.answer(session, Query("SELECT order_id FROM shop.orders"), batch_rows=10) as result:
        batches = result.batches()
        assert next(batches).num_rows > 0
        later(end + 1)
        with pytest.raises(NotFound):
            list(batches)


def test_an_edit_acts_on_running_servers_and_open_portals(doors: Doors) -> None:
    def changed(*agreements: dict[str, Any]) -> None:
        before = doors.gateway.pin().policies
        agree(doors.settings.policies, *agreements)
        deadline = time.monotonic() + 60
        while doors.gateway.pin().policies is before:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    try:
        with doors.flights("clerk", None) as flights, flights.cursor() as cursor:
            tickets, _ = cursor.adbc_execute_partitions("SELECT order_id FROM shop.orders")
            changed({**AGREED, "id": "another"})
            cursor.adbc_read_partition(tickets[0])
            assert len(cursor.fetchall()) == 180
            changed({**AGREED, "port": ["rest", "postgres"]})
            with pytest.raises(adbc_driver_manager.Error, match="does not exist"):
                cursor.adbc_read_partition(tickets[0])
        with doors.connection("clerk") as connection:
            connection.execute("DECLARE c CURSOR WITH HOLD FOR SELECT order_id FROM shop.orders")
            assert len(connection.execute("FETCH 2 FROM c").fetchall()) == 2
            changed({**AGREED, "purposes": ["billing"]})
            with pytest.raises(psycopg.errors.Error):
                connection.execute("FETCH 2 FROM c")
            with pytest.raises(psycopg.errors.UndefinedTable):
                connection.execute(COUNT)  # type: ignore[call-overload]
            connection.execute("SET outport.purpose = 'billing'")
            assert connection.execute(COUNT).fetchone() == (180,)  # type: ignore[call-overload]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SET outport.purpose = 'marketing'")
            connection.execute("SET outport.purpose = 'audit'")
            with pytest.raises(psycopg.errors.UndefinedTable):
                connection.execute(COUNT)  # type: ignore[call-overload]
        assert doors.get("/products/shop", "clerk", **{"X-Outport-Purpose": "billing"}).status_code == 200
        assert doors.get("/products/shop", "clerk").status_code == 404
        changed({**AGREED, "end": "2020-01-02", "reassessment": "2020-01-01"})
        assert doors.get("/products/shop", "clerk").status_code == 404
    finally:
        changed(AGREED)


ASKING = replace(LAB, agreement_required=True)
LAB_AGREED = {**AGREED, "product": "lab", "consumer": "p"}
SPANS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"consumer": "q"}, False),
    ({"roles": ["a"]}, True),
    ({"roles": ["b"]}, False),
    ({"roles": ["junior"]}, True),
    ({"port": ["rest"]}, True),
    ({"port": "postgres"}, False),
    ({"purposes": ["bi", "audit"]}, True),
    ({"purposes": ["audit"]}, False),
    ({"version": "1"}, True),
    ({"version": "1.2"}, True),
    ({"version": 2}, False),
    ({"product": "other"}, False),
    ({"start": "2023-11-15"}, True),
    ({"start": "2023-11-16"}, False),
    ({"end": "2023-11-15", "reassessment": "2023-11-01"}, True),
    ({"end": "2023-11-14", "reassessment": "2023-11-01"}, False),
]


@pytest.mark.parametrize(("change", "holds"), SPANS, ids=lambda one: str(one))
def test_an_agreement_holds_where_every_word_of_it_fits(tmp_path: Path, change: dict[str, Any], holds: bool) -> None:
    rules = [{"id": "g", "on": {"product": "lab"}, "to": {}, "grant": {"columns": ["*"]}}]
    agree(tmp_path, {**LAB_AGREED, **change})
    policies = policy_world.load(tmp_path, rules, ASKING, roles={"a": ["junior"]})
    who: Principal = principal(role=("a",), purpose=("bi",))
    noon = at(purpose="bi")
    if not holds:
        with pytest.raises(NotFound):
            policies.decide(who, ASKING, PEOPLE, noon, frozenset())
        return
    decision = policies.decide(who, ASKING, PEOPLE, noon, frozenset())
    assert "agreement:clerks" in decision.rules
    last = change.get("end", AGREED["end"])
    assert time.strftime("%Y-%m-%d %H", time.gmtime(decision.valid_until - DAY_S)) == f"{last} 00"


def test_an_agreement_grants_nothing_by_itself_and_is_asked_for_by_the_product_only(tmp_path: Path) -> None:
    agree(tmp_path, LAB_AGREED)
    policies = policy_world.load(tmp_path, [], ASKING)
    assert World().ask(policies, principal()) is None
    with pytest.raises(NotFound):
        policies.decide(principal(), ASKING, PEOPLE, at(), frozenset())
    rules = [{"id": "g", "on": {"product": "lab"}, "to": {}, "grant": {"columns": ["*"]}}]
    free = policy_world.load(tmp_path, rules)
    assert any("asks for no agreement" in str(one) for one in free.warnings)
    assert World().ask(free, principal("anybody")) is not None


def test_a_snapshot_from_before_an_agreement_was_asked_for_needs_one_too(tmp_path: Path) -> None:
    rules = [{"id": "g", "on": {"product": "lab"}, "to": {}, "grant": {"columns": ["*"]}}]
    policies = policy_world.load(tmp_path, rules, ASKING)
    before = replace(LAB, version="1.1.0", digest="before")
    with pytest.raises(NotFound):
        policies.decide(principal(), before, PEOPLE, at(), frozenset())
    other_major = replace(LAB, version="2.0.0", digest="other")
    assert policies.decide(principal(), other_major, PEOPLE, at(), frozenset()).rules == ("g",)


def test_what_is_wrong_with_agreements_is_told_at_once_and_refuses_everything(tmp_path: Path) -> None:
    folder = write(tmp_path, [{"id": "g", "on": {"product": "lab"}, "to": {}, "grant": {"columns": ["*"]}}])
    wrong: list[Any] = [
        5,
        {"id": "a"},
        {**LAB_AGREED, "id": "b c"},
        {**LAB_AGREED, "id": "d", "end": "2019-01-01"},
        {**LAB_AGREED, "id": "e", "end": "2021-02-30"},
        {**LAB_AGREED, "id": "f", "port": "fax"},
        {**LAB_AGREED, "id": "g", "purposes": []},
        {**LAB_AGREED, "id": "h", "consumer": "*"},
        {**LAB_AGREED, "id": "i", "until": "2030-01-01"},
        {**LAB_AGREED, "id": "j", "approver": ""},
        {key: value for key, value in LAB_AGREED.items() if key != "consumer"},
        {**LAB_AGREED, "id": "k"},
        {**LAB_AGREED, "id": "k"},
    ]
    agree(folder, *wrong)
    with pytest.raises(PolicyError) as refused:
        policy_world.policy.load(folder, [LAB])
    told = [str(finding) for finding in refused.value.findings if finding.severity == "error"]
    for words in (
        "is a mapping", "says its product", "says its approver", "id is not understood", "ends before it starts",
        "end is no day", "no port fax", "purposes takes a text", "no place for *", "unknown key until",
        "approver is not understood", "names a consumer, roles, or both", "k stands twice",
    ):  # fmt: skip
        assert any(words in line for line in told), (words, told)
    assert all(line.startswith("agreements/all.yaml:") for line in told)


def test_a_descriptor_that_half_asks_for_an_agreement_is_refused(tmp_path: Path) -> None:
    settings = build(tmp_path)
    descriptor = settings.products / "hr" / "hr.odps.yaml"
    asks = "customProperties: [{property: agreementRequired, vendor: outport, value: maybe}]\n"
    descriptor.write_text(descriptor.read_text() + asks)
    with pytest.raises((BadQuery, Exception), match="agreementRequired"):
        publish(settings, settings.products / "hr")


def test_the_command_tells_of_agreements_and_what_is_due(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    environ(doors.settings, monkeypatch)
    listed = invoke("agreement", "list")
    assert listed.exit_code == 0
    for words in ("clerks", "clerk, superset", "shop", "in force", "2100-01-01", "2099-01-01"):
        assert words in listed.stdout
    shown = invoke("agreement", "show", "clerks")
    assert "owner@example.com" in shown.stdout
    assert invoke("agreement", "show", "nothing").exit_code == 1
    assert (invoke("agreement", "check").exit_code, invoke("agreement", "check").stdout) == (
        0,
        "1 agreements, nothing is due\n",
    )
    assert "clerks: ends on 2100-01-01" not in invoke("agreement", "check", "--days", "0").stdout
    other = doors.settings.policies.parent / "other"
    write(other, [])
    (other / "rules.yaml").unlink()
    overdue = {**AGREED, "id": "late", "reassessment": "2021-01-01"}
    agree(other, overdue, {**AGREED, "id": "over", "end": "2021-01-01"}, {**AGREED, "id": "free", "product": "hr"})
    monkeypatch.setenv("OUTPORT_POLICIES", str(other))
    due = invoke("agreement", "check")
    assert due.exit_code == 1
    for words in ("late: its reassessment was due on 2021-01-01", "over: ended on 2021-01-01", "asks for no agreement"):
        assert words in due.stdout
    agree(other, {"id": "half"})
    assert invoke("agreement", "check").exit_code == invoke("agreement", "list").exit_code == 1


def test_states_follow_the_days() -> None:
    start, end = 1_000_000 * 1.0, 2_000_000 * 1.0
    one = Agreement("a", None, (), (), (), (), start, end, None, "x", "", "f", ())  # type: ignore[arg-type]
    assert [one.state(now) for now in (start - 1, start, end - 1, end)] == ["not yet", "in force", "in force", "ended"]
