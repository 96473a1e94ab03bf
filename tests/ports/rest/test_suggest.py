"""`GET /-/suggest`: what there is already of what is wanted, as far as the asker sees it."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

Client = Callable[..., httpx.Client]


def test_what_is_served_already_is_suggested_as_far_as_it_is_seen(web: Client) -> None:
    told = web("steward").get("/-/suggest", params={"name": ["region", "salaries"]}).json()["data"]
    places = {(one["wanted"], one["place"]) for one in told}
    assert {("region", "shop.customers.region"), ("salaries", "hr.salaries")} <= places
    for subject in ("analyst", "stranger"):
        assert "hr." not in web(subject).get("/-/suggest", params={"name": ["salary", "salaries"]}).text
    assert web("stranger").get("/-/suggest?name=region").json()["data"] == []
    assert web().get("/-/suggest?name=region").status_code == 401


@pytest.mark.parametrize("query", ["", "name=", "other=1", "name=a&other=1", "&".join(["name=a"] * 21)])
def test_what_is_not_understood_is_refused(web: Client, query: str) -> None:
    answer = web("steward").get(f"/-/suggest?{query}")
    assert answer.status_code == (200 if query == "name=" else 400)
