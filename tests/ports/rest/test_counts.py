"""Prefer: count, Content-Range and its status, Link, and PostgREST's own media types, as its clients read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from gateway import BadQuery, Query, Timeout
from ports.rest import prefer, ranges
from ports.rest.pages import Pages
from ports.rest.prefer import Preferences

Client = Callable[..., httpx.Client]
ORDERS = "/products/shop/orders"


@pytest.mark.parametrize(
    ("headers", "meant"),
    [
        ([], Preferences()),
        (["count=exact"], Preferences("exact")),
        (["Count = planned"], Preferences("planned")),
        (['count="estimated"; x="a,b";y'], Preferences("estimated")),
        (["respond-async, wait=10", "count=exact"], Preferences("exact")),
        (["count=exact, count=estimated"], Preferences("exact")),
        (["count=rough"], Preferences()),
        (["count"], Preferences()),
        (["handling=strict, count=exact"], Preferences("exact", strict=True)),
        (["handling=lenient, foo, bar=1"], Preferences()),
        (['foo="never closed, count=exact'], Preferences("exact")),
        ([",, ;=, count=exact,"], Preferences("exact")),
    ],
)
def test_preferences_are_read_as_rfc_7240_writes_them(headers: list[str], meant: Preferences) -> None:
    assert prefer.read(headers, ["count"]) == meant


@pytest.mark.parametrize("given", ["foo", "count=rough", "wait=10", "count"])
def test_a_preference_that_cannot_be_met_is_refused_where_handling_is_strict(given: str) -> None:
    with pytest.raises(BadQuery) as refusal:
        prefer.read([f"{given}, handling=strict"], ["count"])
    assert given in refusal.value.message
    assert "count=exact|planned|estimated" in str(refusal.value.hint)


def never_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every count that has little time take more."""
    number = Pages._number

    def late(pages: Pages, asked: Any, query: Query, lifeline: Any, compute_s: float | None) -> int:
        if compute_s is not None:
            raise Timeout("counting took too long", reason="compute")
        return number(pages, asked, query, lifeline, None)

    monkeypatch.setattr(Pages, "_number", late)
    monkeypatch.setattr(ranges, "SHARE", 4)


def get(client: httpx.Client, address: str, prefers: str | None = None, **headers: str) -> httpx.Response:
    return client.get(f"{ORDERS}{address}", headers=headers | ({"Prefer": prefers} if prefers else {}))


@pytest.mark.parametrize(
    ("address", "status", "content_range"),
    [
        ("?limit=25", 206, "0-24/1800"),
        ("?limit=25&offset=1790", 206, "1790-1799/1800"),
        ("?limit=25&offset=1800", 206, "*/1800"),
        ("?order_id=lt.3", 200, "0-2/3"),
        ("?order_id=lt.0", 200, "*/0"),
        ("?format=csv", 200, "0-1799/1800"),
        ("?format=ndjson&limit=7&offset=3", 206, "3-9/1800"),
        ("?limit=1500", 206, "0-1499/1800"),
        ("?select=store,count()&limit=4", 206, "0-3/10"),
        ("?select=order_id,customers!inner()&customers.region=eq.N&limit=2", 206, "0-1/900"),
    ],
)
def test_a_count_says_which_rows_of_how_many(web: Client, address: str, status: int, content_range: str) -> None:
    answer = get(web("steward"), address, "count=exact")
    assert (answer.status_code, answer.headers["content-range"]) == (status, content_range)
    assert (answer.headers["range-unit"], answer.headers["preference-applied"]) == ("items", "count=exact")


def test_a_page_without_a_count_says_which_rows_only(web: Client) -> None:
    answer = get(web("steward"), "?limit=25&offset=10")
    assert (answer.status_code, answer.headers["content-range"]) == (200, "10-34/*")
    assert "preference-applied" not in answer.headers


def test_what_begins_behind_the_last_row_is_no_range(web: Client) -> None:
    answer = get(web("steward"), "?offset=1801", "count=exact")
    assert (answer.status_code, answer.headers["content-range"]) == (416, "*/1800")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_count_is_of_what_the_principal_sees(web: Client) -> None:
    totals = {
        subject: get(web(subject), "?limit=1", "count=estimated").headers["content-range"]
        for subject in ("steward", "analyst", "clerk")
    }
    assert totals == {"steward": "0-0/1800", "analyst": "0-0/900", "clerk": "0-0/180"}


def test_pages_by_cursor_go_on_counting(web: Client) -> None:
    first = get(web("steward"), "?limit=700", "count=exact")
    second = web("steward").get(first.links["next"]["url"], headers={"Prefer": "count=exact"})
    assert second.headers["content-range"] == "700-1399/1800"
    third = web("steward").get(second.links["next"]["url"])
    assert third.headers["content-range"] == "1400-1799/*"
    assert "next" not in third.links


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No table of the tests takes half a second to count."""
    never_in_time(monkeypatch)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(("subject", "rows"), [("steward", 1800), ("analyst", 900), ("clerk", 180)])
def test_what_takes_too_long_to_count_is_estimated_of_what_the_principal_sees(
    web: Client, subject: str, rows: int
) -> None:
    for kind in ("estimated", "planned"):
        answer = get(web(subject), "?limit=2", f"count={kind}")
        span, total = answer.headers["content-range"].split("/")
        assert (answer.status_code, span, answer.headers["preference-applied"]) == (206, "0-1", f"count={kind}")
        assert rows * 0.7 < int(total) < rows * 1.3
    assert get(web(subject), "?limit=2", "count=exact").headers["content-range"] == f"0-1/{rows}"


@pytest.mark.usefixtures("_impatient")
def test_an_estimate_knows_filters_and_is_never_less_than_what_was_seen(web: Client) -> None:
    few = get(web("steward"), "?order_id=lt.3", "count=estimated")
    assert (few.status_code, few.headers["content-range"]) == (200, "0-2/3")
    half = int(get(web("steward"), "?store=lt.5&limit=1", "count=estimated").headers["content-range"].split("/")[1])
    assert 600 < half < 1200
    late = get(web("steward"), "?offset=1795", "count=estimated")
    assert (late.status_code, late.headers["content-range"]) == (206, "1795-1799/1800")
    early = get(web("steward"), "?order_id=lt.3&limit=2", "count=estimated").headers["content-range"]
    assert int(early.split("/")[1]) >= 2
    assert get(web("steward"), "?offset=100000", "count=estimated").json()["data"] == []
    stream = get(web("steward"), "?format=csv", "count=estimated")
    assert stream.headers["content-range"].startswith("*/")
    assert len(stream.text.splitlines()) == 1801


def test_a_count_that_is_stopped_leaves_the_page_whole(web: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "ESTIMATE_S", 1e-9)
    for offset in range(0, 100, 10):
        answer = get(web("steward"), f"?select=order_id&limit=1&offset={offset}", "count=estimated")
        assert (answer.status_code, answer.json()["data"]) == (206, [{"order_id": offset}])


@pytest.mark.usefixtures("_impatient")
def test_what_has_no_key_is_counted(web: Client) -> None:
    answer = get(web("steward"), "?select=store,count()&limit=4", "count=estimated")
    assert answer.headers["content-range"] == "0-3/10"


@pytest.mark.parametrize(("sampled", "total"), [(0, 0), (1, 64), (10, 640), (160, 10_000), (157_000, 10_000_000)])
def test_an_estimate_has_two_digits(sampled: int, total: int) -> None:
    assert ranges.estimate(sampled) == total


def test_a_preference_is_refused_only_where_that_is_preferred(web: Client) -> None:
    assert get(web("steward"), "?limit=1", "tx=rollback").status_code == 200
    answer = get(web("steward"), "?limit=1", "tx=rollback, handling=strict")
    assert answer.status_code == 400
    assert "tx=rollback" in answer.json()["detail"]
    assert get(web("steward"), "/7", "count=exact, handling=strict").status_code == 400


def test_the_next_page_is_linked_and_leads_to_the_end(web: Client) -> None:
    answer = get(web("steward"), f"?select=order_id&remark=like.{quote('remark 1*&')}*&limit=3")
    assert answer.json() == {"data": [], "next": None}
    address: str | None = f"{ORDERS}?select=order_id&remark=like.{quote('remark 1')}*&limit=300&offset=10"
    found: list[int] = []
    while address is not None:
        answer = web("steward").get(address)
        found += [row["order_id"] for row in answer.json()["data"]]
        address = answer.links["next"]["url"] if "next" in answer.links else None
        assert (address is None) == (answer.json()["next"] is None)
    whole = web("steward").get(f"{ORDERS}?select=order_id&remark=like.{quote('remark 1')}*&limit=5000&offset=10").json()
    assert found == [row["order_id"] for row in whole["data"]]


def test_bare_rows_are_an_array(web: Client) -> None:
    array = "application/vnd.pgrst.array+json"
    page = get(web("steward"), "?select=order_id&limit=2", Accept=array)
    assert (page.json(), page.headers["content-type"]) == ([{"order_id": 0}, {"order_id": 1}], array)
    following = web("steward").get(page.links["next"]["url"], headers={"Accept": array})
    assert following.json() == [{"order_id": 2}, {"order_id": 3}]
    assert len(get(web("steward"), "?format=array").json()) == 1800
    assert len(get(web("steward"), "?format=array&limit=1200").json()) == 1200
    assert get(web("steward"), "?format=array&order_id=lt.0").json() == []
    strings = get(web("steward"), "?select=order_id&limit=1", Accept=f"{array}; int64=string")
    assert strings.json() == [{"order_id": "0"}]


def test_one_row_is_an_object_and_anything_else_is_not_acceptable(web: Client) -> None:
    thing = "application/vnd.pgrst.object+json"
    answer = get(web("steward"), "?select=order_id,remark&order_id=eq.5", Accept=thing)
    assert (answer.json(), answer.headers["content-type"]) == ({"order_id": 5, "remark": "remark 5"}, thing)
    assert get(web("steward"), "/5?select=order_id", Accept=thing).json() == {"order_id": 5}
    body = {"sql": "SELECT count(*) AS n FROM shop.orders"}
    assert web("steward").post("/sql", json=body, headers={"Accept": thing}).json() == {"n": 1800}
    for address, words in (
        ("?order_id=lt.9", "more than one row"),
        ("?order_id=lt.0", "no row"),
        ("", "more than one"),
    ):
        refused = get(web("steward"), address, Accept=thing)
        assert refused.status_code == 406
        assert words in refused.json()["detail"]
