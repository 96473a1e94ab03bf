"""A product's page for who manages it, and for nobody else: who sees what and why, runs, and the audit, on record."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gateway import Gateway, Wanted
from gateway.accounting.audit_find import Search, find
from gateway.desks import audit_desk
from ports.hub.steward_page import matrices
from tests.ports.hub import reading
from tests.ports.hub.conftest import Visit
from tests.ports.hub.test_talk import given

PAGE = "/hub/report/-/steward"


def test_the_matrix_tells_what_each_principal_gets(visit: Visit) -> None:
    page = reading.read(visit("steward").get(PAGE).text)
    rows = {one.text.split()[0]: one.text.split()[1:] for one in page.of("tr")}
    assert rows["Column"] == ["analyst", "steward"]
    assert rows["rows"] == ["all", "all"]
    assert rows["kind"] == ["partial", "shown"]
    assert rows["secret"] == ["-", "shown"]


def test_a_table_that_came_after_the_explanation_is_nobodys_yet() -> None:
    table: Any = SimpleNamespace(table=SimpleNamespace(name="fresh"), known=(SimpleNamespace(name="id"),))
    visible: Any = SimpleNamespace(tables=(table,))
    access: Any = SimpleNamespace(supposed=SimpleNamespace(subject="analyst"), tables=())
    (told,) = matrices(visible, [access])
    assert (told.rows, told.lines[0].cells) == (("none",), ("",))


def test_it_is_told_why(visit: Visit) -> None:
    page = reading.read(visit("steward").get(f"{PAGE}?subject=analyst").text)
    assert "kind partial first" in page.text
    assert "secrets hide: matches" in page.text


@pytest.mark.parametrize("name", ["inner", "nowhere"])
def test_who_does_not_manage_it_is_refused_and_told_no_more(visit: Visit, name: str) -> None:
    analyst = visit("analyst")
    token = given(analyst.get("/hub/report").text)
    assert analyst.get(PAGE).status_code == 403
    assert analyst.post(f"{PAGE}/refresh", data=token).status_code == 403
    assert analyst.get(f"/hub/{name}/-/steward").status_code == 404
    assert "/-/steward" not in analyst.get("/hub/report").text
    assert "/-/steward" in visit("steward").get("/hub/report").text


def test_a_refresh_is_asked_for_by_a_form_of_ours(visit: Visit) -> None:
    steward = visit("steward")
    assert f'action="{PAGE}/refresh"' in steward.get(PAGE).text
    assert steward.post(f"{PAGE}/refresh", data={"token": "x"}).status_code == 403
    told = steward.post(f"{PAGE}/refresh", data=given(steward.get(PAGE).text))
    assert (told.status_code, told.headers["location"]) == (303, f"{PAGE}#refreshes")
    assert "waiting" in reading.read(steward.get(PAGE).text).text


def test_the_audit_is_searched_and_the_search_is_in_it(hub: Gateway, visit: Visit) -> None:
    visit("analyst").get("/hub/report")
    page = reading.read(visit("steward").get(f"{PAGE}?audit=1&who=analyst").text)
    records = [one.text for one in page.of("tr") if " analyst hub " in one.text]
    assert any("query answered analyst hub" in one for one in records)
    held = "".join(path.read_text() for path in hub.settings.audit.glob("*.jsonl"))
    assert '"audit_read"' in held
    assert "subject=analyst" in held


def test_a_record_of_several_products_is_for_who_manages_each(hub: Gateway) -> None:
    session = hub.impersonate("steward", "hub")
    found = hub.audits.find(session, "report", Wanted()).records
    assert found
    assert [one.time for one in found] == sorted((one.time for one in found), reverse=True)


def test_the_audit_is_searched_by_rule_and_time_and_paged(
    hub: Gateway, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_desk, "RECORDS_LIMIT", 2)
    for _ in range(2):
        visit("analyst").get("/hub/report")
    session = hub.impersonate("steward", "hub")
    first, second = (
        hub.audits.find(session, "report", Wanted(subject="analyst", rule="first"), page) for page in (1, 2)
    )
    assert len(first.records) == len(second.records) == 2
    assert first.more
    assert min(one.time for one in first.records) >= max(one.time for one in second.records)
    assert all("first" in one.rules for one in first.records)
    middle = first.records[1].time
    before, after = (
        hub.audits.find(session, "report", one).records for one in (Wanted(until=middle), Wanted(since=middle))
    )
    assert max(one.time for one in before) < middle <= min(one.time for one in after)
    page = visit("steward").get(f"{PAGE}?audit=1&who=analyst&page=1").text
    assert "who=analyst&amp;page=2#audit" in page
    assert "a time is one of ISO 8601" in visit("steward").get(f"{PAGE}?audit=1&since=yesterday").text
    assert "a time is one of ISO 8601" in visit("steward").get(f"{PAGE}?audit=1&since=0001-01-01T00:00%2B23:00").text
    assert "there are pages 1 to" in visit("steward").get(f"{PAGE}?audit=1&page=0").text


def test_one_look_at_the_matrix_is_one_record_that_names_whoever_was_looked_at(hub: Gateway, visit: Visit) -> None:
    asked = Search(event="access_explained", on_behalf_of="analyst")

    def looks() -> list[Any]:
        return [one.fields for one in find(hub.settings.audit, asked, ())]

    before = len(looks())
    visit("steward").get(PAGE)
    (told,) = looks()[before:]
    assert (told["subject"], told["looked_at"], told["products"]) == ("steward", ["analyst", "steward"], ["report"])
    newest = hub.audits.find(hub.impersonate("steward", "hub"), "report", Wanted(subject="steward")).records
    assert "analyst, steward" in {one.on_behalf_of for one in newest}


def test_why_is_told_of_a_door_and_a_purpose_too(visit: Visit) -> None:
    steward = visit("steward")
    assert "every row" in reading.read(steward.get(f"{PAGE}?subject=analyst&door=postgres").text).text.lower()
    assert "purpose x is not granted to analyst" in steward.get(f"{PAGE}?subject=analyst&stating=x").text
    assert "there is no port x" in steward.get(f"{PAGE}?subject=analyst&door=x").text


def test_a_plan_is_shown_before_it_is_applied_and_leads_to_that(hub: Gateway, visit: Visit) -> None:
    steward, analyst, place = visit("steward"), visit("analyst"), "/hub/inner/-/steward"
    token = given(steward.get(place).text)
    assert f"{place}/apply" not in steward.get(f"{place}?plan=1").text
    assert "Nothing would change." in reading.read(steward.get(f"{place}?plan=1").text).text
    path = hub.settings.products / "inner" / "inner.odcs.yaml"
    kept, served = path.read_text(), hub.product(hub.impersonate("steward", "hub"), "inner").snapshot.id
    try:
        path.write_text(kept.replace("name: price, ", "name: price, description: of one thing, "))
        page = steward.get(f"{place}?plan=1").text
        told = reading.read(page).text
        assert "inners.price patch what is said of it is other" in told
        assert f'action="{place}/apply"' in page
        assert "inners.price patch" not in reading.read(steward.get(place).text).text, "nobody asked for it"
        for who, sent, status in (
            (steward, {"token": "x"}, 403),
            (analyst, given(analyst.get("/hub/report").text), 404),
        ):
            assert who.post(f"{place}/apply", data=sent).status_code == status
        assert hub.product(hub.impersonate("steward", "hub"), "inner").snapshot.id == served
        done = steward.post(f"{place}/apply", data=token)
        assert (done.status_code, done.headers["location"]) == (303, f"{place}?plan=1#plan")
        assert "Nothing would change." in reading.read(steward.get(done.headers["location"]).text).text
        assert hub.product(hub.impersonate("steward", "hub"), "inner").snapshot.id != served
        path.write_text(kept.replace("item_id, physicalType: BIGINT", "item_id, physicalType: NOTHING"))
        assert "NOTHING" in reading.read(steward.get(f"{place}?plan=1").text).text
        assert steward.post(f"{place}/apply", data=token).status_code == 400
    finally:
        path.write_text(kept)
