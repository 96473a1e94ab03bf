"""The playground: governed SQL, measures and GraphQL by a form; refusals with their place; nothing is kept."""

from __future__ import annotations

import html
import json
import shlex
from types import SimpleNamespace
from typing import Any

import httpx
import pyarrow as pa
import pytest

from ports.hub import answers
from tests.ports.hub import reading
from tests.ports.hub.conftest import Visit
from tests.ports.hub.shelf import XSS
from tests.ports.hub.test_talk import given

PATH = "/hub/-/playground"


def ask(client: httpx.Client, kind: str, **asked: str) -> httpx.Response:
    return client.post(PATH, data=given(client.get(PATH).text, kind=kind, **asked))


@pytest.mark.parametrize("kind", ["sql", "measures", "graphql"])
def test_the_first_question_works_as_it_stands(visit: Visit, kind: str) -> None:
    client = visit("analyst")
    page = reading.read(client.get(f"{PATH}?kind={kind}").text)
    assert page.of("main")[0].text.startswith("Playground")
    texts = [one.text for one in page.of("textarea") if one.attributes["name"] == "text"]
    asked = {"text": texts[0]} if texts else {"product": "report", "measure": "reports.takings", "by": "kind"}
    told = ask(client, kind, **asked)
    assert told.status_code == 200
    assert told.headers["cache-control"] == "no-store"
    assert "secret" not in reading.read(told.text).text


def test_an_answer_is_a_table_and_a_drawing(visit: Visit) -> None:
    told = ask(visit("analyst"), "measures", product="report", measure="reports.takings", by="kind")
    assert 'aria-label="takings by kind"' in told.text
    assert "k***" in reading.read(told.text).text
    assert told.text.count("<rect") == 2


def test_a_policy_holds_here_too(visit: Visit) -> None:
    text = "SELECT kind, secret FROM source.items WHERE item_id = 3"
    assert "CANARY-3" in ask(visit("steward"), "sql", text=text).text
    told = ask(visit("analyst"), "sql", text=text)
    assert told.status_code == 400
    assert "CANARY" not in told.text


def test_a_refusal_tells_its_place_in_the_text(visit: Visit) -> None:
    told = ask(visit("analyst"), "sql", text="SELECT item_id\n  FROM report.reporst")
    words = reading.read(told.text).text
    assert told.status_code == 404
    assert "Line 2, column 8: FROM report.reporst ^" in words


def test_at_most_so_many_rows_are_shown(visit: Visit) -> None:
    told = ask(visit("analyst"), "sql", text="SELECT * FROM range(1000) t(n)")
    if told.status_code == 200:
        assert "200 rows, and there are more" in reading.read(told.text).text
    told = ask(visit("analyst"), "sql", text="SELECT a.item_id FROM source.items a, source.items b, source.items c")
    assert "200 rows, and there are more" in reading.read(told.text).text


@pytest.mark.parametrize(("kind", "text"), [("sql", f"SELECT '{XSS.replace(chr(39), chr(39) * 2)}' AS x"), ("sql", XSS),
                                            ("graphql", XSS), ("graphql", "{ __typename }")])  # fmt: skip
def test_questions_and_answers_are_shown_as_text(visit: Visit, kind: str, text: str) -> None:
    told = ask(visit("steward"), kind, text=text)
    page = reading.read(told.text)
    assert XSS not in told.text
    assert [one.attributes["src"] for one in page.of("script")] == ["/hub.js"]
    assert text in {one.text for one in page.of("textarea")} or kind == "sql"


def test_graphql_is_answered_as_its_door_does(visit: Visit) -> None:
    client = visit("analyst")
    text = "{ report { reports(limit: 2, orderBy: [{item_id: ASC}]) { item_id kind } } }"
    page = reading.read(ask(client, "graphql", text=text).text)
    shown = json.loads(page.of("pre")[0].text)
    assert shown["data"] == client.post("/graphql", json={"query": text}).json()["data"]
    assert "secret" not in ask(client, "graphql", text="{ report { reports { secre } } }").text.replace("secre }", "")


def test_the_line_for_curl_asks_the_same(visit: Visit) -> None:
    client = visit("analyst")
    told = ask(client, "sql", text="SELECT count(*) AS n\nFROM report.reports")
    line = reading.read(told.text).of("pre")[-1].text
    words = shlex.split(html.unescape(line))
    assert words[:4] == ["curl", "-s", "--oauth2-bearer", "YOUR_TOKEN"]
    assert client.post(words[6], json=json.loads(words[5])).json()["data"] == [{"n": 12}]


def test_no_other_site_asks_in_somebody_s_name(visit: Visit) -> None:
    client = visit("analyst")
    asked = given(client.get(PATH).text, kind="sql", text="SELECT 1 AS one")
    assert client.post(PATH, data=asked, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.post(PATH, data={**asked, "token": ""}).status_code == 403


def test_no_more_rows_are_computed_than_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = pa.RecordBatch.from_pydict({"n": [str(number) for number in range(10_000)]})
    result: Any = SimpleNamespace(batches=lambda: iter([batch]), schema=batch.schema)
    made: list[object] = []
    monkeypatch.setattr(answers, "_cell", lambda value: made.append(value) or str(value))
    told = answers.table(result)
    assert (len(told.rows), told.more, len(made)) == (answers.ROWS_LIMIT, True, answers.ROWS_LIMIT + 1)
