"""`outport audit`: verify, find and head as an auditor runs them; each look is itself on record."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from gateway import Gateway, GatewayError, Query
from gateway.access.keys import load
from gateway.accounting.audit import of
from gateway.accounting.observe import MetadataRead
from gateway.settings import Settings
from tests.conftest import World, password
from tests.ports.command.conftest import environ, invoke

LOOKUP = "SELECT email FROM shop.customers WHERE customer_id = 4"


@pytest.fixture(scope="module")
def evidence(world: World, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The world with an audit of its own: an analyst and a steward have asked."""
    state = tmp_path_factory.mktemp("state")
    for one in world.settings.state.iterdir():
        if one.name != "audit":
            (state / one.name).symlink_to(one)
    settings = world.settings.model_copy(update={"state": state})
    gateway = Gateway(settings)
    for subject, port, text in (
        ("analyst", "rest", LOOKUP),
        ("analyst", "postgres", "SELECT pay FROM hr.salaries"),
        ("steward", "flightsql", "SELECT sum(pay) FROM hr.salaries"),
        ("steward", "rest", LOOKUP),
    ):
        with suppress(GatewayError), gateway.answer(gateway.open(password(subject), port), Query(text)) as result:
            list(result.batches())
    gateway.close()
    return settings


@pytest.fixture
def asked(evidence: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """That, for one test alone."""
    state = tmp_path / "state"
    shutil.copytree(evidence.state, state, symlinks=True)
    settings = evidence.model_copy(update={"state": state})
    environ(settings, monkeypatch)
    return settings


def found(*words: str) -> list[dict[str, object]]:
    answer = invoke("audit", "find", "--json", *words)
    assert answer.exit_code == 0
    return [json.loads(line) for line in answer.stdout.splitlines()]


def test_a_deployment_that_nobody_has_touched_is_whole(asked: Settings) -> None:
    answer = invoke("audit", "verify")
    assert answer.exit_code == 0, answer.stdout
    assert all(line.startswith("whole") for line in answer.stdout.splitlines())
    reports = [json.loads(line) for line in invoke("audit", "verify", "--json").stdout.splitlines()]
    assert [report["whole"] for report in reports] == [True] * 3  # the server's, and one of each look


def test_an_edited_line_is_named_with_its_file_and_ends_in_exit_code_1(asked: Settings) -> None:
    (path,) = asked.audit.glob("*.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines, 1) if "query_answered" in line)
    lines[place - 1] = lines[place - 1].replace('"subject":"analyst"', '"subject":"steward"')
    path.write_text("".join(lines))
    answer = invoke("audit", "verify")
    assert answer.exit_code == 1
    assert f"error  {path.name}:{place}: " in answer.stdout
    assert "SEAL BROKEN" in invoke("audit", "find", "--subject", "steward").stdout


def test_an_exported_head_proves_that_an_end_was_cut(asked: Settings, tmp_path: Path) -> None:
    heads = tmp_path / "heads.txt"
    heads.write_text(invoke("audit", "head").stdout)
    assert invoke("audit", "verify", "--heads", str(heads)).exit_code == 0
    path = min(asked.audit.glob("*.jsonl"))
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    answer = invoke("audit", "verify", "--heads", str(heads))
    assert answer.exit_code == 1
    assert "its end was cut" in answer.stdout
    (tmp_path / "empty.txt").write_text("nothing")
    assert invoke("audit", "verify", "--heads", str(tmp_path / "empty.txt")).exit_code == 1


def test_a_copy_elsewhere_can_be_verified(asked: Settings, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in asked.audit.glob("*.jsonl"):
        (copy / path.name).write_bytes(path.read_bytes())
    answer = invoke("audit", "verify", "--folder", str(copy))
    assert (answer.exit_code, len(answer.stdout.splitlines())) == (0, 1)
    assert invoke("audit", "verify", "--folder", str(tmp_path / "nowhere")).exit_code == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--subject", "analyst"), {("analyst", "rest"), ("analyst", "postgres")}),
        (("--product", "hr"), {("steward", "flightsql")}),
        (("--product", "HR", "--event", "query_answered"), {("steward", "flightsql")}),
        (("--column", "shop.customers.email"), {("analyst", "rest"), ("steward", "rest")}),
        (("--column", "shop.customers", "--subject", "steward"), {("steward", "rest")}),
        (("--column", "shop.customers.salary"), {("steward", "rest")}),
        (("--column", "shop.customer"), set()),
        (("--rule", "mail"), {("analyst", "rest")}),
        (("--outcome", "refused"), {("analyst", "postgres")}),
        (("--outcome", "not_found"), {("analyst", "postgres")}),
        (("--outcome", "answered", "--since", "1h", "--subject", "analyst"), {("analyst", "rest")}),
        (("--outcome", "answered", "--until", "2020-01-01"), set()),
        (("--on-behalf-of", "anybody"), set()),
        (("--query-id", "nothing"), set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_records_are_found_by(asked: Settings, words: tuple[str, ...], expected: set[tuple[str, str]]) -> None:
    hits = [hit for hit in found(*words) if hit["event"] != "snapshot_served"]
    assert {(hit["subject"], hit["port"]) for hit in hits} == expected
    assert all(hit["sealed"] for hit in hits)


def test_one_query_is_found_by_its_id_and_shown_as_a_table(asked: Settings) -> None:
    (hit, *_) = found("--subject", "steward", "--product", "hr")
    answer = invoke("audit", "find", "--query-id", str(hit["query_id"]))
    assert answer.stderr == "1 records\n"
    assert str(hit["query_id"]) in answer.stdout
    assert f"{hit['file']}:{hit['line']}" in answer.stdout
    assert "flightsql" in answer.stdout


def test_the_last_records_are_shown_and_the_number_of_all(asked: Settings) -> None:
    answer = invoke("audit", "find", "--outcome", "answered", "--limit", "2")
    assert answer.stderr == "3 records, the last 2 shown\n"
    assert answer.stdout.count("query_answered") == 2


def test_records_of_several_processes_are_shown_in_the_order_of_time(asked: Settings) -> None:
    first, second = Gateway(asked), Gateway(asked)
    for subject, gateway in (("clerk", first), ("ml", second), ("lost-clerk", first), ("stranger", second)):
        with suppress(GatewayError), gateway.answer(gateway.open(password(subject), "rest"), Query(LOOKUP)):
            pass
    for gateway in (first, second):
        gateway.close()
    lines = [line for line in invoke("audit", "find").stdout.splitlines() if "query_" in line]
    times = [next(word for word in line.split() if word.endswith("Z")) for line in lines]
    assert len(times) >= 6
    assert times == sorted(times)
    assert len({line.split("-")[-2] for line in lines}) == 3  # chains


def test_who_asked_on_whose_behalf_is_found(asked: Settings) -> None:
    chain = of(asked, load(asked))
    chain.record(MetadataRead(subject="bi", port="postgres", purpose=None, products=("shop",), on_behalf_of="ann"))
    chain.close()
    (hit,) = found("--on-behalf-of", "ann")
    assert (hit["subject"], hit["sealed"]) == ("bi", True)
    assert "bi for ann" in invoke("audit", "find", "--on-behalf-of", "ann").stdout


def test_a_look_into_the_audit_is_in_the_audit(asked: Settings) -> None:
    found("--subject", "analyst", "--since", "2026-01-01")
    invoke("audit", "verify")
    invoke("audit", "head")
    looks = found("--event", "audit_read")
    assert [look["action"] for look in looks] == ["find", "verify", "head", "find"]
    assert looks[0]["filters"] == ["subject=analyst", "since=2026-01-01 00:00:00+00:00"]
    assert looks[0]["reader"]


def test_without_a_record_of_it_nobody_looks_unless_that_is_set(
    asked: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = asked.audit.rename(tmp_path / "copy")
    asked.audit.write_text("")
    assert invoke("audit", "find", "--folder", str(copy)).exit_code == 1
    monkeypatch.setenv("OUTPORT_AUDIT_REQUIRED", "false")
    answer = invoke("audit", "find", "--folder", str(copy))
    assert answer.exit_code == 0
    assert "not recorded" in answer.stderr


def test_a_time_that_is_none_is_said(asked: Settings) -> None:
    answer = invoke("audit", "find", "--since", "yesterday")
    assert answer.exit_code == 1
    assert "yesterday is no time" in answer.stderr
