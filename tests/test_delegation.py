"""One login asks on behalf of others: what both may see and no more, at every door, and whatever is tried with it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adbc_driver_flightsql.dbapi
import adbc_driver_manager
import httpx
import psycopg
import pyarrow as pa
import pytest
import sqlalchemy
import yaml

from gateway import Exhausted, Forbidden, Gateway, GatewayError, Password, Query, Session
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.settings import Settings
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort
from tests.certificates import Authority, Resettled
from tests.conftest import build
from tests.doors import ARROW
from tests.ports.flight.conftest import choose
from tests.ports.postgres.conftest import Raw

HEADER = "X-Outport-On-Behalf-Of"
NORTH = "SELECT count(*) AS n, max(region) AS r FROM shop.customers"
PEOPLE: dict[str, dict[str, Any]] = {
    "superset": {"role": ("bi",), "purpose": ("bi", "audit")},
    "alice": {"role": ("north",), "purpose": ("bi",)},
    "bob": {"role": ("south",)},
    "second": {"role": ("bi",)},
    "boss": {"role": ("steward",)},
}
SHOP = {"product": "shop"}
CUSTOMERS = {"product": "shop", "table": "customers"}
RULES: list[dict[str, Any]] = [
    {"id": "bi", "on": SHOP, "to": {"role": "bi"}, "grant": {"columns": ["*"]}},
    {"id": "north", "on": CUSTOMERS, "to": {"role": "north"}, "grant": {"columns": ["*"], "rows": "region = 'N'"}},
    {"id": "south", "on": CUSTOMERS, "to": {"role": "south"}, "grant": {"columns": ["*"], "rows": "region = 'S'"}},
    {"id": "no-tags", "on": CUSTOMERS, "to": {"role": "south"}, "hide": {"columns": ["tags"]}},
    {"id": "hr-north", "on": {"product": "hr"}, "to": {"role": "north"}, "grant": {"columns": ["*"]}},
    {
        "id": "superset",
        "to": {"subject": "superset"},
        "delegate": {"for": {"role": ["north", "south", "steward"]}, "unless": {"subject": "steward"}},
    },
    {"id": "chain", "to": {"subject": "alice"}, "delegate": {"for": {"subject": "bob"}}},
]


@dataclass
class Doors:
    """One deployment with every door open."""

    settings: Settings
    gateway: Gateway
    rest: str
    flight: str
    postgres: tuple[str, int]

    def directory(self) -> Directory:
        """The principals, to be changed."""
        return Directory(self.settings.principals, load(self.settings))

    def rules(self, rules: list[dict[str, Any]]) -> None:
        """Put other rules in force."""
        present = self.gateway.pin().policies
        (self.settings.policies / "delegation.yaml").write_text(yaml.safe_dump(rules, sort_keys=False))
        deadline = time.monotonic() + 60
        while self.gateway.pin().policies is present and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.gateway.pin().policies is not present

    def session(self, login: str, behalf: str | None = None, port: str = "rest") -> Session:
        return self.gateway.open(Password(login, f"{login}-secret"), port, None, behalf)

    def connection(self, login: str = "superset", **more: Any) -> psycopg.Connection[Any]:
        host, port = self.postgres
        named = {"dbname": "outport", "autocommit": True, "password": f"{login}-secret", **more}
        return psycopg.connect(host=host, port=port, user=login, **named)

    def get(self, path: str, login: str, *behalf: str, **headers: str) -> httpx.Response:
        sent = [*((HEADER, one) for one in behalf), *headers.items()]
        return httpx.get(f"{self.rest}{path}", auth=(login, f"{login}-secret"), headers=sent)

    def graphql(self, document: str, login: str, *behalf: str, **variables: Any) -> dict[str, Any]:
        """The whole answer to a document."""
        asked = {"query": document, "variables": variables}
        sent = [(HEADER, one) for one in behalf]
        answer = httpx.post(f"{self.rest}/graphql", json=asked, auth=(login, f"{login}-secret"), headers=sent)
        told: dict[str, Any] = answer.json()
        return told

    def flights(self, login: str, behalf: str | None) -> adbc_driver_flightsql.dbapi.Connection:
        named = {"username": login, "password": f"{login}-secret"}
        if behalf is not None:
            named[f"adbc.flight.sql.rpc.call_header.{HEADER.lower()}"] = behalf
        return adbc_driver_flightsql.dbapi.connect(self.flight, db_kwargs=named, autocommit=True)

    def audited(self) -> list[dict[str, Any]]:
        found = sorted((self.settings.state / "audit").glob("*.jsonl"))
        return [json.loads(line) for file in found for line in file.read_text().splitlines()]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with deployed(tmp_path_factory.mktemp("delegation"), PEOPLE, RULES) as found:
        yield found


@contextlib.contextmanager
def deployed(folder: Path, people: dict[str, dict[str, Any]], rules: list[dict[str, Any]]) -> Iterator[Doors]:
    """The world of the tests in a folder of its own, with more people and more rules, and every door open."""
    settings = build(folder)
    directory = Directory(settings.principals, load(settings))
    for subject, attributes in people.items():
        directory.add(subject, "application" if subject == "superset" else "person", attributes, f"{subject}-secret")
    (settings.policies / "delegation.yaml").write_text(yaml.safe_dump(rules, sort_keys=False))
    gateway = Gateway(settings)
    ports = HttpPort(gateway), FlightPort(gateway), PostgresPort(gateway)
    for port in ports:
        port.start()
    rest, flight = (f"{one.address[0]}:{one.address[1]}" for one in ports[:2])
    yield Doors(settings, gateway, f"http://{rest}", f"grpc://{flight}", ports[2].address)
    for port in ports:
        port.stop()
    gateway.close()


@pytest.fixture
def postgres(doors: Doors) -> Iterator[psycopg.Connection[Any]]:
    with doors.connection() as connection:
        yield connection


def python(doors: Doors, login: str, behalf: str | None, text: str) -> Any:
    try:
        with doors.gateway.answer(doors.session(login, behalf, "python"), Query(text)) as result:
            return [tuple(row.values()) for batch in result.batches() for row in batch.to_pylist()]
    except GatewayError as error:
        return error.code


def rest(doors: Doors, login: str, behalf: str | None, text: str) -> Any:
    headers = {"Accept": ARROW, **({} if behalf is None else {HEADER: behalf})}
    answer = httpx.post(f"{doors.rest}/sql", json={"sql": text}, auth=(login, f"{login}-secret"), headers=headers)
    if answer.status_code != 200:
        return answer.json()["code"]
    return [tuple(row.values()) for row in pa.ipc.open_stream(answer.content).read_all().to_pylist()]


def flight(doors: Doors, login: str, behalf: str | None, text: str) -> Any:
    try:
        with doors.flights(login, behalf) as connection, connection.cursor() as cursor:
            cursor.execute(text)
            return [tuple(row) for row in cursor.fetchall()]
    except adbc_driver_manager.Error as error:
        codes = {"UNAUTHORIZED": "forbidden", "NOT_FOUND": "not_found", "INVALID_ARGUMENT": "bad_query"}
        return codes.get(error.status_code.name, error.status_code.name)


def wire(doors: Doors, login: str, behalf: str | None, text: str) -> Any:
    try:
        with doors.connection(login) as connection:
            if behalf is not None:
                connection.execute(psycopg.sql.SQL("SET ROLE {}").format(psycopg.sql.Identifier(behalf)))
            return connection.execute(text).fetchall()
    except psycopg.Error as error:
        return {"42501": "forbidden", "42P01": "not_found"}.get(error.sqlstate or "", "bad_query")


ASK = {"python": python, "rest": rest, "flight": flight, "postgres": wire}


@pytest.fixture(params=list(ASK))
def ask(request: pytest.FixtureRequest) -> Any:
    return ASK[request.param]


def test_what_is_seen_is_what_both_may_see(doors: Doors, ask: Any) -> None:
    assert ask(doors, "superset", None, NORTH) == [(600, "S")]
    assert ask(doors, "superset", "alice", NORTH) == [(300, "N")]
    assert ask(doors, "superset", "bob", NORTH) == [(300, "S")]
    assert ask(doors, "superset", "superset", NORTH) == [(600, "S")]
    both = ask(doors, "superset", "alice", "SELECT current_user AS a, session_user AS b")
    assert both == [("alice", "superset")]


def test_nothing_is_gained_by_who_is_asked_for(doors: Doors, ask: Any) -> None:
    # boss is a steward: the masks of superset stay, and what superset may not see does not exist.
    mail = "SELECT min(email) AS e FROM shop.customers"
    assert ask(doors, "boss", None, mail) == [("CANARY-mail-0@example.com",)]
    assert ask(doors, "superset", "boss", mail) == ask(doors, "superset", None, mail) == [("C***@example.com",)]
    assert ask(doors, "superset", "boss", "SELECT salary FROM shop.customers") == "bad_query"
    assert ask(doors, "alice", None, "SELECT count(*) AS n FROM hr.salaries") == [(40,)]
    assert ask(doors, "superset", "alice", "SELECT count(*) AS n FROM hr.salaries") == "not_found"
    # bob may not see orders, nor tags: neither may superset for him.
    assert ask(doors, "superset", None, "SELECT count(*) AS n FROM shop.orders") == [(1800,)]
    assert ask(doors, "superset", "bob", "SELECT count(*) AS n FROM shop.orders") == "not_found"
    assert ask(doors, "superset", "bob", "SELECT tags FROM shop.customers") == "bad_query"


DOCUMENT = """{ shop { customers(orderBy: [{region: DESC}], limit: 1) { region }
  customersConnection { totalCount } } }"""


def test_graphql_shows_what_both_may_see_and_has_no_other_names(doors: Doors) -> None:
    for login, behalf, rows, region in (
        ("superset", (), 600, "S"),
        ("superset", ("alice",), 300, "N"),
        ("superset", ("bob",), 300, "S"),
        ("superset", ("superset",), 600, "S"),
    ):
        shown = doors.graphql(DOCUMENT, login, *behalf)["data"]["shop"]
        assert shown == {"customers": [{"region": region}], "customersConnection": {"totalCount": rows}}
    mail = "{ shop { customers(limit: 1) { email } } }"
    whole, masked = (doors.graphql(mail, *who)["data"]["shop"]["customers"][0]["email"]
                     for who in (("boss",), ("superset", "boss")))  # fmt: skip
    assert (whole, masked) == ("CANARY-mail-0@example.com", "C***@example.com")
    for document, behalf in (
        ("{ hr { salaries { pay } } }", ("alice",)),
        ("{ shop { orders { order_id } } }", ("bob",)),
        ("{ shop { customers { tags } } }", ("bob",)),
        ("{ shop { customers { salary } } }", ("boss",)),
    ):
        (error,) = doors.graphql(document, "superset", *behalf)["errors"]
        assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    listed = doors.graphql("{ visibleProducts { name } __schema { types { name } } }", "superset", "bob")["data"]
    assert listed["visibleProducts"] == [{"name": "shop"}]
    assert not {"Shop_Orders", "Hr_Salaries"} & {one["name"] for one in listed["__schema"]["types"]}


def test_a_cursor_of_a_connection_is_of_both(doors: Doors) -> None:
    page = """query($after: String) { shop { customersConnection(first: 2, after: $after) {
      nodes { region } pageInfo { endCursor } } } }"""
    first = doors.graphql(page, "superset", "alice")["data"]["shop"]["customersConnection"]
    after = first["pageInfo"]["endCursor"]
    assert "errors" not in doors.graphql(page, "superset", "alice", after=after)
    for who in (("superset",), ("superset", "bob"), ("alice",)):
        (error,) = doors.graphql(page, *who, after=after)["errors"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.mark.parametrize("behalf", ["nobody", "second", "steward", "stranger", "alice, bob", "ALICE", "Bob;"])
def test_an_unknown_subject_and_one_that_is_not_delegated_are_refused_alike(doors: Doors, behalf: str) -> None:
    told = []
    for one in (behalf, "nobody-at-all"):
        with pytest.raises(Forbidden) as refusal:
            doors.session("superset", one)
        told.append((refusal.value.message.replace(one, "X"), refusal.value.reason, refusal.value.hint))
        answer = doors.get("/products", "superset", one)
        assert answer.status_code == 403
        told.append((answer.json()["detail"].replace(one.strip(), "X"), "delegation", ""))
        (error,) = doors.graphql("{ __typename }", "superset", one)["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        told.append((error["message"].replace(one.strip(), "X"), "delegation", ""))
        with doors.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege) as wired:
            connection.execute(psycopg.sql.SQL("SET ROLE {}").format(psycopg.sql.Identifier(one)))
        told.append((str(wired.value.diag.message_primary).replace(one, "X"), "delegation", ""))
    assert len(set(told)) == 1


def test_who_may_ask_for_nobody_may_not(doors: Doors, ask: Any) -> None:
    assert ask(doors, "second", "alice", NORTH) == "forbidden"
    assert ask(doors, "alice", "superset", NORTH) == "forbidden"


def test_nobody_asks_for_one_through_another(doors: Doors, postgres: psycopg.Connection[Any]) -> None:
    # alice may ask for bob, superset for alice and bob; second for nobody.
    assert wire(doors, "alice", "bob", NORTH) == [(0, None)]
    postgres.execute("SET SESSION AUTHORIZATION alice")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        postgres.execute("SET ROLE bob")
    assert postgres.execute(NORTH).fetchone() == (300, "N")
    postgres.execute("SET ROLE alice")
    # The one who has signed in decides, as in PostgreSQL: not alice, who may not ask for boss.
    postgres.execute("SET SESSION AUTHORIZATION boss")
    assert postgres.execute("SELECT current_user, session_user").fetchone() == ("boss", "boss")


def test_two_users_of_a_pool_over_one_connection_see_their_own_rows(doors: Doors) -> None:
    host, port = doors.postgres
    engine = sqlalchemy.create_engine(
        f"postgresql+psycopg://superset:superset-secret@{host}:{port}/outport", pool_size=1, max_overflow=0
    )
    user = {"name": ""}

    @sqlalchemy.event.listens_for(engine, "checkout")
    def as_user(connection: Any, *_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f'SET ROLE "{user["name"]}"')
        connection.commit()

    seen = []
    for name in ("alice", "bob", "alice", "bob"):
        user["name"] = name
        with engine.connect() as connection:
            (pid,) = connection.execute(sqlalchemy.text("SELECT pg_backend_pid()")).one()
            rows = [connection.execute(sqlalchemy.text(NORTH)).one() for _ in range(8)]  # prepared after the fifth
            seen.append((pid, {tuple(row) for row in rows}))
    engine.dispose()
    assert len({pid for pid, _ in seen}) == 1
    assert [rows for _, rows in seen] == [{(300, "N")}, {(300, "S")}] * 2


# Statement by statement, as PostgreSQL 15 answers: current_user, session_user and SHOW role behind each, or SQLSTATE.
TRANSACTIONS: dict[str, list[tuple[str, Any]]] = {
    "a role": [
        ("SET ROLE alice", ("alice", "superset", "alice")),
        ("SET ROLE 'bob'", ("bob", "superset", "bob")),
        ("SET SESSION ROLE alice", ("alice", "superset", "alice")),
        ("SET role = bob", ("bob", "superset", "bob")),
        ("SET ROLE NONE", ("superset", "superset", "none")),
        ("SET ROLE superset", ("superset", "superset", "superset")),
        ("SELECT set_config('role', 'alice', false)", ("alice", "superset", "alice")),
        ("RESET ROLE", ("superset", "superset", "none")),
    ],
    "a rollback": [
        ("SET ROLE alice", ("alice", "superset", "alice")),
        ("BEGIN", ("alice", "superset", "alice")),
        ("SET ROLE bob", ("bob", "superset", "bob")),
        ("ROLLBACK", ("alice", "superset", "alice")),
        ("BEGIN", ("alice", "superset", "alice")),
        ("RESET ROLE", ("superset", "superset", "none")),
        ("COMMIT", ("superset", "superset", "none")),
    ],
    "a local role": [
        ("SET LOCAL ROLE alice", ("superset", "superset", "none")),
        ("BEGIN", ("superset", "superset", "none")),
        ("SET LOCAL ROLE alice", ("alice", "superset", "alice")),
        ("COMMIT", ("superset", "superset", "none")),
        ("BEGIN", ("superset", "superset", "none")),
        ("SET LOCAL ROLE alice", ("alice", "superset", "alice")),
        ("SET ROLE bob", ("bob", "superset", "bob")),
        ("COMMIT", ("bob", "superset", "bob")),
        ("BEGIN", ("bob", "superset", "bob")),
        ("SELECT set_config('role', 'alice', true)", ("alice", "superset", "alice")),
        ("ROLLBACK", ("bob", "superset", "bob")),
    ],
    "a savepoint": [
        ("BEGIN", ("superset", "superset", "none")),
        ("SET ROLE alice", ("alice", "superset", "alice")),
        ("SAVEPOINT a", ("alice", "superset", "alice")),
        ("SET LOCAL ROLE bob", ("bob", "superset", "bob")),
        ("ROLLBACK TO a", ("alice", "superset", "alice")),
        ("SET ROLE bob", ("bob", "superset", "bob")),
        ("RELEASE a", ("bob", "superset", "bob")),
        ("COMMIT", ("bob", "superset", "bob")),
    ],
    "several statements of one message": [
        ("SET ROLE alice; SELECT 1", ("alice", "superset", "alice")),
        ("RESET ROLE; SELECT 1/0", ("alice", "superset", "alice")),
        ("SET LOCAL ROLE bob; SELECT 1", ("alice", "superset", "alice")),
        ("SET ROLE bob; BEGIN; ROLLBACK", ("alice", "superset", "alice")),
    ],
    "a session authorization": [
        ("SET ROLE bob", ("bob", "superset", "bob")),
        ("SET SESSION AUTHORIZATION alice", ("alice", "alice", "none")),
        ("RESET ALL", ("alice", "alice", "none")),
        ("RESET SESSION AUTHORIZATION", ("superset", "superset", "none")),
        ("SET SESSION AUTHORIZATION 'bob'", ("bob", "bob", "none")),
        ("SET SESSION AUTHORIZATION DEFAULT", ("superset", "superset", "none")),
        ("SET ROLE alice", ("alice", "superset", "alice")),
        ("RESET ALL", ("alice", "superset", "alice")),
        ("DISCARD ALL", ("superset", "superset", "none")),
    ],
}


@pytest.mark.parametrize("name", list(TRANSACTIONS))
def test_a_role_is_set_and_taken_back_as_postgresql_does(doors: Doors, name: str) -> None:
    told = []
    with doors.connection(cursor_factory=psycopg.ClientCursor) as connection:
        for text, _ in TRANSACTIONS[name]:
            with contextlib.suppress(psycopg.errors.DivisionByZero):
                connection.execute(text)  # type: ignore[call-overload]
            users = connection.execute("SELECT current_user, session_user").fetchone()
            role = connection.execute("SHOW role").fetchone()
            assert users is not None
            assert role is not None
            told.append((text, (*users, *role)))
    assert told == TRANSACTIONS[name]


def test_a_local_role_holds_for_the_rest_of_its_message(doors: Doors) -> None:
    with doors.connection(cursor_factory=psycopg.ClientCursor) as connection:
        cursor = connection.execute(f"SET LOCAL ROLE alice; {NORTH}")
        assert cursor.nextset()
        assert cursor.fetchone() == (300, "N")
        assert connection.execute(NORTH).fetchone() == (600, "S")


def test_a_request_on_another_s_behalf_counts_against_both(doors: Doors) -> None:
    gateway = Gateway(doors.settings.model_copy(update={"rate_limit": 5}))
    asked = Password("superset", "superset-secret"), "rest", None
    gateway.open(*asked, "alice")
    left = gateway.open(Password("alice", "alice-secret"), "rest").quota
    assert left is not None
    assert left.remaining == 3
    for _ in range(3):
        gateway.open(Password("alice", "alice-secret"), "rest")
    with pytest.raises(Exhausted):
        gateway.open(*asked, "alice")
    assert gateway.open(*asked).quota is not None
    gateway.close()


@pytest.mark.parametrize(
    "text", ["SET ROLE", "SET ROLE a b", "SET SESSION AUTHORIZATION", "SET ROLE 5", "SET ROLE a.b"]
)
def test_half_a_role_is_a_syntax_error(postgres: psycopg.Connection[Any], text: str) -> None:
    with pytest.raises(psycopg.errors.SyntaxError):
        postgres.execute(text)  # type: ignore[call-overload]


def test_a_role_that_is_not_granted_fails_the_transaction(postgres: psycopg.Connection[Any]) -> None:
    postgres.execute("SET ROLE alice")
    with pytest.raises(psycopg.errors.InsufficientPrivilege), postgres.transaction():
        postgres.execute("SET ROLE steward")
    assert postgres.execute("SELECT current_user").fetchone() == ("alice",)


def test_a_connection_may_begin_under_a_role(doors: Doors) -> None:
    with doors.connection(options="-c role=alice") as connection:
        assert connection.execute(NORTH).fetchone() == (300, "N")
        connection.execute("RESET ALL")
        assert connection.execute(NORTH).fetchone() == (300, "N")
    with pytest.raises(psycopg.OperationalError, match="not granted"):
        doors.connection(options="-c role=steward")


def test_what_was_prepared_under_one_role_tells_another_nothing(postgres: psycopg.Connection[Any]) -> None:
    postgres.execute("SET ROLE alice")
    postgres.execute("PREPARE every AS SELECT * FROM shop.customers")
    postgres.execute("PREPARE region AS SELECT max(region) FROM shop.customers")
    assert postgres.execute("EXECUTE region").fetchone() == ("N",)
    postgres.execute("SET ROLE bob")
    assert postgres.execute("EXECUTE region").fetchone() == ("S",)
    with pytest.raises(psycopg.errors.FeatureNotSupported):  # tags are hidden from bob
        postgres.execute("EXECUTE every")
    postgres.execute("SET ROLE alice")
    assert postgres.execute("EXECUTE region").fetchone() == ("N",)
    assert len(postgres.execute("EXECUTE every").fetchall()) == 300


def test_a_cursor_is_of_whom_it_was_opened_for(postgres: psycopg.Connection[Any]) -> None:
    postgres.execute("BEGIN")
    postgres.execute("SET LOCAL ROLE alice")
    postgres.execute("DECLARE c CURSOR WITH HOLD FOR SELECT customer_id, region FROM shop.customers ORDER BY 1")
    assert postgres.execute("FETCH 2 FROM c").fetchall() == [(0, "N"), (2, "N")]
    postgres.execute("COMMIT")
    for role in ("NONE", "bob"):
        postgres.execute(f"SET ROLE {role}")
        for text in ("FETCH 1 FROM c", "FETCH ALL FROM c", "MOVE 1 FROM c"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                postgres.execute(text)  # type: ignore[call-overload]
    postgres.execute("SET ROLE alice")
    assert postgres.execute("FETCH 1 FROM c").fetchall() == [(4, "N")]
    postgres.execute("SET ROLE bob")
    postgres.execute("CLOSE c")


def test_a_role_set_within_a_pipeline_is_of_what_comes_behind_it(postgres: psycopg.Connection[Any]) -> None:
    with postgres.pipeline(), postgres.cursor() as cursor:
        answers = []
        for role in ("alice", "bob", "NONE"):
            cursor.execute(f"SET ROLE {role}")  # type: ignore[call-overload]
            answers.append(postgres.execute(NORTH))
    assert [one.fetchone() for one in answers] == [(300, "N"), (300, "S"), (600, "S")]


def test_the_catalog_is_that_of_whom_is_asked_for(postgres: psycopg.Connection[Any]) -> None:
    columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'customers' AND column_name = 'tags'"
    granted = "SELECT DISTINCT grantee FROM information_schema.table_privileges WHERE table_schema = 'shop'"
    users = "SELECT current_user, session_user FROM pg_catalog.pg_class LIMIT 1"
    for role, tags in (("alice", 1), ("bob", 0), ("NONE", 1)):
        postgres.execute(f"SET ROLE {role}")  # type: ignore[call-overload]
        assert postgres.execute(columns).fetchone() == (tags,)
        name = "superset" if role == "NONE" else role
        assert postgres.execute(granted).fetchall() == [(name,)]
        assert postgres.execute(users).fetchone() == (name, "superset")


@pytest.mark.parametrize("sent", [("",), ("alice", "alice"), ("alice", "bob"), ("", "alice")])
def test_a_header_that_is_empty_or_stands_twice_is_refused(doors: Doors, sent: tuple[str, ...]) -> None:
    for path in ("/products", "/products/shop/customers", "/openapi.json"):
        assert doors.get(path, "superset", *sent).status_code == 400
    assert set(doors.graphql("{ __typename }", "superset", *sent)) == {"errors"}
    assert flight(doors, "superset", "", NORTH) == "bad_query"


def test_an_etag_is_of_both(doors: Doors) -> None:
    path = "/products/shop/customers?select=region&limit=1"
    tags = {}
    for login, behalf in (("superset", ()), ("superset", ("alice",)), ("alice", ()), ("superset", ("bob",))):
        answer = doors.get(path, login, *behalf)
        assert answer.status_code == 200
        assert HEADER in answer.headers["Vary"]
        assert answer.headers.get(HEADER) == (behalf[0] if behalf else None)
        tags[login, *behalf] = answer.headers["ETag"]
    assert len(set(tags.values())) == 4
    for (login, *behalf), one in tags.items():
        for other in tags.values():
            status = doors.get(path, login, *behalf, **{"If-None-Match": other}).status_code
            assert status == (304 if one == other else 200)


def test_a_cursor_of_a_page_is_of_both(doors: Doors) -> None:
    path = "/products/shop/customers?order=customer_id&limit=2"
    first = doors.get(path, "superset", "alice").json()
    again = first["next"]
    assert again
    address = again if again.startswith("/") else f"{path}&cursor={again}"
    assert doors.get(address, "superset", "alice").status_code == 200
    for login, behalf in (("superset", ()), ("superset", ("bob",)), ("alice", ())):
        assert doors.get(address, login, *behalf).status_code == 400


def test_a_ticket_and_a_handle_are_of_both(doors: Doors) -> None:
    with doors.flights("superset", "alice") as connection, connection.cursor() as cursor:
        partitions, _ = cursor.adbc_execute_partitions("SELECT customer_id FROM shop.customers")
        cursor.adbc_read_partition(partitions[0])
        assert len(cursor.fetchall()) == 300
    for login, behalf in (("superset", None), ("superset", "bob"), ("alice", None)):
        with (
            doors.flights(login, behalf) as connection,
            connection.cursor() as cursor,
            pytest.raises(adbc_driver_manager.Error, match="not given out to you"),
        ):
            cursor.adbc_read_partition(partitions[0])


def test_a_session_option_of_flight_says_on_whose_behalf(doors: Doors) -> None:
    option = "adbc.flight.sql.session.option.on_behalf_of"
    named = {
        "username": "superset",
        "password": "superset-secret",
        "adbc.flight.sql.rpc.with_cookie_middleware": "true",
    }
    with adbc_driver_flightsql.dbapi.connect(doors.flight, db_kwargs=named, autocommit=True) as connection:
        for subject, rows in (("alice", (300, "N")), ("bob", (300, "S")), ("", (600, "S"))):
            choose(connection, option, subject)
            with connection.cursor() as cursor:
                cursor.execute(NORTH)
                assert cursor.fetchone() == rows
        with pytest.raises(adbc_driver_manager.Error):
            connection.adbc_connection.set_options(**{option: "steward"})


def test_both_are_on_record(doors: Doors, ask: Any) -> None:
    before = doors.audited()
    ask(doors, "superset", "alice", NORTH)
    ask(doors, "superset", "steward", NORTH)
    told = [one for one in doors.audited() if one not in before and one["event"].startswith("query_")]
    begun, answered, refused = told[0], told[1], told[-1]
    assert (begun["event"], begun["subject"], begun["on_behalf_of"]) == ("query_begun", "superset", "alice")
    assert (answered["subject"], answered["on_behalf_of"], answered["outcome"]) == ("superset", "alice", "answered")
    assert {"bi", "north"} <= set(answered["rules"])
    assert (refused["subject"], refused["on_behalf_of"]) == ("superset", "steward")
    assert refused["refused"]["code"] == "forbidden"


def test_a_purpose_must_be_granted_to_both(doors: Doors) -> None:
    assert doors.get("/products", "superset", "alice", **{"X-Outport-Purpose": "bi"}).status_code == 200
    assert doors.get("/products", "superset", "alice", **{"X-Outport-Purpose": "audit"}).status_code == 403
    assert doors.get("/products", "superset", "bob", **{"X-Outport-Purpose": "bi"}).status_code == 403


def test_the_policy_s_fingerprint_is_of_both_and_the_view_of_neither(doors: Doors) -> None:
    sessions = [doors.session("superset", "alice"), doors.session("alice"), doors.session("second")]
    told = set()
    for session in sessions:
        with doors.gateway.answer(session, Query("SELECT region FROM shop.customers")) as result:
            told.add(result.provenance.policy)
            list(result.batches())
    assert len(told) == 3
    pin = doors.gateway.pin()
    (shop,) = (one for one in pin.deployment.current if one.product.name == "shop")
    table = shop.product.table("customers")
    from gateway.principal import Environment

    at = Environment("rest", None, "query", time.time())
    views = [
        pin.policies.decide(one.principal, shop.product, table, at, shop.pseudonyms).fingerprint for one in sessions
    ]
    # superset sees all rows: what it sees for alice is what alice sees, and their views are one.
    assert views[0] == views[1] != views[2]


def waits_for_its_end(connection: psycopg.Connection[Any]) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            connection.execute("SELECT 1")
        except psycopg.Error:
            if connection.broken:
                return "ended"
        time.sleep(0.05)
    return "still there"


@pytest.mark.parametrize("ended", ["the grant", "the login", "who is asked for", "a role of who is asked for"])
def test_a_connection_ends_with_the_grant_or_with_either(doors: Doors, ended: str) -> None:
    directory = doors.directory()
    directory.add("login", "application", {"role": ("bi",)}, "login-secret")
    directory.add("person", "person", {"role": ("north",)}, "person-secret")
    rule = {"id": "login", "to": {"subject": "login"}, "delegate": {"for": {"role": ["north", "south"]}}}
    doors.rules([*RULES, rule])
    with doors.connection("login") as connection, doors.connection("login") as other:
        connection.execute("SET ROLE person")
        connection.execute("DECLARE c CURSOR WITH HOLD FOR SELECT region FROM shop.customers")
        assert connection.execute("FETCH 1 FROM c").fetchall() == [("N",)]
        session = doors.session("login", "person")
        match ended:
            case "the grant":
                doors.rules(RULES)
                with pytest.raises(psycopg.Error):
                    connection.execute("FETCH 1 FROM c")
            case "the login":
                directory.remove("login")
            case "who is asked for":
                directory.remove("person")
            case _:
                directory.add("person", "person", {"role": ("south",)}, "person-secret")
        assert waits_for_its_end(connection) == "ended"
        if ended != "the login":
            assert other.execute(NORTH).fetchone() == (600, "S")
        if ended == "the grant":
            with pytest.raises(GatewayError), doors.gateway.answer(session, Query(NORTH)):
                pass
    doors.rules([*RULES, {**RULES[1], "id": f"again-{len(ended)}"}])


def test_a_description_tells_nobody_of_another_s_columns(doors: Doors) -> None:
    with Raw(doors.postgres) as raw:
        raw.start("superset")
        raw.query("SET ROLE alice")
        raw.parse("SELECT * FROM shop.customers", "every")
        raw.bind(name="every", portal="p")
        raw.execute(portal="p", limit=1)
        raw.send(b"H")
        # Sync would end the portal, so the role is set by an extended query before it.
        raw.parse("SET ROLE bob", "")
        raw.bind()
        raw.execute()
        raw.send(b"D", b"Pp\0")
        raw.send(b"S")
        told = raw.until_ready()
        assert [kind for kind, _ in told][-2:] == [b"E", b"Z"]
        assert not any(kind == b"T" for kind, _ in told)
        raw.query("SET ROLE bob")
        raw.send(b"D", b"Severy\0")
        raw.send(b"S")
        told = raw.until_ready()
        assert [kind for kind, _ in told] == [b"E", b"Z"]
        assert b"tags" not in told[0][1]
        raw.query("SET ROLE alice")
        raw.send(b"D", b"Severy\0")
        raw.send(b"S")
        assert any(b"tags" in body for kind, body in raw.until_ready() if kind == b"T")


def test_a_certificate_asks_on_behalf_of_others_over_flight_sql(doors: Doors, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, own = authority.server("127.0.0.1"), authority.client("bi", "uri:spiffe://corp.example/bi")
    doors.directory().add_certificate("superset", "uri:spiffe://corp.example/bi")
    files = {"tls_cert": server.cert, "tls_key": server.key, "tls_client_ca": authority.cert}
    port = FlightPort(Resettled(doors.gateway, **files))  # type: ignore[arg-type]
    port.start()
    shown = {"tls_root_certs": authority.cert, "mtls_cert_chain": own.cert, "mtls_private_key": own.key}
    options = {f"adbc.flight.sql.client_option.{name}": file.read_text() for name, file in shown.items()}
    header = f"adbc.flight.sql.rpc.call_header.{HEADER.lower()}"
    url = f"grpc+tls://127.0.0.1:{port.address[1]}"
    try:
        for behalf, seen in (("alice", (300, "N")), ("bob", (300, "S"))):
            given = options | {header: behalf}
            connected = adbc_driver_flightsql.dbapi.connect(url, db_kwargs=given, autocommit=True)
            with connected as door, door.cursor() as cursor:
                cursor.execute(NORTH)
                assert cursor.fetchone() == seen
        given = options | {header: "boss2"}
        connected = adbc_driver_flightsql.dbapi.connect(url, db_kwargs=given, autocommit=True)
        with connected as door, door.cursor() as cursor, pytest.raises(adbc_driver_manager.Error, match="not granted"):
            cursor.execute(NORTH)
    finally:
        port.stop()
    assert {("superset", "alice"), ("superset", "bob")} <= {
        (one.get("subject"), one.get("on_behalf_of")) for one in doors.audited() if one.get("port") == "flightsql"
    }
