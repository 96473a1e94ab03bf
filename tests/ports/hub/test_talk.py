"""Feedback on a product's page: threads of its writer, its stewards and who manages it; forms that are ours alone."""

from __future__ import annotations

import json
import re

import httpx

from gateway import Gateway, Password
from tests.ports.hub import reading
from tests.ports.hub.conftest import Visit
from tests.ports.hub.shelf import XSS


def given(page: str, **words: str) -> dict[str, str]:
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token is not None
    return {"token": token[1], **words}


def say(client: httpx.Client, text: str, **more: str) -> httpx.Response:
    page = client.get("/hub/report").text
    return client.post("/hub/report/-/feedback", data=given(page, kind="question", rating="", text=text) | more)


def test_a_question_is_answered_and_its_writer_reads_it(visit: Visit) -> None:
    told = say(visit("analyst"), f"what is {XSS}?", rating="4")
    assert (told.status_code, told.headers["location"]) == (303, "/hub/report?said=1#talk")
    page = reading.read(visit("analyst").get("/hub/report?said=1").text)
    assert "Kept." in page.text
    assert "question, open ★★★★ analyst" in page.text
    assert XSS.split("{")[0] in page.text
    steward = visit("steward").get("/hub/report").text
    thread = re.search(r'name="thread" value="(\w+)"', steward)
    assert thread is not None
    answer = given(steward, thread=thread[1], text="the sum of prices")
    assert visit("steward").post("/hub/report/-/answers", data=answer).status_code == 303
    page = reading.read(visit("analyst").get("/hub/report").text)
    assert "the sum of prices" in page.text
    assert "question, open" not in page.text
    assert "question, answered" in page.text
    assert "steward owner" in page.text


def test_a_thread_is_closed_by_who_began_it_or_manages_and_goes_on_with_a_word(visit: Visit) -> None:
    say(visit("analyst"), "is it over?")
    for name in ("analyst", "steward"):
        page = visit(name).get("/hub/report").text
        thread = re.findall(r'name="thread" value="(\w+)"', page)[0]
        told = visit(name).post("/hub/report/-/closed", data=given(page, thread=thread))
        assert told.status_code == 303
        assert "question, closed" in reading.read(visit("analyst").get("/hub/report").text).text
        visit("analyst").post(
            "/hub/report/-/answers", data=given(visit("analyst").get("/hub/report").text, thread=thread, text="no")
        )
        assert "question, open" in reading.read(visit("analyst").get("/hub/report").text).text
    own = say(visit("steward"), "ours")
    assert own.status_code == 303
    mine = re.findall(r'name="thread" value="(\w+)"', visit("steward").get("/hub/report").text)[0]
    page = visit("analyst").get("/hub/report").text
    assert visit("analyst").post("/hub/report/-/closed", data=given(page, thread=mine)).status_code == 404


def test_the_owner_sees_how_many_wait_and_nobody_else_does(visit: Visit) -> None:
    say(visit("analyst"), "who waits?")
    assert re.search(r"[1-9]\d* waiting for an answer", reading.read(visit("steward").get("/").text).text)
    assert "waiting for an answer" not in visit("analyst").get("/").text


def test_nobody_else_reads_or_answers_it(hub: Gateway, visit: Visit) -> None:
    say(visit("steward"), "a word among stewards")
    steward = visit("steward").get("/hub/report").text
    (thread,) = re.findall(r'name="thread" value="(\w+)"', steward)[:1]
    page = visit("analyst").get("/hub/report").text
    assert "a word among stewards" not in page
    answers = []
    for name in (thread, "0123456789ab"):
        told = visit("analyst").post("/hub/report/-/answers", data=given(page, thread=name, text="mine"))
        answers.append((told.status_code, told.json()["detail"]))
    assert answers == [(404, "there is no such thread")] * 2


def test_a_form_of_another_site_or_of_nobody_is_refused(visit: Visit) -> None:
    client = visit("analyst")
    page = client.get("/hub/report").text
    words = {"kind": "praise", "rating": "", "text": "not me"}
    for data, headers in (
        ({**words, "token": "x"}, {}),
        (words, {}),
        (given(visit("steward").get("/hub/report").text, **words), {}),
        (given(page, **words), {"Sec-Fetch-Site": "cross-site"}),
        (given(page, **words), {"Sec-Fetch-Site": "same-site"}),
    ):
        assert client.post("/hub/report/-/feedback", data=data, headers=headers).status_code == 403
    assert "not me" not in client.get("/hub/report").text


def test_what_is_no_feedback_is_told(visit: Visit) -> None:
    client = visit("analyst")
    assert say(client, "").status_code == 400
    assert say(client, "x", rating="6").status_code == 400
    assert say(client, "x", kind="answer").status_code == 400
    assert say(client, "x" * 2001).status_code == 400
    page = client.get("/hub/report").text
    for name in ("inner", "nowhere"):
        told = client.post(f"/hub/{name}/-/feedback", data=given(page, kind="praise", rating="", text="hello"))
        assert told.status_code == 404


def test_the_owner_is_told_what_waits_and_none_of_its_words(hub: Gateway) -> None:
    alerting = {"alert_urls": "https://hooks.example.com/x", "hub_url": "https://hub.example"}
    gateway = Gateway(hub.settings.model_copy(update=alerting))
    try:
        analyst, steward = (gateway.open(Password(one, f"{one}-secret"), "rest") for one in ("analyst", "steward"))
        report = gateway.product(analyst, "report")
        asked = gateway.feedback.give(analyst, report, "question", "who knows CANARY-7?", None)
        gateway.feedback.answer(steward, report, asked.id, "nobody does")
        gateway.feedback.give(analyst, report, "praise", "fine", 5)
        low = gateway.feedback.give(analyst, report, "praise", "not so fine", 1)
    finally:
        gateway.close()
    bodies = [path.read_text() for path in (hub.settings.state / "alerts").glob("msg_*.json")]
    told = [json.loads(json.loads(one)["body"]) for one in bodies]
    assert {one["type"] for one in told} == {"feedback.open"}
    assert {one["data"]["thread"] for one in told} == {asked.id, low.id}
    assert {one["data"]["hub"] for one in told} == {"https://hub.example/hub/report#talk"}
    assert not [one for one in bodies if "CANARY" in one or "analyst" in one or "fine" in one]
