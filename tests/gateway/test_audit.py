"""The audit: every record whole and sealed, in a chain over files; nothing answered that could not be recorded."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway, Password, Query, Session
from gateway.accounting.audit import Audit, Filing
from gateway.accounting.audit_chain import Seal
from gateway.accounting.audit_find import Search, find
from gateway.accounting.audit_verify import FileReport, verify
from gateway.accounting.observe import (
    AuditRead,
    BreakAllowed,
    MetadataRead,
    Observation,
    PolicyLoaded,
    PolicyRefused,
    ProductManaged,
    QueryAnswered,
    QueryRefused,
    Refused,
    SignInFailed,
)
from gateway.decision import ColumnUse
from gateway.errors import Unavailable
from tests.conftest import World

KEY = b"a key of the tests, 32 bytes long"
FILING = Filing(1 << 28, True, 0)
ANSWERED = QueryAnswered(
    query_id="q-1",
    subject="analyst",
    port="rest",
    purpose="bi",
    products=("customer_360@1.0.0/s-1",),
    columns=(ColumnUse("customer_360.customers.email", "partial"),),
    rules=("analyst-read", "pii"),
    statement="SELECT ?",
    rows=3,
    bytes=120,
    elapsed_ms=1.5,
    outcome="failed",
    refused=Refused("timeout", "compute", "e-1"),
)


def chain(folder: Path, filing: Filing = FILING) -> Audit:
    return Audit(folder, KEY, filing)


def written(folder: Path) -> list[dict[str, Any]]:
    """Every line of the folder's files, in their order."""
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


def records(folder: Path) -> list[dict[str, Any]]:
    """The lines that are no chain's own."""
    return [line for line in written(folder) if not line["event"].startswith("audit_") or line["event"] == "audit_read"]


def reports(folder: Path) -> list[FileReport]:
    return list(verify(folder, [Seal(KEY)]))


def whole(folder: Path) -> bool:
    return all(report.whole for report in reports(folder))


def test_a_record_says_who_what_by_which_rule_and_how_it_ended(tmp_path: Path) -> None:
    audit = chain(tmp_path / "audit")
    audit.record(ANSWERED)
    (record,) = records(tmp_path / "audit")
    assert record.pop("time").endswith("Z")
    assert record.pop("seq") == 2
    assert {len(record.pop("previous")), len(record.pop("seal"))} == {32}
    assert record == {
        "on_behalf_of": None,
        "tool": None,
        "event": "query_answered",
        "query_id": "q-1",
        "subject": "analyst",
        "port": "rest",
        "purpose": "bi",
        "products": ["customer_360@1.0.0/s-1"],
        "columns": [{"column": "customer_360.customers.email", "treatment": "partial"}],
        "rules": ["analyst-read", "pii"],
        "statement": "SELECT ?",
        "rows": 3,
        "bytes": 120,
        "elapsed_ms": 1.5,
        "kind": "",
        "first_ms": 0.0,
        "computed_ms": 0.0,
        "cpu_ms": 0.0,
        "outcome": "failed",
        "refused": {"code": "timeout", "reason": "compute", "error_id": "e-1"},
    }


@pytest.mark.parametrize(
    "observation",
    [
        QueryRefused(query_id="q", subject="a", port="rest", purpose=None, refused=Refused("bad_query", "syntax", "e")),
        MetadataRead(subject="line\nbreak \ud800 \x00", port="rest", purpose=None, products=()),
        SignInFailed(port="flightsql", reason="wrong", error_id="e"),
        PolicyLoaded("v"),
        PolicyRefused("v", 3),
        ProductManaged(subject="a", port="rest", purpose=None, products=("p",), action="retire", reason="Zoë"),
        BreakAllowed(subject="account:a", products=("p@1.0.1/s",), replaced="p@1.0.0/r", breaks=("t.c",), reason="Zoë"),
        AuditRead("root", "find", ("subject=Zoë",)),
    ],
    ids=lambda observation: type(observation).__name__,
)
def test_every_kind_of_record_is_one_line_that_holds(tmp_path: Path, observation: Observation) -> None:
    audit = chain(tmp_path)
    audit.record(observation)
    audit.record(observation)
    audit.close()
    assert len(records(tmp_path)) == 2
    assert whole(tmp_path)


def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    audit = chain(tmp_path / "audit")
    audit.open()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "audit").iterdir()} == {0o600}
    assert stat.S_IMODE(audit.path.parent.stat().st_mode) == 0o700


def test_records_of_many_threads_do_not_mix_and_are_one_chain(tmp_path: Path) -> None:
    audit = chain(tmp_path)
    threads = [threading.Thread(target=lambda: [audit.record(ANSWERED) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(records(tmp_path)) == 400
    assert [line["seq"] for line in written(tmp_path)] == list(range(1, 402))
    assert whole(tmp_path)


def test_a_chain_opens_with_who_writes_it_and_where_the_one_before_stood(tmp_path: Path) -> None:
    first, second = chain(tmp_path), chain(tmp_path)
    first.record(ANSWERED)
    head = first.head
    second.open()
    first.record(ANSWERED)
    opened = [line for line in written(tmp_path) if line["event"] == "audit_opened"]
    assert [(one["chain"], one["file"], one["process"]) for one in opened] == [
        (first.head.chain, 1, os.getpid()),
        (second.head.chain, 1, os.getpid()),
    ]
    assert opened[0]["before"] is None
    assert opened[1]["before"] == {"chain": head.chain, "seq": 2, "seal": head.seal}
    assert whole(tmp_path)


def test_a_full_file_is_followed_by_another_of_the_same_chain(tmp_path: Path) -> None:
    audit = chain(tmp_path, Filing(2_000, True, 0))
    for _ in range(20):
        audit.record(ANSWERED)
    audit.close()
    sizes = [path.stat().st_size for path in tmp_path.glob("*.jsonl")]
    assert len(sizes) > 5
    assert max(sizes) < 3_000
    assert [line["seq"] for line in written(tmp_path)] == list(range(1, audit.head.seq + 1))
    assert [report.state for report in reports(tmp_path)] == ["continued"] * (len(sizes) - 1) + ["closed"]
    assert whole(tmp_path)


def test_a_new_day_begins_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    daily, other = chain(tmp_path / "daily"), chain(tmp_path / "other", Filing(1 << 28, False, 0))
    now = time.time()
    for audit in (daily, other):
        audit.record(ANSWERED)
    monkeypatch.setattr("gateway.accounting.audit.time.time", lambda: now + 86_400)
    for audit in (daily, other):
        audit.record(ANSWERED)
    assert [len(list((tmp_path / name).glob("*.jsonl"))) for name in ("daily", "other")] == [2, 1]
    assert whole(tmp_path / "daily")


def test_the_log_tells_the_head(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "outport.audit")
    audit = chain(tmp_path, Filing(1 << 28, True, 1e-9))
    audit.record(ANSWERED)
    assert f"audit head {audit.head}" in caplog.text


def test_what_cannot_be_recorded_is_unavailable(tmp_path: Path) -> None:
    audit = chain(tmp_path)
    audit.open()
    audit.close()
    with pytest.raises(Unavailable):
        audit.record(ANSWERED)
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        chain(tmp_path / "file" / "audit").open()


def test_a_disk_that_fills_up_leaves_no_half_record_and_a_word_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = chain(tmp_path)
    audit.open()
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:20]))
    for _ in range(3):
        with pytest.raises(Unavailable):
            audit.record(ANSWERED)
    monkeypatch.undo()
    audit.record(ANSWERED)
    audit.close()
    assert [(line["event"], line.get("lost")) for line in written(tmp_path)] == [
        ("audit_opened", None),
        ("audit_gap", 3),
        ("query_answered", None),
        ("audit_closed", None),
    ]
    (report,) = reports(tmp_path)
    assert [one.kind for one in report.findings] == ["gap"]
    assert report.whole


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_disk_that_fills_up_at_the_turn_of_a_file_breaks_no_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Each of the three writes of the turn fails once: the old file's last line, the new one's first, the record."""
    write, calls = os.write, iter(range(100))
    audit = chain(tmp_path, Filing(500, True, 0))
    audit.record(ANSWERED)
    monkeypatch.setattr(os, "write", lambda to, line: write(to, line[: 20 if next(calls) == failing else None]))
    with pytest.raises(Unavailable):
        audit.record(ANSWERED)
    monkeypatch.undo()
    audit.record(ANSWERED)
    audit.close()
    assert [line["seq"] for line in written(tmp_path)] == list(range(1, audit.head.seq + 1))
    assert whole(tmp_path)


WRITER = """
import sys
from pathlib import Path
from tests.gateway.test_audit import ANSWERED, chain
audit = chain(Path(sys.argv[1]))
while True:
    audit.record(ANSWERED)
    print(audit.head.seq, flush=True)
"""


def test_a_process_that_is_killed_loses_nothing_that_it_has_recorded(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    with writer:
        said = [int(writer.stdout.readline()) for _ in range(100)]
        writer.send_signal(signal.SIGSTOP)  # whoever reads while a line is written may see half of it
        (report,) = reports(tmp_path)
        assert report.state == "running"
        writer.kill()
        said += [int(line) for line in writer.stdout]
    (report,) = reports(tmp_path)
    assert report.whole
    assert report.last >= said[-1]
    assert [one.kind for one in report.findings] in (["ended"], ["torn"])


@pytest.fixture
def small(world: World, tmp_path: Path) -> Path:
    """The world's state with an audit folder that is a file: nothing can be written there."""
    state = tmp_path / "state"
    state.mkdir()
    for one in world.settings.state.iterdir():
        if one.name != "audit":
            (state / one.name).symlink_to(one)
    (state / "audit").write_text("")
    return state


def opened(gateway: Gateway) -> Session:
    return gateway.open(Password("steward", "steward-secret"), "rest")


def ask(gateway: Gateway) -> int:
    with gateway.answer(opened(gateway), Query("SELECT order_id FROM shop.orders LIMIT 7")) as result:
        return sum(batch.num_rows for batch in result.batches())


def test_without_an_audit_a_gateway_does_not_start_unless_that_is_set(world: World, small: Path) -> None:
    settings = world.settings.model_copy(update={"state": small})
    with pytest.raises(Unavailable):
        Gateway(settings)
    gateway = Gateway(settings.model_copy(update={"audit_required": False}))
    try:
        assert ask(gateway) == 7
        text = gateway.metrics.exposition("").body.decode()
        assert "outport_audit_failures_total 0" not in text
        (small / "audit").unlink()
        assert ask(gateway) == 7
    finally:
        gateway.close()
    (gap,) = [line for line in written(small / "audit") if line["event"] == "audit_gap"]
    assert gap["lost"] >= 1
    assert [line["event"] for line in records(small / "audit")][-1] == "query_answered"


FULL = """
import resource, sys
from pathlib import Path
from gateway import Gateway, GatewayError
from gateway.settings import Settings
from tests.gateway.test_audit import ask
settings = Settings.model_validate_json(Path(sys.argv[1]).read_text())
settings = settings.model_copy(update={"audit_required": sys.argv[2] == "required"})
gateway = Gateway(settings)
ask(gateway)
resource.setrlimit(resource.RLIMIT_FSIZE, (gateway._audit._audit.path.stat().st_size + 700, resource.RLIM_INFINITY))
for _ in range(4):
    try:
        print("answered", ask(gateway))
    except GatewayError as error:
        print("refused", error.code, error.reason)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print("answered", ask(gateway))
gateway.close()
"""


@pytest.mark.parametrize("required", [True, False])
def test_a_disk_that_is_full_refuses_queries_by_setting(world: World, tmp_path: Path, required: bool) -> None:
    state = tmp_path / "state"
    (tmp_path / "settings.json").write_text(json.dumps(own_audit(world, state)))
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    words = [sys.executable, "-c", FULL, str(tmp_path / "settings.json"), "required" if required else "optional"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60)
    said = ran.stdout.splitlines()
    assert ran.returncode == 0, ran.stderr
    assert ("refused unavailable audit" in said) == required
    assert said[-1] == "answered 7"
    assert ran.stderr.count("the audit cannot be written") == 1
    assert whole_under(world, state / "audit")


ROWS_OR_NOTHING = """
import os, resource, signal, sys
from pathlib import Path
from gateway import Gateway, GatewayError, Query
from gateway.settings import Settings
from tests.gateway.test_audit import opened
gateway = Gateway(Settings.model_validate_json(Path(sys.argv[1]).read_text()))
session = opened(gateway)
if sys.argv[2] == "full":
    size = gateway._audit._audit.path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 64, resource.RLIM_INFINITY))
seen = 0
try:
    with gateway.answer(session, Query(sys.argv[3]), batch_rows=1) as result:
        for batch in result.batches():
            seen += batch.num_rows
            if sys.argv[2] == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
except GatewayError as error:
    print(seen, error.code, error.reason)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
gateway.close()
"""


def rows_or_nothing(world: World, tmp_path: Path, how: str, text: str) -> subprocess.CompletedProcess[str]:
    """One question to a gateway of its own, whose disk is full, or whose process is killed at its first row."""
    (tmp_path / "settings.json").write_text(json.dumps(own_audit(world, tmp_path / "state")))
    words = [sys.executable, "-c", ROWS_OR_NOTHING, str(tmp_path / "settings.json"), how, text]
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT order_id FROM shop.orders LIMIT 7",
        "SELECT order_id FROM shop.orders WHERE order_id = 1",
        "SELECT count(*) FROM shop.orders",
    ],
)
def test_no_row_leaves_before_its_record_is_on_a_full_disk(world: World, tmp_path: Path, text: str) -> None:
    ran = rows_or_nothing(world, tmp_path, "full", text)
    assert ran.stdout.splitlines() == ["0 unavailable audit"], ran.stderr


def test_an_answer_whose_process_is_killed_is_on_record(world: World, tmp_path: Path) -> None:
    ran = rows_or_nothing(world, tmp_path, "killed", "SELECT order_id FROM shop.orders")
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    (begun,) = [line for line in records(tmp_path / "state" / "audit") if line["event"].startswith("query_")]
    assert (begun["event"], begun["subject"]) == ("query_begun", "steward")
    assert any(one["column"] == "shop.orders.order_id" for one in begun["columns"])
    assert whole_under(world, tmp_path / "state" / "audit")
    unfinished = find(tmp_path / "state" / "audit", Search(outcome="unfinished", product="shop"), ())
    assert [hit.fields["query_id"] for hit in unfinished] == [begun["query_id"]]


def test_what_had_begun_and_ended_is_told_by_one_id(world: World, tmp_path: Path) -> None:
    settings = world.settings.model_copy(update={"state": Path(own_audit(world, tmp_path / "state")["state"])})
    gateway = Gateway(settings)
    try:
        ask(gateway)
    finally:
        gateway.close()
    begun, ended = (line for line in records(tmp_path / "state" / "audit") if line["event"].startswith("query_"))
    assert [begun["event"], ended["event"]] == ["query_begun", "query_answered"]
    same = ("query_id", "subject", "port", "products", "columns", "rules", "statement")
    assert [begun[name] for name in same] == [ended[name] for name in same]
    (hit,) = find(tmp_path / "state" / "audit", Search(subject="steward"), ())
    assert hit.fields["event"] == "query_answered"


def own_audit(world: World, state: Path) -> dict[str, Any]:
    """The world's settings over its state, but for an audit of its own under `state`."""
    state.mkdir()
    for one in world.settings.state.iterdir():
        if one.name != "audit":
            (state / one.name).symlink_to(one)
    settings: dict[str, Any] = json.loads(world.settings.model_dump_json()) | {"state": str(state)}
    assert world.settings.secret_key is not None
    settings["secret_key"] = world.settings.secret_key.get_secret_value()
    return settings


def whole_under(world: World, folder: Path) -> bool:
    from gateway.access import keys
    from gateway.accounting import audit

    return all(report.whole for report in verify(folder, audit.seals(keys.load(world.settings))))
