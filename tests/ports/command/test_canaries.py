"""Secrets that a real server is given and is asked with, well and badly, stand in nothing that it leaves or says."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psycopg
import pyarrow.flight as fl
import pytest
import yaml
from pydantic import SecretStr
from websockets import ConnectionClosed, Subprotocol
from websockets.sync.client import connect

from gateway import Bearer, Gateway, Password
from gateway.access import keys
from gateway.access.identity import Directory
from gateway.settings import Settings
from ports.flight import messages
from tests.certificates import Authority
from tests.demo import BIN, environment
from tests.idp import OTHER, Idp, jwt
from tests.ports.command.conftest import invoke

COUNT = "SELECT count(*) AS n FROM shop.orders"
CANARY = "kanari"
SECRET = f"{CANARY}-secret-of-the-deployment-3c1b9a"
BEFORE = f"{CANARY}-secret-before-the-rotation-77"
MASK = f"{CANARY}-mask-of-the-deployment-5d20e4f"
COLLECTOR = f"{CANARY}-token-of-the-collector"
PASSWORD, WRONG = f"{CANARY}-password", f"{CANARY}-wrong-password"


class Server:
    """A running server, and every word that was said or left about it."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, variables: dict[str, str]) -> None:
        self.process, self.folder, self.variables = process, folder, variables
        self.said: list[str] = []
        noted = json.loads((folder / "state" / "doors.json").read_text())["addresses"]
        self.at = {name: f"{host}:{port}" for name, (host, port) in noted.items()}

    def command(self, *words: str) -> None:
        """Run a command of the operator's beside the server."""
        ran = subprocess.run(
            [BIN / "outport", *words], env=self.variables, capture_output=True, text=True, timeout=60, check=False
        )
        self.said += [ran.stdout, ran.stderr]

    def rest(self, *authorizations: str) -> int:
        """Ask over HTTP; the status of the last answer."""
        status = 0
        for one in authorizations:
            with httpx.Client(base_url=f"http://{self.at['http']}", headers={"Authorization": one}) as web:
                for answer in (web.post("/sql", json={"sql": COUNT}), web.get("/products"), web.get("/metrics")):
                    self.said += [answer.text, *answer.headers.values()]
                status = web.post("/sql", json={"sql": COUNT}).status_code
        return status

    def graphql(self, *authorizations: str) -> None:
        """Ask documents by POST and GET, and over web sockets that prove themselves by header and by first message."""
        asked = {"query": "{ shop { ordersConnection { totalCount } } }"}
        for one in authorizations:
            with httpx.Client(base_url=f"http://{self.at['http']}", headers={"Authorization": one}) as web:
                for answer in (web.post("/graphql", json=asked), web.get("/graphql", params=asked)):
                    self.said += [answer.text, *answer.headers.values()]
            for header, payload in (({"Authorization": one}, {}), ({}, {"authorization": one})):
                self.socket(header, payload, asked)

    def socket(self, header: dict[str, str], payload: dict[str, str], asked: dict[str, str]) -> None:
        url, protocol = f"ws://{self.at['http']}/graphql", Subprotocol("graphql-transport-ws")
        with connect(url, subprotocols=[protocol], additional_headers=header) as socket:
            try:
                socket.send(json.dumps({"type": "connection_init", "payload": payload}))
                self.said.append(str(socket.recv(timeout=60)))
                socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": asked}))
                self.said.append(str(socket.recv(timeout=60)))
            except ConnectionClosed as closed:
                self.said.append(str(closed))

    def flight(self, *authorizations: str) -> None:
        with fl.connect(f"grpc://{self.at['flight']}") as client:
            for one in authorizations:
                options = fl.FlightCallOptions(headers=[(b"authorization", one.encode())])
                asked = fl.FlightDescriptor.for_command(messages.pack(messages.CommandStatementQuery(COUNT)))
                try:
                    (endpoint,) = client.get_flight_info(asked, options).endpoints
                    self.said.append(str(client.do_get(endpoint.ticket, options).read_all()))
                except (fl.FlightError, KeyError, OSError, ValueError) as error:
                    self.said.append(str(error))

    def postgres(self, user: str, password: str) -> None:
        host, _, port = self.at["postgres"].partition(":")
        try:
            with psycopg.connect(host=host, port=port, user=user, password=password, dbname="outport") as connection:
                self.said.append(str(connection.execute(COUNT).fetchall()))
        except psycopg.Error as error:
            self.said.append(str(error))


class Collector:
    """Takes what is sent to it, from the third time on: what the server says of the first two is looked at as well."""

    def __init__(self) -> None:
        told = self.told = list[bytes]()

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200 if len(told) > 2 else 400)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def serving(settings: Settings, idp: Idp, collector: Collector) -> Iterator[Server]:
    """Two workers over the world of `settings`, with canaries as its secrets."""
    folder = settings.state.parent
    (folder / "secrets").write_text(f"{SECRET}\n{BEFORE}\n")
    issuer = {"name": "corp", "issuer": idp.url, "audience": "outport", "jwks": f"{idp.url}/jwks"}
    (folder / "issuers.yaml").write_text(yaml.safe_dump({"issuers": [issuer]}))
    given = {name: str(getattr(settings, name)) for name in ("products", "policies", "state")}
    given |= {f"{door}_port": "0" for door in ("http", "flight", "postgres")}
    given |= {"secret_key_file": str(folder / "secrets"), "mask_key": MASK, "issuers": str(folder / "issuers.yaml")}
    variables = environment() | {f"OUTPORT_{name.upper()}": value for name, value in given.items()}
    variables |= {"OUTPORT_TELEMETRY": "true", "OUTPORT_WORKERS": "2"}
    variables |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    variables |= {
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{COLLECTOR}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
    }
    with (
        (folder / "out").open("w") as out,
        (folder / "err").open("w") as err,
        subprocess.Popen([BIN / "outport", "serve"], env=variables, stdout=out, stderr=err, text=True) as process,
    ):
        try:
            until_open(folder, process)
            yield Server(process, folder, variables)
        finally:
            process.terminate()
            process.wait(60)


def until_open(folder: Path, process: subprocess.Popen[str]) -> None:
    """Wait until every door is open."""
    while "PostgreSQL" not in (folder / "out").read_text():
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            raise AssertionError((folder / "err").read_text())


@pytest.fixture
def idp() -> Iterator[Idp]:
    running = Idp()
    yield running
    running.close()


def basic(subject: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{subject}:{password}".encode()).decode()


def leaves(server: Server) -> dict[str, str]:
    """Everything that was said, printed, logged, audited, noted or listed, by where."""
    folder, found = server.folder, {"answers": "\n".join(server.said)}
    for path in (folder / "state").rglob("*"):
        if path.is_file() and path.suffix not in {".duckdb", ".db"} and path.name != "principals.yaml":
            found[str(path.relative_to(folder))] = path.read_bytes().decode("utf-8", "replace")
    found |= {name: (folder / name).read_text() for name in ("out", "err")}
    for process in processes(server.process.pid):
        found[f"process {process}"] = Path(f"/proc/{process}/cmdline").read_text()
    return found


def processes(own: int) -> list[int]:
    """A process and its children."""
    listed = (path.read_text().split() for path in Path(f"/proc/{own}/task").glob("*/children"))
    return [own, *(int(child) for children in listed for child in children)]


@pytest.fixture
def collector() -> Iterator[Collector]:
    running = Collector()
    yield running
    running.close()


def test_no_secret_is_left_or_said_by_a_server_whatever_it_is_asked(
    own_world: Settings, idp: Idp, collector: Collector
) -> None:
    given = own_world.model_copy(update={"secret_key": None, "secret_key_file": own_world.state.parent / "secrets"})
    (own_world.state.parent / "secrets").write_text(f"{SECRET}\n{BEFORE}\n")
    people = Directory(own_world.principals, keys.load(given))
    people.add("steward", "person", {"role": ["steward", "metrics"]}, PASSWORD)
    key, token = people.add_key("steward", 600), people.issue_token("steward", 600)
    theirs, forged = idp.token(), jwt(idp.claims(), OTHER)
    cut = [one[:-1] for one in (key, token, theirs)]
    with serving(own_world, idp, collector) as server:
        assert server.rest(basic("steward", PASSWORD)) == 200
        headers = [basic("steward", PASSWORD), *(f"Bearer {one}" for one in (key, token, theirs))]
        wrong = [basic("steward", WRONG), basic(WRONG, PASSWORD), f"Basic {WRONG}", f"Digest {WRONG}", WRONG]
        wrong += [f"Bearer {one}" for one in (*cut, forged, WRONG, f"{WRONG}.{PASSWORD}.x")]
        server.rest(*headers, *wrong)
        server.graphql(*headers, *wrong)
        server.flight(*headers, *wrong)
        for user, password in [("steward", PASSWORD), ("steward", WRONG), ("nobody", WRONG), ("token", token)]:
            server.postgres(user, password)
        for one in (key, theirs, *cut, forged, WRONG):
            server.postgres("token", one)
        kept = own_world.principals.read_text()
        own_world.principals.write_text(f"principals: {{steward: {{kind: person, verifier: {PASSWORD}, {WRONG}: 1}}}}")
        server.rest(basic("steward", PASSWORD))
        server.command("principal", "list")
        own_world.principals.write_text(kept)
        server.command("doctor")
        places = leaves(server)
    places["err"] = (server.folder / "err").read_text()
    places["spans"] = b"".join(collector.told).decode("utf-8", "replace")
    assert "Traceback" not in places["err"]
    assert sum(name.startswith("process") for name in places) >= 3
    for port in ("rest", "graphql", "flightsql", "postgres"):
        assert f"outport {port}" in places["spans"]
        assert f'"port":"{port}"' in "".join(places.values()).replace(" ", "")
    secrets = [
        CANARY,
        key.partition(".")[2],
        *(one.rpartition(".")[2] for one in (token, theirs, forged)),
        theirs,
        cut[2],
    ]
    secrets += [
        base64.b64encode(f"steward:{PASSWORD}".encode()).decode()[:24],
        base64.b64encode(MASK.encode()).decode()[:40],
    ]
    found = {where: [one[:12] for one in secrets if one in text] for where, text in places.items()}
    assert {where: names for where, names in found.items() if names} == {}
    assert "corp" in "".join(places.values()), "the honest token of the issuer has left its holder's name"


def said(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: object) -> str:
    """Every word of `outport doctor` with these settings, which must not find all well."""
    given = {"secret_key": SECRET, "mask_key": MASK, "state": folder, "products": folder, "policies": folder}
    for name, value in (given | settings).items():
        monkeypatch.setenv(f"OUTPORT_{name.upper()}", str(value))
    answer = invoke("doctor")
    assert answer.exit_code == 1
    return answer.stdout + answer.stderr


def unserved() -> str:
    """Every word of a server that cannot start as it is set."""
    ran = subprocess.run([BIN / "outport", "serve"], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    return ran.stdout + ran.stderr


def test_no_word_about_a_key_of_tls_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path / "tls")
    sealed = authority.server("localhost", file="sealed", passphrase=f"{CANARY}-passphrase")
    other = authority.server("localhost", file="other")
    told = []
    for cert, key in (
        (other.key, other.key),
        (other.cert, sealed.cert),
        (sealed.cert, other.key),
        (sealed.cert, sealed.key),
    ):
        told.append(said(tmp_path, monkeypatch, tls_cert=cert, tls_key=key))
    told.append(unserved())
    secrets = [line for pair in (sealed, other) for line in pair.key.read_text().splitlines() if len(line) > 40]
    for words in told:
        assert "tls_" in words
        assert not any(secret in words for secret in (CANARY, *secrets))


def test_an_issuer_s_address_that_holds_a_password_is_refused_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in (f"https://corp:{PASSWORD}@idp.example", f"https://{PASSWORD}@idp.example/keys"):
        issuer = {"name": "corp", "issuer": "https://idp.example", "audience": "outport", "jwks": address}
        (tmp_path / "issuers.yaml").write_text(yaml.safe_dump({"issuers": [issuer]}))
        told = said(tmp_path, monkeypatch, issuers=tmp_path / "issuers.yaml")
        assert "issuers" in told
        assert CANARY not in told
    assert CANARY not in unserved()


def test_no_object_that_holds_a_secret_shows_it(own_world: Settings) -> None:
    given = own_world.model_copy(update={"secret_key": SecretStr(f"{SECRET}\n{BEFORE}"), "mask_key": SecretStr(MASK)})
    people = Directory(own_world.principals, keys.load(given))
    people.add("steward", "person", {"role": ["steward"]}, PASSWORD)
    key, token = people.add_key("steward", 600), people.issue_token("steward", 600)
    gateway = Gateway(given)
    sessions = [gateway.open(one, "rest") for one in (Password("steward", PASSWORD), Bearer(token), Bearer(key))]
    holding = [given, keys.load(given), people, people.verifier("steward"), gateway, *sessions]
    holding += [
        Password("steward", PASSWORD),
        Bearer(token),
        *(one.proof for one in sessions),
        gateway.pin(sessions[0]),
    ]
    shown = "\n".join(f"{one!r} {one!s}" for one in holding) + given.model_dump_json()
    gateway.close()
    for secret in (CANARY, key.partition(".")[2], token.rpartition(".")[2]):
        assert secret not in shown


@pytest.mark.parametrize("name", ["OUTPORT_SECRET_KEY", "OUTPORT_MASK_KEY"])
def test_a_secret_that_cannot_be_used_is_not_shown(tmp_path: Path, name: str) -> None:
    given = {"OUTPORT_SECRET_KEY": SECRET, "OUTPORT_STATE": str(tmp_path), name: f"{CANARY}-short"}
    ran = subprocess.run(
        [BIN / "outport", "serve"], env=environment() | given, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 1
    assert "32 bytes" in ran.stderr
    assert CANARY not in ran.stdout + ran.stderr


def test_no_secret_can_be_a_flag() -> None:
    ran = subprocess.run([BIN / "outport", "serve", "--help"], capture_output=True, text=True, timeout=60, check=True)
    assert "--secret-key-file" in ran.stdout
    for flag in ("--secret-key ", "--mask-key "):
        assert flag not in ran.stdout
