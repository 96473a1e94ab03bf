"""Feedback: kept for the stewards of a product, by whoever may see it, and not without end."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway import Gateway
from gateway.settings import Settings
from tests.conftest import build
from tests.demo import BIN
from tests.doors import Refusal
from tests.mcp_door import McpDoor, text
from tests.ports.command.test_serve import variables

STEWARDS = """
- id: watch
  to: {role: steward}
  simulate: {for: {role: [analyst, clerk]}}
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = build(tmp_path_factory.mktemp("feedback"))
    (made.policies / "stewards.yaml").write_text(STEWARDS)
    return made.model_copy(update={"feedback_hourly": 3})


@pytest.fixture(scope="module")
def mcp(settings: Settings) -> Iterator[McpDoor]:
    gateway = Gateway(settings)
    opened = McpDoor(gateway)
    yield opened
    opened.close()
    gateway.close()


def read(mcp: McpDoor, subject: str, product: str = "shop") -> httpx.Response:
    base = mcp.url.removesuffix("/mcp")
    return httpx.get(f"{base}/products/{product}/-/feedback", auth=(subject, f"{subject}-secret"), timeout=60)


def test_feedback_is_read_by_its_writer_and_by_stewards_alone(mcp: McpDoor, settings: Settings, tmp_path: Path) -> None:
    said = "Is amount with tax?\x1b[2J\u202e"
    kept = mcp.ask("analyst", "report_feedback", product="shop", text=said, kind="question", rating=4)
    mcp.ask("ml", "report_feedback", product="shop", text="No weekday")
    (seen,) = read(mcp, "analyst").json()["data"]
    assert seen["id"] == kept["id"]
    assert (seen["text"], seen["kind"], seen["rating"]) == ("Is amount with tax? [2J", "question", 4)
    assert (seen["subject"], seen["product"], seen["port"]) == ("analyst", "shop", "mcp")
    assert seen["snapshot"]
    # The steward may look into the analyst's access, and into nobody's of ml.
    assert [one["subject"] for one in read(mcp, "steward").json()["data"]] == ["analyst"]
    assert read(mcp, "clerk").json()["data"] == []
    assert read(mcp, "stranger").status_code == 404

    listed = subprocess.run(
        [BIN / "outport", "feedback", "list", "shop", "--json"],
        env=variables(settings), capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path,
    ).stdout  # fmt: skip
    assert [json.loads(line)["subject"] for line in listed.splitlines()] == ["ml", "analyst"]

    lines = [line for file in settings.audit.glob("*.jsonl") for line in file.read_text().splitlines()]
    events = [one for one in map(json.loads, lines) if one["event"].startswith("feedback")]
    assert {one["event"] for one in events} == {"feedback_given", "feedback_read"}
    assert "tax" not in json.dumps(events)
    assert any(one["subject"].startswith("account:") for one in events)


def test_nobody_gives_feedback_without_end(mcp: McpDoor) -> None:
    for _ in range(3):
        mcp.ask("clerk", "report_feedback", product="shop", text="again", kind="praise")
    with pytest.raises(Refusal, match="at most 3 are taken"):
        mcp.ask("clerk", "report_feedback", product="shop", text="again", kind="praise")
    assert len(read(mcp, "clerk").json()["data"]) == 3


@pytest.mark.parametrize(
    "wrong", [{"text": ""}, {"text": "x" * 2001}, {"rating": 6}, {"kind": "rant"}, {"text": "\x1b"}]
)
def test_feedback_has_its_form(mcp: McpDoor, wrong: dict[str, object]) -> None:
    with pytest.raises(Refusal) as refusal:
        mcp.ask("steward", "report_feedback", **{"product": "shop", "text": "x", **wrong})
    assert refusal.value.code == "bad_query"


def test_of_what_is_not_visible_there_is_nothing_to_say(mcp: McpDoor) -> None:
    unseen, unknown = (
        text(mcp.call("analyst", "report_feedback", product=name, text="x")).partition("error_id")[0]
        for name in ("hr", "no")
    )
    assert unseen.replace("hr", "no") == unknown
    assert unseen.startswith("error not_found")


def test_a_file_of_feedback_is_bounded_and_a_cut_line_spoils_no_other(
    settings: Settings, mcp: McpDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = settings.feedback / "hr.jsonl"
    file.write_text('{"id": "cut')
    mcp.ask("steward", "report_feedback", product="hr", text="whole")
    assert [one["text"] for one in read(mcp, "steward", "hr").json()["data"]] == ["whole"]
    monkeypatch.setattr("gateway.desks.feedback.FILE_BYTES", 500)
    for word in ("second", "third"):
        mcp.ask("steward", "report_feedback", product="hr", text=word)
    assert all(one.stat().st_size <= 500 for one in settings.feedback.glob("hr*.jsonl"))
    assert read(mcp, "steward", "hr").json()["data"][0]["text"] == "third"
