"""No value of a product, and no secret of its sources and alerts, stands in what its making leaves and commands say."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from gateway import Gateway, ticking
from gateway.access.identity import Directory
from gateway.access.keys import load
from gateway.contracts.contract import ContractError
from gateway.desks import scorecards
from gateway.publication.publish import publish
from gateway.publication.runs import Cause
from gateway.service_levels.alert_sender import Sender
from gateway.service_levels.slo_watch import Watch
from ports.http.server import HttpPort
from tests.ports.command.conftest import environ, invoke
from tests.workshop import KEY, Workshop, column

CANARY = "kanari"
SECRET = f"{CANARY}-secret-that-signs-alerts-00"
RULE = {"id": "words", "metric": "invalidValues", "arguments": {"pattern": "^[a-c]$"}, "mustBe": 0}
MANAGE = {"id": "keeper", "on": {"product": "*"}, "to": {"subject": "steward"}, "manage": True}
GRANT = {"id": "seen", "on": {"product": "*"}, "to": {"subject": "steward"}, "grant": {"columns": ["*"]}}
HIDE = {"id": "hidden", "on": {"product": "*"}, "to": {"subject": "steward"}, "hide": {"columns": ["note"]}}
ADDRESSES = ("plan", "refreshes", "quarantine", "quality", "slo", "feedback", "odcs", "odps", "openlineage")
COMMANDS = (
    ("plan",), ("get", "stock"), ("scorecard",), ("doctor",), ("refresh", "stock"), ("suggest", "note"),
    ("workspaces",), ("feedback", "list"), ("diff", "stock"), ("retire", "stock"), ("audit", "verify"),
    ("delete", "stock"),
)  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """A product that was published once, and whose next data breaks its contract with every value."""
    (tmp_path / "alerts.key").write_text(SECRET)
    made = Workshop(
        tmp_path,
        alert_urls=f"http://127.0.0.1:9/{CANARY}/path?token={CANARY}",
        alert_secret_file=tmp_path / "alerts.key",
    )
    made.allow(GRANT, HIDE, MANAGE)
    columns = {"id": KEY, "word": column("VARCHAR", quality=[RULE]), "note": column("VARCHAR"), "day": column("DATE")}
    note = [f"{CANARY}-note"]
    fit = pa.table({"id": [1], "word": ["a"], "note": note, "day": pa.array([0], pa.int32()).cast(pa.date32())})
    made.declare("stock", {"items": columns}, data={"items": fit})
    Directory(made.settings.principals, load(made.settings)).add("steward", "person", {}, "steward-secret")
    made.publish("stock")
    return made


UNFIT = {
    "words that break a rule": {"word": [f"{CANARY}-word"], "day": [None]},
    "words for days": {"word": ["a"], "day": [f"{CANARY}-day"]},
    "another column": {"word": ["a"], "day": [None], "more": [f"{CANARY}-more"]},
}


@pytest.mark.parametrize("kind", UNFIT)
def test_no_value_is_left_or_said_by_a_publication_that_is_refused(
    shop: Workshop, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    given = {"id": [1], "note": [f"{CANARY}-note"], **UNFIT[kind]}
    shop.fill("stock", "items", pa.table(given))
    said = ""
    with suppress(ContractError):
        try:
            publish(shop.settings, shop.settings.products / "stock", cause=Cause("schedule"))
        except ContractError as error:
            said = "\n".join(map(str, error.findings))
            raise
    Sender(shop.settings).tick()
    assert said or kind == "another column"
    assert CANARY not in said + caplog.text
    assert places(shop) == set()


def test_no_value_is_left_or_said_by_commands_and_addresses(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    environ(shop.settings, monkeypatch)
    monkeypatch.setenv("OUTPORT_ALERT_URLS", str(shop.settings.alert_urls))
    monkeypatch.setenv("OUTPORT_ALERT_SECRET_FILE", str(shop.settings.alert_secret_file))
    shop.fill("stock", "items", pa.table({"id": [1], "word": [f"{CANARY}-word"], "note": ["b"], "day": [None]}))
    gateway = Gateway(shop.settings)
    Watch(shop.settings.state, lambda: gateway.pin().deployment).look()
    now = ticking.MACHINE.now()
    scorecards.keep(shop.settings, scorecards.made(shop.settings, gateway.pin().deployment, now), now)
    port = HttpPort(gateway)
    port.start()
    base = f"http://127.0.0.1:{port.address[1]}"
    said = []
    for verb in ADDRESSES:
        answer = httpx.get(f"{base}/products/stock/-/{verb}", auth=("steward", "steward-secret"), timeout=60)
        said += [answer.text, *answer.headers.values()]
    port.stop()
    gateway.close()
    for words in (("backup", str(tmp_path / "kept.tar")), *COMMANDS):
        answer = invoke(*words)
        said += [answer.stdout, answer.stderr]
    assert CANARY not in "\n".join(said) + caplog.text
    assert places(shop) == set()


def places(shop: Workshop) -> set[str]:
    """The files of the state in which a canary stands, but for snapshots and, of an alert that waits, its address."""
    found = set()
    for path in shop.settings.state.rglob("*"):
        if path.is_file() and "snapshots" not in path.parts:
            text = path.read_bytes().replace(str(shop.settings.alert_urls).encode(), b"")
            found |= {str(path)} if CANARY.encode() in text else set()
    return found
