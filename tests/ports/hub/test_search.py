"""Search on the pages: by names, words, synonyms, tags and owners, of what its reader may see and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.ports.hub import reading

Client = Callable[..., httpx.Client]


def found(client: httpx.Client, query: str) -> str:
    page = client.get("/hub/-/search", params={"q": query})
    assert page.status_code == 200
    return reading.read(page.text).text


@pytest.mark.parametrize("query", ["shop", "customers", "email", "emai", "shop@example.com", "orders amount", ""])
def test_a_product_is_found_by_what_it_has(web: Client, query: str) -> None:
    assert "1 product of those" in found(web("analyst"), query)


def test_the_parts_that_match_are_told_with_links_to_them(web: Client) -> None:
    page = web("analyst").get("/hub/-/search", params={"q": "amount"}).text
    assert '<a href="/hub/shop#t-orders">' in page
    assert "<mark>amount</mark>" in page


@pytest.mark.parametrize("query", ["custmers", "cusotmers", "emial", "amuont"])
def test_a_word_that_is_misspelt_is_taken_for_what_there_is(web: Client, query: str) -> None:
    words = found(web("analyst"), query)
    assert "these are the results for" in words
    assert "1 product of those" in words


@pytest.mark.parametrize("query", ["salary", "salaries", "salray", "pay", "CANARY"])
def test_what_is_hidden_is_not_found_and_reads_like_what_is_not_there(web: Client, query: str) -> None:
    nowhere = found(web("analyst"), "xyzzy").replace("xyzzy", "WORD")
    assert found(web("analyst"), query).replace(query, "WORD") == nowhere
    if query != "CANARY":
        assert "Nothing that" not in found(web("steward"), query)


@pytest.mark.parametrize(
    "query", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "(", "[a-", "%00\\", "a" * 999]
)
def test_a_question_is_shown_as_text(web: Client, query: str) -> None:
    page = web("analyst").get("/hub/-/search", params={"q": query})
    assert page.status_code == 200
    assert query not in page.text or "<" not in query
    reading.read(page.text)
