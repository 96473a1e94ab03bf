"""What a right rests on ends in the gap between two steps of one answer: no row of it comes afterwards, at any door.

Each gap is opened before the event and gone on with after it; the event that changes nothing is every gap's twin.
"""

from __future__ import annotations

import base64
import struct
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.flight as fl
import pytest
import yaml

from gateway import Gateway
from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.flight import messages as m
from ports.flight.server import FlightPort
from ports.http.server import HttpPort
from ports.postgres.server import PostgresPort
from tests.ports.flight.conftest import Raw as Flight
from tests.ports.postgres.conftest import Raw as Wire
from tests.workshop import KEY, STEWARD, Workshop, column

ROWS = 400
SOME = "SELECT entry, region FROM ledger.entries ORDER BY entry"
# More rows than are read before what ends an answer has ended it.
ENDLESS = "SELECT entry, region, repeat(region, 200) AS padding FROM ledger.entries, range(10000000) r(i)"
OTHER = "SELECT count(*) AS n FROM notices.notices"
# A running answer is asked after once a second, and what a client has not read yet is still on its way: of what has
# ended nothing comes SOON_S later, on a slow machine too; of what has not, something does behind the next look.
LOOKED_S, SOON_S, LATEST_S = 2.5, 20.0, 60.0
TOKEN_S = 300
Gap = Generator[None, None, "Seen"]


@dataclass(frozen=True)
class Event:
    """What happens in the gap: which rows may be seen of what is asked afterwards, and whether the client stays."""

    happen: Callable[[World, str], None]
    rows: str
    stays: bool = True
    token: bool = False


@dataclass
class Seen:
    """What came after the gap: the regions of the rows, the refusal's code, and of a client that is still let in."""

    regions: set[str] = field(default_factory=set)
    refused: str = ""
    goes_on: bool = False


@dataclass
class World:
    """One deployment, its doors and its clock."""

    shop: Workshop
    gateway: Gateway
    rest: str
    flight: str
    postgres: tuple[str, int]
    directory: Directory
    later: Callable[[float], None] = lambda _: None
    token: str = ""
    count: int = 0
    happened: float = 0.0
    late_s: float = SOON_S

    def since(self) -> float:
        """Seconds since what happened in the gap."""
        return time.monotonic() - self.happened

    def ruled(self, *rules: dict[str, Any], end: datetime | None = None) -> None:
        """Put rules and the one agreement in force."""
        self.count += 1
        before = self.gateway.pin().policies
        unrelated = {**STEWARD, "id": f"steward-{self.count}"}
        folder = self.shop.settings.policies / "agreements"
        folder.mkdir(exist_ok=True)
        agreed = {"id": "all", "product": "ledger", "roles": ["reader"], "start": "2020-01-01", "approver": "a@b.c"}
        day = end or datetime.now(UTC) + timedelta(days=2)
        agreed |= {"end": f"{day:%Y-%m-%d}", "reassessment": "2020-01-02"}
        (folder / "all.yaml").write_text(yaml.safe_dump([agreed]))
        self.shop.allow(unrelated, *rules)
        deadline = time.monotonic() + 60
        while self.gateway.pin().policies is before or self.gateway.pin().policies.version == before.version:
            assert time.monotonic() < deadline

    def person(self, subject: str) -> str:
        """A new reader; its token."""
        self.directory.add(subject, "person", {"role": ("reader",)}, f"{subject}-secret")
        return self.directory.issue_token(subject, TOKEN_S)

    def wire(self, subject: str) -> Wire:
        client = Wire(self.postgres)
        told = client.start_with_token(self.token) if self.token else client.start(subject)
        assert told[-1] == (b"Z", b"I")
        return client

    def proof(self, subject: str) -> str:
        """What stands in an Authorization header."""
        if self.token:
            return f"Bearer {self.token}"
        return "Basic " + base64.b64encode(f"{subject}:{subject}-secret".encode()).decode()

    def flights(self, subject: str) -> Flight:
        options = fl.FlightCallOptions(headers=[(b"authorization", self.proof(subject).encode())], timeout=60)
        return Flight(fl.connect(self.flight), options)

    def web(self, subject: str) -> httpx.Client:
        return httpx.Client(base_url=self.rest, timeout=60, headers={"Authorization": self.proof(subject)})


def rule(rows: str | None = "region = 'N'") -> list[dict[str, Any]]:
    """What readers may see: of the ledger these rows (None: nothing), and the notices."""
    to = {"role": "reader"}
    found = [{"id": "notices", "on": {"product": "notices"}, "to": to, "grant": {"columns": ["*"]}}]
    if rows is not None:
        grant = {"columns": ["*"], "rows": rows}
        found.append({"id": "ledger", "on": {"product": "ledger"}, "to": to, "grant": grant})
    return found


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    shop = Workshop(tmp_path_factory.mktemp("gaps"), retain_s=864_000.0, memory_limit="1GB", drain_s=1, rate_limit=0)
    entries = {"entry": range(ROWS), "region": ["N" if i % 2 else "S" for i in range(ROWS)]}
    shop.declare(
        "ledger",
        {"entries": {"entry": KEY, "region": column("VARCHAR")}},
        data={"entries": pa.table(entries)},
        custom={"agreementRequired": True},
    )
    shop.declare("notices", {"notices": {"notice": KEY}}, data={"notices": pa.table({"notice": range(3)})})
    shop.publish("ledger")
    shop.publish("notices")
    gateway = Gateway(shop.settings)
    ports = HttpPort(gateway), FlightPort(gateway), PostgresPort(gateway)
    for port in ports:
        port.start()
    rest, flight = (f"{one.address[0]}:{one.address[1]}" for one in ports[:2])
    directory = Directory(shop.settings.principals, load(shop.settings))
    yield World(shop, gateway, f"http://{rest}", f"grpc://{flight}", ports[2].address, directory)
    for port in ports:
        port.stop()
    gateway.close()


@pytest.fixture
def world(opened: World, monkeypatch: pytest.MonkeyPatch) -> World:
    real = time.time
    opened.later = lambda moment: monkeypatch.setattr(time, "time", lambda: max(moment, real()))
    opened.token = ""
    opened.ruled(*rule())
    return opened


def removed(world: World, who: str) -> None:
    """It is gone, and an idle connection of its own has been ended: what lasts is asked after once a second."""
    with world.wire(who) as idle:
        world.directory.remove(who)
        assert idle.read()[0] == b"E"


EVENTS = {
    "nothing that matters": Event(lambda world, _: world.ruled(*rule()), "N"),
    "the grant is taken back": Event(lambda world, _: world.ruled(*rule(None)), ""),
    "the grant is of other rows": Event(lambda world, _: world.ruled(*rule("region = 'S'")), "S"),
    "the agreement is ended": Event(
        lambda world, _: world.ruled(*rule(), end=datetime.now(UTC) - timedelta(days=2)), ""
    ),
    "the agreement ends by its day": Event(lambda world, _: world.later(time.time() + 4 * 86_400), ""),
    "the token expires": Event(lambda world, _: world.later(time.time() + TOKEN_S + 1), "", stays=False, token=True),
    "the principal is removed": Event(removed, "", stays=False),
}


def rows_of(messages: list[tuple[bytes, bytes]]) -> set[str]:
    """The regions of DataRow messages: the second cell."""
    found = set()
    for kind, body in messages:
        if kind == b"D":
            (size,) = struct.unpack_from("!i", body, 2)
            found.add(body[6 + size + 4 : 6 + size + 5].decode())
    return found


def told(client: Wire, messages: list[tuple[bytes, bytes]]) -> Seen:
    """What a Postgres client saw, and whether it may go on."""
    codes = [
        part[1:].decode() for kind, body in messages if kind == b"E" for part in body.split(b"\0") if part[:1] == b"C"
    ]
    seen = Seen(rows_of(messages), codes[0] if codes else "")
    if messages[-1][0] == b"Z":
        with suppress(OSError):
            seen.goes_on = any(kind == b"D" for kind, _ in client.query(OTHER))
    return seen


def parse_then_bind(world: World, who: str) -> Gap:
    with world.wire(who) as client:
        client.parse(SOME, "s")
        client.send(b"D", b"Ss\0")
        assert client.sync()[-1] == (b"Z", b"I")
        yield
        client.bind(name="s")
        client.execute()
        return told(client, client.sync())


def bind_then_execute(world: World, who: str) -> Gap:
    with world.wire(who) as client:
        client.parse(SOME, "s")
        client.bind(name="s")
        client.send(b"H")
        assert [client.read()[0] for _ in range(2)] == [b"1", b"2"]
        yield
        client.execute()
        return told(client, client.sync())


def a_suspended_portal(world: World, who: str) -> Gap:
    with world.wire(who) as client:
        client.parse(SOME, "s")
        client.bind(name="s")
        client.execute(limit=2)
        client.send(b"H")
        assert [client.read()[0] for _ in range(5)] == [b"1", b"2", b"D", b"D", b"s"]
        yield
        client.execute()
        return told(client, client.sync())


def a_cursor(world: World, who: str) -> Gap:
    with world.wire(who) as client:
        client.query(f"DECLARE c CURSOR WITH HOLD FOR {SOME}")
        assert rows_of(client.query("FETCH 2 FROM c")) == {"N"}
        yield
        return told(client, client.query("FETCH ALL FROM c"))


def prepared_by_sql(world: World, who: str) -> Gap:
    with world.wire(who) as client:
        client.query(f"PREPARE p AS {SOME}")
        assert rows_of(client.query("EXECUTE p")) == {"N"}
        yield
        return told(client, client.query("EXECUTE p"))


def running(world: World, client: Wire, kind: bytes) -> Gap:
    """Reads an endless answer: what comes after `late_s` is late, and that it ends is what is waited for."""
    while client.read()[0] != kind:
        pass
    yield
    late, last = 0, client.read()
    while last[0] == kind and world.since() < LATEST_S and late < 1000:
        late += world.since() > world.late_s
        last = client.read()
    if last[0] == kind:
        return Seen({"N"}, goes_on=True)
    rest = [last] if last[0] == b"" else [last, *client.until_ready()]
    return told(client, rest)


def a_running_select(world: World, who: str) -> Gap:
    with world.wire(who) as client:
        client.send(b"Q", ENDLESS.encode() + b"\0")
        return (yield from running(world, client, b"D"))


def a_running_copy(world: World, who: str) -> Gap:
    with world.wire(who) as client:
        client.send(b"Q", f"COPY ({ENDLESS}) TO STDOUT".encode() + b"\0")
        return (yield from running(world, client, b"d"))


CODES = {
    fl.FlightUnauthenticatedError: "unauthenticated",
    fl.FlightCancelledError: "cancelled",
    pa.ArrowKeyError: "not_found",
    pa.ArrowInvalid: "invalid",
}


def flown(client: Flight, redeem: Callable[[], pa.Table]) -> Seen:
    seen = Seen()
    try:
        seen.regions = set(redeem()["region"].to_pylist())
    except (fl.FlightError, pa.ArrowException) as error:
        seen.refused = CODES.get(type(error), type(error).__name__)
    with suppress(fl.FlightError, pa.ArrowException):
        seen.goes_on = client.query(OTHER).num_rows == 1
    return seen


def info_then_get(world: World, who: str) -> Gap:
    client = world.flights(who)
    with client.client:
        ticket = client.info(m.CommandStatementQuery(SOME)).endpoints[0].ticket
        yield
        return flown(client, lambda: client.get(ticket).read_all())


def prepare_then_info(world: World, who: str) -> Gap:
    client = world.flights(who)
    with client.client:
        handle = client.prepare(SOME).prepared_statement_handle
        yield
        return flown(client, lambda: client.ask(m.CommandPreparedStatementQuery(handle)))


def a_running_stream(world: World, who: str) -> Gap:
    client = world.flights(who)
    with client.client:
        reader = client.get(client.info(m.CommandStatementQuery(ENDLESS)).endpoints[0].ticket)
        assert reader.read_chunk().data.num_rows > 0
        yield
        seen = Seen()
        try:
            while world.since() < LATEST_S:
                chunk = reader.read_chunk()
                if world.since() > world.late_s:
                    seen.regions = {"N"}
                    assert chunk.data["region"][0].as_py() == "N"
                    break
        except (fl.FlightError, pa.ArrowException) as error:
            seen.refused = CODES.get(type(error), type(error).__name__)
        reader.cancel()
        with suppress(fl.FlightError, pa.ArrowException):
            seen.goes_on = client.query(OTHER).num_rows == 1
        return seen


def answered(client: httpx.Client, answer: httpx.Response) -> Seen:
    seen = Seen()
    if answer.status_code == 200:
        seen.regions = {row["region"] for row in answer.json()["data"]}
    else:
        seen.refused = str(answer.status_code)
    seen.goes_on = client.post("/sql", json={"sql": OTHER}).status_code == 200
    return seen


PAGE = "/products/ledger/entries?order=entry&limit=3"


def page_1_then_2(world: World, who: str) -> Gap:
    with world.web(who) as client:
        following = client.get(PAGE).json()["next"]
        yield
        return answered(client, client.get(f"{PAGE}&cursor={following}"))


def an_entity_tag(world: World, who: str) -> Gap:
    with world.web(who) as client:
        tag = client.get(PAGE).headers["ETag"]
        assert client.get(PAGE, headers={"If-None-Match": tag}).status_code == 304
        yield
        answer = client.get(PAGE, headers={"If-None-Match": tag})
        if answer.status_code == 304:
            return Seen({"N"}, goes_on=True)
        return answered(client, answer)


def a_lookup(world: World, who: str) -> Gap:
    """One row by its key, which the gateway keeps from the first time on."""
    with world.web(who) as client:
        for _ in range(3):
            assert client.get("/products/ledger/entries/7").json()["data"]["region"] == "N"
        yield
        answer = client.get("/products/ledger/entries/7")
        seen = Seen({answer.json()["data"]["region"]}) if answer.status_code == 200 else Seen()
        seen.refused = "" if answer.status_code == 200 else str(answer.status_code)
        seen.goes_on = client.post("/sql", json={"sql": OTHER}).status_code == 200
        return seen


def a_running_download(world: World, who: str) -> Gap:
    with world.web(who) as client, ExitStack() as stack:
        headers = {"Accept-Encoding": "identity"}
        asked = client.stream("POST", "/sql?format=csv", json={"sql": ENDLESS}, headers=headers)
        chunks = stack.enter_context(asked).iter_raw()
        next(chunks)
        yield
        seen = Seen()
        try:
            for _ in chunks:
                if world.since() > world.late_s:
                    seen.regions = {"N"}
                    break
        except httpx.RemoteProtocolError:
            seen.refused = "broken"
        stack.close()
        seen.goes_on = client.post("/sql", json={"sql": OTHER}).status_code == 200
        return seen


# Each with what it is refused by where the principal stays, and where it does not.
Gaps = dict[str, tuple[Callable[[World, str], Gap], str, str]]
_AWAY = "57P01 28000 42501 57014 closed"
_OUT = "unauthenticated not_found"
GAPS: Gaps = {
    "Parse | Bind": (parse_then_bind, "42P01", _AWAY),
    "Bind | Execute": (bind_then_execute, "42P01", _AWAY),
    "a suspended portal": (a_suspended_portal, "42P01 42501", _AWAY),
    "DECLARE | FETCH": (a_cursor, "42P01 42501", _AWAY),
    "PREPARE | EXECUTE": (prepared_by_sql, "42P01", _AWAY),
    "SELECT, running": (a_running_select, "42501", _AWAY),
    "COPY, running": (a_running_copy, "42501", _AWAY),
    "GetFlightInfo | DoGet": (info_then_get, "not_found", _OUT),
    "CreatePreparedStatement | GetFlightInfo": (prepare_then_info, "not_found", _OUT),
    "DoGet, running": (a_running_stream, "not_found", _OUT),
    "page 1 | page 2": (page_1_then_2, "404", "401"),
    "an entity tag | its revalidation": (an_entity_tag, "404", "401"),
    "a key | the same key": (a_lookup, "404", "401"),
    "a download, running": (a_running_download, "broken", "broken"),
}
# What has been given out in part goes on with the same rows, or not at all.
RUNNING = {name for name in GAPS if "running" in name} | {"a suspended portal", "DECLARE | FETCH"}


@pytest.mark.parametrize("name", list(EVENTS))
def test_what_ends_in_a_gap_has_ended_behind_it(world: World, name: str) -> None:
    assert complaints(world, name, GAPS) == {}


def complaints(world: World, name: str, gaps: Gaps) -> dict[str, tuple[str, Seen]]:
    """What should not have come behind each of the gaps, all of which are opened before the event of that name."""
    event, who = EVENTS[name], f"reader-{list(EVENTS).index(name)}"
    token = world.person(who)
    world.token = token if event.token else ""
    begun = {gap: opened(world, who) for gap, (opened, _, _) in gaps.items()}
    for one in begun.values():
        next(one)
    event.happen(world, who)
    world.happened, world.late_s = time.monotonic(), LOOKED_S if event.rows == "N" else SOON_S
    wrong = {}
    for gap, one in begun.items():
        seen = ended(one)
        if complaint := _wrong(gap, event, seen, *gaps[gap][1:]):
            wrong[gap] = (complaint, seen)
    return wrong


def ended(gap: Gap) -> Seen:
    try:
        next(gap)
    except StopIteration as stop:
        seen: Seen = stop.value
        return seen
    except OSError:
        return Seen(refused="closed")
    raise AssertionError("a gap is gone on with once")


def _wrong(gap: str, event: Event, seen: Seen, refused: str, away: str) -> str:
    if seen.goes_on != event.stays:
        return "the client goes on" if seen.goes_on else "the client does not go on"
    rows = event.rows if gap not in RUNNING or event.rows == "N" else ""
    if seen.regions - set(rows):
        return "rows came of what had ended"
    if rows and gap == "a key | the same key" and event.rows != "N":
        return ""
    if rows:
        return "" if seen.regions == set(rows) else "no row came of what is granted"
    expected = (refused if event.stays else away).split()
    return "" if seen.refused in expected else f"not refused by {expected}"
