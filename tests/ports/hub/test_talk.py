"""Feedback on a product's page: threads of its writer, its stewards and who manages it; forms that are ours alone."""

from __future__ import annotations

import re

import httpx

from gateway import Gateway
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
