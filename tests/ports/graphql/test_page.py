"""The page at /graphql: for browsers, without any outside host, and without anything of anybody's."""

from __future__ import annotations

import re
from pathlib import Path

from ports.graphql import routes
from tests.ports.conftest import Client

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
FILES = Path(routes.__file__).parent / "page"


def test_a_browser_gets_the_page_and_a_client_an_answer(web: Client) -> None:
    page = web().get("/graphql", headers=BROWSER)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    asked = web("steward").get("/graphql", params={"query": "{ __typename }"}, headers=BROWSER)
    assert asked.json() == {"data": {"__typename": "Query"}}
    assert web().get("/graphql").status_code == 401


def test_everything_that_the_page_needs_is_here(web: Client) -> None:
    page = web().get("/graphql", headers=BROWSER).text
    for address in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert address.startswith("/")
        assert web().get(address).status_code == 200
    for name in ("page.html", "page.js", "page.css"):
        assert "://" not in (FILES / name).read_text()
    assert " style=" not in page
    assert not re.search(r"\son[a-z]+=", page)
    assert "innerHTML" not in (FILES / "page.js").read_text()
