"""The page of addresses: what its reader may ask, in HTML and CSS alone; its lines work when pasted."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Callable

import httpx
import pytest

from tests.ports.hub import reading
from tests.ports.hub.test_page import demo, shown  # noqa: F401

Client = Callable[..., httpx.Client]


def test_the_page_lists_what_its_reader_may_ask_and_nothing_else(web: Client) -> None:
    steward, analyst = (shown(web(subject).get("/docs").text) for subject in ("steward", "analyst"))
    assert "GET /products/hr/salaries" in steward
    assert "GET /products/shop/customers/{customer_id}" in analyst
    assert "some of customer_id full_name email" in analyst
    for hidden in ("salar", "unsorted", "CANARY"):
        assert hidden not in analyst
    assert "POST /sql" in shown(web("stranger").get("/docs").text)
    assert "shop" not in web("stranger").get("/docs").text
    assert web().get("/docs").status_code == 401


@pytest.mark.parametrize("subject", ["steward", "analyst"])
def test_the_page_is_sound_and_asks_no_other_host(web: Client, subject: str) -> None:
    page = web(subject).get("/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for link in reading.read(page.text).links:
        assert link.startswith(("#", "/graphql")) or web(subject).get(link).is_success


def test_every_line_for_curl_asks_what_the_server_answers(web: Client) -> None:
    page = web("analyst").get("/docs").text
    lines = [shlex.split(html.unescape(line)) for line in re.findall(r"<code>(curl .*?)</code>", page)]
    assert len(lines) >= 6
    for words in lines:
        assert words[:4] == ["curl", "-g", "-u", "analyst"]
        if "{" in words[-1] or "PRODUCT" in "".join(words[5:6]):
            continue  # a key, or what a projection is over, is for the reader to fill in
        body = words[5] if words[4] == "--json" else None
        sent = {"content": body, "headers": {"Content-Type": "application/json"}} if body else {}
        answer = web("analyst").request("POST" if body else "GET", words[-1], **sent)  # type: ignore[arg-type]
        assert answer.is_success, words


def test_the_demo_shows_it_as_each_persona(demo: httpx.Client) -> None:  # noqa: F811
    assert "/products/hr/salaries" in demo.get("/docs").text
    analyst = demo.get("/docs?as=analyst").text
    assert "/products/hr" not in analyst
    assert "-u analyst:analyst-demo" in html.unescape(analyst)
