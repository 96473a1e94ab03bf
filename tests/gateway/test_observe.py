"""The audit: every record whole, none with a literal, and nothing answered that could not be recorded."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.decision import ColumnUse
from gateway.errors import Unavailable
from gateway.observe import (
    STATEMENT_LIMIT,
    Audit,
    MetadataRead,
    Observation,
    PolicyLoaded,
    PolicyRefused,
    QueryAnswered,
    QueryRefused,
    Refused,
    SignInFailed,
    stripped,
)

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


def records(audit: Audit) -> list[dict[str, object]]:
    return [json.loads(line) for line in audit.path.read_text().splitlines()]


def test_a_record_says_who_what_by_which_rule_and_how_it_ended(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit")
    audit.record(ANSWERED)
    (record,) = records(audit)
    assert record.pop("time").endswith("Z")
    assert record == {
        "on_behalf_of": None,
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
    ],
    ids=lambda observation: type(observation).__name__,
)
def test_every_kind_of_record_is_one_line(tmp_path: Path, observation: Observation) -> None:
    audit = Audit(tmp_path)
    audit.record(observation)
    audit.record(observation)
    assert len(records(audit)) == 2


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit")
    assert stat.S_IMODE(audit.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(audit.path.parent.stat().st_mode) == 0o700


def test_records_of_many_threads_do_not_mix(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    threads = [threading.Thread(target=lambda: [audit.record(ANSWERED) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(records(audit)) == 400


def test_what_cannot_be_recorded_is_unavailable(tmp_path: Path) -> None:
    audit = Audit(tmp_path)
    audit.close()
    with pytest.raises(Unavailable):
        audit.record(ANSWERED)
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        Audit(tmp_path / "file" / "audit")


def test_a_disk_that_fills_up_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = Audit(tmp_path)
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:20]))
    with pytest.raises(Unavailable):
        audit.record(ANSWERED)
    monkeypatch.undo()
    audit.record(ANSWERED)
    assert len(records(audit)) == 1


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 'a''b', 1, 1.5e-3, .5, 0xff FROM t1 WHERE c2 = $1", "SELECT ?, ?, ?, ?, ? FROM t1 WHERE c2 = $1"),
        ("SELECT E'x', $$a 'b' c$$, $tag$ secret $tag$ -- secret", "SELECT ?, ?, ?"),
        ('SELECT "plain", "Jane Doe", "a""b" /* secret */ FROM x', 'SELECT "plain", "?", "?"  FROM x'),
        ("SELECT 'never ends", "SELECT ?"),
        ("SELECT Jané, ?", "SELECT ?, ?"),
        (r"SELECT E'a\'canary', 'b\', 1", "SELECT ?, ?, ?"),
        ("SELECT /* a /* b */ canary */ 1", "SELECT"),
        ("SELECT $name, [1, 2]", "SELECT $name, [?, ?]"),
    ],
)
def test_a_statement_keeps_its_shape_and_loses_its_literals(statement: str, expected: str) -> None:
    assert " ".join(stripped(statement).split()) == " ".join(expected.split())


@given(st.text(alphabet="ab1 '\"$-/*;é.\n?"))
def test_stripping_never_keeps_what_stands_in_quotes(noise: str) -> None:
    inside = noise.replace("'", "''")
    assert "canary" not in stripped(f"SELECT '{inside}canary'")
    assert len(stripped(noise * 100)) <= STATEMENT_LIMIT
