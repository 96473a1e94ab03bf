"""Alerts reach a webhook at least once, signed, through failures and restarts; the same one is raised once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.service_levels import webhook
from gateway.service_levels.alert_sender import ATTEMPTS, Sender
from gateway.service_levels.alerts import Alert, Message, Outbox, incident_alert, raise_alert
from gateway.service_levels.incidents import Incident
from gateway.settings import Settings, SettingsError
from gateway.ticking import ScriptedClock
from tests.workshop import KEY, Workshop

SECRET = b"a secret of the alerts, 32 bytes"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STALE = Alert("refresh.failed", "stock", "failed", {"run": "r1", "outcome": "failed"})


@dataclass
class Receiver:
    """A real little server: answers with `statuses` one after the other, then 204; keeps what came."""

    statuses: list[int] = field(default_factory=list)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(body) for _, body in self.came]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.came.append(({name.lower(): text for name, text in self.headers.items()}, body))
            self.send_response(made.statuses.pop(0) if made.statuses else 204)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/hook?team=data"
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def clock() -> ScriptedClock:
    return ScriptedClock(NOON)


def settings(folder: Path, urls: str) -> Settings:
    secret = folder / "alerts.key"
    secret.write_bytes(SECRET + b"\n")
    return Settings(state=folder / "state", alert_urls=urls, alert_secret_file=secret)


def sender(given: Settings, clock: ScriptedClock) -> Sender:
    return Sender(given, clock, chance=lambda: 0.0)


def test_it_is_sent_again_ever_later_until_it_is_taken(
    tmp_path: Path, receiver: Receiver, clock: ScriptedClock
) -> None:
    given = settings(tmp_path, receiver.url)
    receiver.statuses = [500, 302]
    assert raise_alert(given, STALE, clock)
    work = sender(given, clock)
    assert (work.tick(), work.tick(), len(receiver.came)) == (0, 0, 1)
    clock.advance(timedelta(seconds=5))
    assert (work.tick(), len(receiver.came)) == (0, 2)
    clock.advance(timedelta(seconds=9))
    assert work.tick() == 0
    clock.advance(timedelta(seconds=1))
    assert (work.tick(), work.tick(), len(receiver.came)) == (1, 0, 3)
    assert {headers["webhook-id"] for headers, _ in receiver.came} == {receiver.came[0][0]["webhook-id"]}
    assert receiver.bodies()[-1] == {
        "type": "refresh.failed",
        "timestamp": "2026-03-01T12:00:00.000000Z",
        "data": {"product": "stock", "run": "r1", "outcome": "failed"},
    }


def test_a_receiver_can_tell_who_has_sent_it_and_when(tmp_path: Path, receiver: Receiver, clock: ScriptedClock) -> None:
    given = settings(tmp_path, receiver.url)
    raise_alert(given, STALE, clock)
    sender(given, clock).tick()
    ((headers, body),) = receiver.came
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60


def test_the_same_alert_is_raised_once_in_a_window(tmp_path: Path, receiver: Receiver, clock: ScriptedClock) -> None:
    given = settings(tmp_path, receiver.url)
    assert [raise_alert(given, STALE, clock) for _ in range(3)] == [True, False, False]
    assert raise_alert(given, Alert("refresh.failed", "stock", "killed"), clock)
    assert raise_alert(given, Alert("refresh.failed", "other", "failed"), clock)
    clock.advance(timedelta(hours=1, seconds=1))
    assert raise_alert(given, STALE, clock)
    sender(given, clock).tick()
    assert len(receiver.came) == 4


def test_what_waits_is_sent_after_a_restart_and_to_each_address(
    tmp_path: Path, receiver: Receiver, clock: ScriptedClock
) -> None:
    given = settings(tmp_path, f"{receiver.url}, {receiver.url}&second=1")
    receiver.statuses = [503]
    raise_alert(given, STALE, clock)
    assert sender(given, clock).tick() == 1
    clock.advance(timedelta(minutes=1))
    assert sender(given, clock).tick() == 1
    assert len(receiver.came) == 3
    assert Outbox(given.state).files() == []


def test_an_alert_is_given_up_in_the_end(
    tmp_path: Path, receiver: Receiver, clock: ScriptedClock, caplog: pytest.LogCaptureFixture
) -> None:
    given = settings(tmp_path, receiver.url)
    receiver.statuses = [410] * 100
    raise_alert(given, STALE, clock)
    work = sender(given, clock)
    with caplog.at_level(logging.ERROR):
        for _ in range(2 * ATTEMPTS):
            work.tick()
            clock.advance(timedelta(hours=1))
    assert len(receiver.came) == ATTEMPTS
    assert "given up" in caplog.text


def test_raising_waits_for_no_network_and_never_fails(
    tmp_path: Path, clock: ScriptedClock, caplog: pytest.LogCaptureFixture
) -> None:
    given = settings(tmp_path, "https://192.0.2.1/hook")
    assert raise_alert(given, STALE, clock)
    (given.state / "alerts" / "raised").unlink()
    for path in sorted((given.state / "alerts").iterdir()):
        path.unlink()
    (given.state / "alerts").rmdir()
    (given.state / "alerts").write_text("no folder")
    with caplog.at_level(logging.ERROR):
        assert not raise_alert(given, STALE, clock)
    assert "cannot be kept" in caplog.text


def test_what_could_not_be_kept_is_raised_again(
    tmp_path: Path, receiver: Receiver, clock: ScriptedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings(tmp_path, receiver.url)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "put", full)
        assert not raise_alert(given, STALE, clock)
    assert raise_alert(given, STALE, clock)
    assert len(Outbox(given.state).files()) == 1


def test_an_incident_is_told_when_it_opens_and_when_it_closes(
    tmp_path: Path, receiver: Receiver, clock: ScriptedClock
) -> None:
    given = settings(tmp_path, receiver.url)
    one = Incident(
        id="i1", product="stock", objective="freshness", port="", first_bad=NOON, opened=NOON, consumers=("person:ada",)
    )
    over = replace(one, recovered=NOON + timedelta(minutes=5), closed=NOON + timedelta(minutes=7))
    assert [incident_alert(given, "opened", one, clock) for _ in range(2)] == [True, False]
    assert incident_alert(given, "closed", over, clock)
    sender(given, clock).tick()
    opened, closed = sorted(receiver.bodies(), key=lambda body: str(body["type"]), reverse=True)
    assert (opened["type"], closed["type"]) == ("incident.opened", "incident.closed")
    assert closed["data"] | {"repair_s": 300.0, "incident": "i1"} == closed["data"]  # type: ignore[operator]
    assert b"ada" not in b"".join(body for _, body in receiver.came)


def test_without_an_address_nothing_is_kept(tmp_path: Path, clock: ScriptedClock) -> None:
    given = Settings(state=tmp_path / "state")
    assert not raise_alert(given, STALE, clock)
    assert not (given.state / "alerts").exists()


@pytest.mark.parametrize(
    "url",
    ["http://example.com/hook", "http://127.0.0.1@example.com/", "ftp://127.0.0.1/", "https://user:word@example.com/"],
)
def test_only_https_is_asked_beyond_this_machine(url: str) -> None:
    with pytest.raises(webhook.UndeliveredError, match="only https"):
        webhook.post(url, b"{}", "msg_1", 0, SECRET)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "127.0.0.1", "0.0.0.0", "::1", "::ffff:169.254.1.1", "224.0.0.1"]
)
def test_a_name_that_leads_to_this_machine_or_its_link_is_not_asked(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, asked = [address], list[tuple[str, int]]()

    def connect(at: tuple[str, int], **_: object) -> socket.socket:
        asked.append(at)
        raise ConnectionRefusedError

    monkeypatch.setattr(webhook.socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (one, 443)) for one in found])
    monkeypatch.setattr(webhook.socket, "create_connection", connect)
    for _ in range(2):
        with pytest.raises(webhook.UndeliveredError, match="cannot be reached"):
            webhook.post("https://hooks.example.com/x", b"{}", "msg_1", 0, SECRET)
        found.append("192.0.2.1")
    assert asked == [("192.0.2.1", 443)]


def test_alerts_need_a_secret(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="alert_secret_file"):
        Sender(Settings(state=tmp_path, alert_urls="https://hooks.example.com/x"))
    short = tmp_path / "short"
    short.write_text("short")
    with pytest.raises(SettingsError, match="24 bytes"):
        Sender(Settings(state=tmp_path, alert_urls="https://hooks.example.com/x", alert_secret_file=short))


def test_a_rule_that_does_not_hold_is_an_alert_without_a_value(tmp_path: Path, receiver: Receiver) -> None:
    secret = tmp_path / "alerts.key"
    secret.write_bytes(SECRET)
    shop = Workshop(tmp_path, alert_urls=receiver.url, alert_secret_file=secret)
    few = {"id": "few", "metric": "rowCount", "mustBeLessThan": 2, "dimension": "coverage", "severity": "warning"}
    shop.declare(
        "stock", {"items": {"id": KEY}}, data={"items": pa.table({"id": [7771, 7772]})}, quality={"items": [few]}
    )
    shop.publish("stock")
    Sender(shop.settings).tick()
    (body,) = receiver.bodies()
    assert body["type"] == "quality.failed"
    data = body["data"]
    assert isinstance(data, dict)
    assert (data["table"], data["rule"], data["severity"]) == ("items", "few", "warning")
    assert "value" not in data


def test_a_receiver_that_drips_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "STEP_S", 0.3)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:

        def drip() -> bool:
            """Whether nobody has waited for the last drop."""
            with server.accept()[0] as client:
                for _ in range(3_000):
                    try:
                        client.sendall(b"H")
                    except OSError:
                        return True
                    if over.wait(0.02):
                        return True
            return False

        dripped = threads.submit(drip)
        with pytest.raises(webhook.UndeliveredError, match="cannot be reached"):
            webhook.post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", "m", 1, SECRET)
        over.set()
        assert dripped.result()


def test_an_address_that_does_not_answer_holds_up_no_other(
    tmp_path: Path, receiver: Receiver, clock: ScriptedClock
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = f"http://127.0.0.1:{silent.getsockname()[1]}/hook"
        given = settings(tmp_path, f"{slow}, {receiver.url}")
        work = sender(given, clock)
        for number in range(3):
            raise_alert(given, Alert("refresh.failed", "stock", f"r{number}", {"run": f"r{number}"}), clock)
            work.begin()
            assert work._sending[receiver.url].result(20) == 1
        assert not work._sending[slow].done()
        assert [body["data"]["run"] for body in receiver.bodies()] == ["r0", "r1", "r2"]  # type: ignore[index]
        assert len(Outbox(given.state).files()) == 3, "those that wait for it"
    work.close()


def test_one_address_gets_what_is_due_in_order_and_after_a_failure_not_the_rest_at_once(
    tmp_path: Path, receiver: Receiver, clock: ScriptedClock
) -> None:
    given = settings(tmp_path, receiver.url)
    for number in range(3):
        raise_alert(given, Alert("refresh.failed", "stock", f"r{number}", {"run": f"r{number}"}), clock)
        clock.advance(timedelta(seconds=1))
    receiver.statuses = [204, 503]
    work = sender(given, clock)
    assert (work.tick(), len(receiver.came)) == (1, 2)
    assert (work.tick(), len(receiver.came)) == (1, 3)
    work.close()


def test_an_incident_s_alert_has_one_id_however_often_it_is_raised(
    tmp_path: Path, receiver: Receiver, clock: ScriptedClock
) -> None:
    given = settings(tmp_path, receiver.url)
    one = Incident(id="i1", product="stock", objective="o", port="", first_bad=NOON, opened=NOON)
    assert incident_alert(given, "opened", one, clock)
    assert not incident_alert(given, "opened", one, clock)
    sender(given, clock).tick()
    clock.advance(timedelta(days=1))
    assert incident_alert(given, "opened", one, clock)
    sender(given, clock).tick()
    assert len({headers["webhook-id"] for headers, _ in receiver.came}) == 1
    assert len(receiver.came) == 2


def test_an_alert_that_waits_for_its_time_is_read_once_until_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, read = Outbox(tmp_path), list[str]()
    with outbox.turn():
        for number in range(3):
            outbox.put(Message(f"msg_{number}", "http://receiver", "{}", f"2030-01-01T00:0{number}:00.000000Z"))
    held = Path.read_bytes

    def counted(path: Path) -> bytes:
        read.append(path.name[:5])
        return held(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    seen = [[one.id for one in outbox.due(f"2030-01-01T00:0{minute}:00.000000Z")] for minute in (0, 0, 1)]
    assert seen == [["msg_0"], ["msg_0"], ["msg_0", "msg_1"]]
    assert sorted(read) == ["msg_0", "msg_0", "msg_0", "msg_1", "msg_1", "msg_2"]
    # One that is put anew is another one.
    outbox.put(Message("msg_2", "http://receiver", "{}", "2030-01-01T00:00:30.000000Z"))
    assert "msg_2" in [one.id for one in outbox.due("2030-01-01T00:01:00.000000Z")]
