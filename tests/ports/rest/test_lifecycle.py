"""Who manages a product plans and changes it over the web; for others these addresses tell nothing and do nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.document import POLICIES
from gateway.serving.catalog import Catalog
from tests.test_delegation import HEADER, Doors, deployed

SHOP = {"product": "shop"}
PEOPLE: dict[str, dict[str, Any]] = {
    "keeper": {"role": ("keeper",)}, "deputy": {"role": ("keeper",)}, "reader": {"role": ("reader",)}, "nobody": {},
}  # fmt: skip
RULES: list[dict[str, Any]] = [
    {"id": "seen", "on": SHOP, "to": {"role": ["keeper", "reader"]}, "grant": {"columns": ["*"]}},
    {"id": "kept", "on": {"product": "*"}, "to": {"role": "keeper"}, "manage": True},
    {"id": "deputy", "on": SHOP, "to": {"subject": "deputy"}, "accept": True},
    {"id": "others", "to": {"subject": "keeper"}, "delegate": {"for": {"role": "reader"}}},
]
ACTS = {"apply": {}, "promote": {}, "deprecate": {"sunset": "2999-01-31"}, "retire": {"force": "over"}}


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with deployed(tmp_path_factory.mktemp("lifecycle"), PEOPLE, RULES) as found:
        yield found


def ask(doors: Doors, login: str | None, act: str, product: str = "shop", **more: Any) -> httpx.Response:
    signed = {} if login is None else {"auth": (login, f"{login}-secret")}
    address = f"{doors.rest}/products/{product}/-/{act}"
    if act == "plan":
        return httpx.get(address, timeout=60, **signed, **more)
    return httpx.post(address, **{"json": ACTS.get(act), "timeout": 60, **signed, **more})


@pytest.mark.parametrize("act", ["plan", *ACTS])
def test_what_is_not_granted_is_refused_in_the_same_words_and_does_nothing(doors: Doors, act: str) -> None:
    before = {one.id for one in Catalog(doors.settings.state).current().snapshots}
    assert ask(doors, None, act).status_code == 401
    seen = ask(doors, "reader", act)
    assert (seen.status_code, seen.json()["detail"]) == (403, 'to manage "shop" is not granted to you')
    behalf = ask(doors, "keeper", act, headers={HEADER: "reader"})
    assert (behalf.status_code, behalf.json()["detail"]) == (403, seen.json()["detail"])
    # The keeper's rule speaks of every product: what it does not see is not there.
    unseen = [ask(doors, "nobody", act), ask(doors, "keeper", act, "hr"), ask(doors, "keeper", act, "none")]
    names = ("shop", "hr", "none")
    assert [(one.status_code, one.json()["detail"]) for one in unseen] == [
        (404, f'product "{name}" does not exist') for name in names
    ]
    if act != "plan":
        assert ask(doors, "reader", act, json={"whatever": 1}).status_code == 403
        assert ask(doors, "keeper", act, json={"whatever": "x"}).status_code == 400
        assert ask(doors, "keeper", act, content=b"[").status_code == 400
    assert {one.id for one in Catalog(doors.settings.state).current().snapshots} == before


@pytest.mark.parametrize("act", ACTS)
def test_a_page_of_another_site_does_nothing(doors: Doors, act: str) -> None:
    refused = ask(doors, "keeper", act, headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:outport:error:forbidden:origin")


def delete(doors: Doors, login: str, product: str = "shop", **asked: str) -> httpx.Response:
    address = f"{doors.rest}/products/{product}"
    return httpx.delete(address, params=asked, auth=(login, f"{login}-secret"), timeout=60)


def test_nobody_else_deletes_a_product(doors: Doors) -> None:
    before = {one.id for one in Catalog(doors.settings.state).current().snapshots}
    seen = delete(doors, "reader", force="mine")
    assert (seen.status_code, seen.json()["detail"]) == (403, 'to manage "shop" is not granted to you')
    unseen = [delete(doors, "nobody"), delete(doors, "keeper", "hr"), delete(doors, "keeper", "none")]
    assert [one.status_code for one in unseen] == [404, 404, 404]
    for refused in (delete(doors, "keeper", other="1"), delete(doors, "keeper", "shop@1", force="all of it")):
        assert refused.status_code == 400
    assert {one.id for one in Catalog(doors.settings.state).current().snapshots} == before


def test_rules_that_would_not_fit_are_told_to_no_manager(doors: Doors) -> None:
    path = doors.settings.products / "shop" / "shop.odcs.yaml"
    kept = path.read_text()
    path.write_text("\n".join(line for line in kept.splitlines() if "{name: region" not in line))
    try:
        plan, applied = ask(doors, "keeper", "plan"), ask(doors, "keeper", "apply")
    finally:
        path.write_text(kept)
    (planned,) = plan.json()["data"]["products"]
    assert (planned["action"], applied.status_code) == ("refused", 400)
    for told in (*planned["findings"], applied.json()["detail"]):
        assert POLICIES in told
        # The rules that name the region are those of others.
        assert "analyst" not in told
        assert "unsorted" not in told
    runs = doors.get("/products/shop/-/refreshes", "keeper").json()["data"]
    assert POLICIES in [one["finding"] for one in runs]


def test_who_manages_it_plans_and_ends_it(doors: Doors) -> None:
    doors.get("/products/shop/orders?limit=1", "reader")
    plan = ask(doors, "keeper", "plan").json()["data"]
    assert (plan["changes"], [one["action"] for one in plan["products"]]) == (False, ["unchanged"])
    assert "access" not in plan
    both = httpx.get(f"{doors.rest}/-/plan?product=shop&product=shop", auth=("keeper", "keeper-secret"), timeout=60)
    assert [one["product"] for one in both.json()["data"]["products"]] == ["shop"]
    for asked, status in (("product=shop&product=hr", 404), ("", 400), ("product=shop&since=1", 400)):
        refused = httpx.get(f"{doors.rest}/-/plan?{asked}", auth=("keeper", "keeper-secret"), timeout=60)
        assert refused.status_code == status
    seen = httpx.get(f"{doors.rest}/-/plan?product=shop", auth=("reader", "reader-secret"), timeout=60)
    assert seen.status_code == 403
    served = Catalog(doors.settings.state).current().find("shop")
    assert served is not None
    assert ask(doors, "keeper", "apply").json()["data"][0]["snapshot"] == served.id
    mine = ask(doors, "keeper", "promote")
    assert (mine.status_code, mine.json()["type"]) == (403, "urn:outport:error:forbidden:accept")
    owning = "its owner: shop@example.com, or whoever has the role Shop team"
    assert mine.json()["detail"] == f'"shop" is accepted by {owning}'
    assert "accept" in {one["refused"]["reason"] for one in doors.audited() if one["event"] == "query_refused"}
    lacking = ask(doors, "deputy", "promote")  # a rule lets it accept
    assert lacking.status_code == 400
    assert "quality" in lacking.json()["detail"]
    assert str(doors.settings.products) not in lacking.text
    assert ask(doors, "keeper", "retire", json={}).status_code == 400
    assert ask(doors, "keeper", "deprecate", json={"sunset": "soon"}).status_code == 400
    told = ask(doors, "keeper", "deprecate", json={"sunset": "2999-01-31", "reason": "another comes"})
    assert told.status_code == 200, told.text
    answer = doors.get("/products/shop/orders?limit=1", "reader")
    assert answer.headers["sunset"].startswith("Thu, 31 Jan 2999")
    assert ask(doors, "keeper", "retire").status_code == 200
    gone = doors.get("/products/shop/orders?limit=1", "reader")
    assert (gone.status_code, gone.json()["code"]) == (410, "expired")
    assert doors.get("/products/shop", "reader").status_code == 410
    assert doors.get("/products/shop/orders?limit=1", "nobody").status_code == 404
    done = [one for one in doors.audited() if one["event"] == "product_managed"]
    acts = [(one["subject"], one["action"], one["reason"]) for one in done]
    assert ("keeper", "deprecate", "another comes") in acts
    assert ("keeper", "retire", "over") in acts
    assert [one["what"] for one in done if one["subject"] == "deputy"] == ["1.2.0, accepted by deputy"]
    assert {one["subject"] for one in done} == {"keeper", "deputy"}
    assert any(one["event"] == "audit_read" and one["reader"] == "keeper" for one in doors.audited())
    assert "CANARY" not in json.dumps(done)


def test_what_is_retired_is_deleted_too_once_a_reason_is_given(doors: Doors) -> None:
    in_use = delete(doors, "keeper")
    assert (in_use.status_code, in_use.json()["code"]) == (400, "bad_query")
    assert "shop is in use: reader (" in in_use.json()["detail"]
    assert "?force=" in in_use.json()["hint"]
    gone = delete(doors, "keeper", force="the law")
    assert gone.status_code == 200, gone.text
    assert (gone.json()["data"]["product"], gone.json()["data"]["snapshots"] > 0) == ("shop", True)
    assert delete(doors, "keeper", force="again").status_code == 404
    assert doors.get("/products/shop", "reader").status_code == 404
    acts = [one for one in doors.audited() if one["event"] == "product_managed" and one["action"] == "delete"]
    assert [(one["subject"], one["reason"]) for one in acts] == [("keeper", "the law")]
    assert (doors.settings.products / "shop").is_dir()
