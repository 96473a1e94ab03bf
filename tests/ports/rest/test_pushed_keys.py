"""Pushes to an input whose contract declares a key: a push is told which of its rows repeat one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.contracts import contract
from gateway.desks import intake
from gateway.errors import NotFound
from gateway.inputs import compaction, segments
from tests.ports.rest.test_pushes import Till, declare, opened
from tests.workshop import KEY, column, stored

ORDERS = {"id": KEY, "state": column("VARCHAR", unique=True), "amount": column("DECIMAL(18,2)")}


ROW = {"id": 1, "state": "open", "amount": 1}


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    yield from opened(tmp_path)


def row(number: int, state: str | None = None, amount: int = 0) -> dict[str, Any]:
    return {"id": number, "state": state, "amount": amount}


def rows(till: Till) -> list[tuple[Any, ...]]:
    return stored(till.shop.publish("sales"), "SELECT id, state, amount FROM kept ORDER BY ALL")


def told(till: Till, body: list[dict[str, Any]], key: str) -> Any:
    answer = till.push(body, key, params={"on-bad": "quarantine"}).json()
    return answer["data"] if "data" in answer else answer["detail"]


def test_what_was_accepted_earlier_stays_and_the_push_is_told(till: Till) -> None:
    declare(till.shop, "append", orders=ORDERS)
    till.shop.publish("sales")
    assert told(till, [row(1), row(2)], "a") == {"rows": 2, "quarantined": 0, "broken": {}}
    refused = till.push([row(2, amount=9), row(3)], "b")
    assert (refused.status_code, refused.json()["detail"]) == (422, "1 of 2 rows of till.orders break id.primaryKey")
    again = {"rows": 1, "quarantined": 1, "broken": {"id.primaryKey": 1}}
    assert told(till, [row(2, amount=9), row(3)], "c") == again
    # Three of another key, of which two are equal; and one that says the same again.
    once = {"rows": 2, "quarantined": 2, "broken": {"id.primaryKey": 2}}
    assert told(till, [row(4, amount=4), row(4, amount=4), row(1), row(5)], "d") == once
    twice = {"rows": 2, "quarantined": 2, "broken": {"id.primaryKey": 2}}
    assert told(till, [row(6, amount=1), row(6, amount=2), row(7), row(8)], "e") == twice
    # A push that is sent again is the same push, whatever has come since.
    assert told(till, [row(2, amount=9), row(3)], "c") == again
    assert rows(till) == [(number, None, 4 * (number == 4)) for number in (1, 2, 3, 4, 5, 7, 8)]
    (aside,) = till.client.get("/products/sales/-/quarantine", auth=("stew", "stew-secret")).json()["data"]
    assert aside["broken"] == {"id.primaryKey": 5}
    assert {(one["$rules"], one["id"]) for one in aside["sample"]} == {("id.primaryKey", key) for key in "1246"}


def test_a_key_that_is_declared_later_holds_for_what_was_pushed_before(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyless = ORDERS | {"id": column("BIGINT", required=True), "state": column("VARCHAR")}
    declare(till.shop, "append", orders=keyless)
    model = till.shop.settings.products / "sales" / "models" / "kept.sql"
    whole = "min(state) AS state, sum(amount)::DECIMAL(18,2) AS amount"
    model.write_text(f"SELECT id, {whole} FROM till.orders GROUP BY id")
    till.shop.publish("sales")
    bodies = ([row(1, "a", 1)], [row(1, "b", 2), row(2, "c", 1), row(2, "c", 2)], [row(2, "d", 4)])
    for number, body in enumerate(bodies):
        assert till.push(body, f"push {number}").status_code == 201
    assert rows(till) == [(1, "a", 3), (2, "c", 7)]
    declare(till.shop, "append", orders=ORDERS, limit="80%")
    first = rows(till)
    # Of the second push nothing says which is right of 2, so the third is the first to be.
    assert first == [(1, "a", 1), (2, "d", 4)]
    monkeypatch.setattr(compaction, "MANY", 2)
    home = segments.shelf(till.shop.settings.state, "sales", "till", "orders")
    compaction.merge(home)
    assert len(home.pushed()) == 1
    assert rows(till) == first
    # Once they are merged as before.
    assert till.push([row(3)], "more").status_code == 201
    compaction.merge(home)
    assert rows(till) == [*first, (3, None, 0)]


def test_by_upsert_a_row_replaces_that_of_its_key_and_what_else_is_unique_stays_so(till: Till) -> None:
    declare(till.shop, "upsert", orders=ORDERS)
    till.shop.publish("sales")
    assert till.push([row(1, "a"), row(2, "b"), row(1, "c")], "first").status_code == 201  # 1 is c, a is free
    assert told(till, [row(3, "a"), row(4, "b")], "taken") == {
        "rows": 1, "quarantined": 1, "broken": {"state.unique": 1},
    }  # fmt: skip
    assert till.push([row(1, "b"), row(2, "c")], "they change places").status_code == 201
    assert till.push([row(1, "b")], "the same again").status_code == 201
    assert rows(till) == [(1, "b", 0), (2, "c", 0), (3, "a", 0)]


def test_a_refused_push_tells_of_earlier_keys_only_where_it_is_fit_itself_and_that_is_on_record(till: Till) -> None:
    declare(till.shop, "append", orders=ORDERS)
    till.shop.publish("sales")
    assert till.push([row(1)], "a").status_code == 201
    for key in (1, 7):
        # Equal twice: refused for that, whether the key is taken or not.
        assert till.push([row(key), row(key)], f"b{key}").json()["detail"][:9] == "1 of 2 ro"
    assert till.push([row(1)], "c").status_code == 422
    files = till.shop.settings.audit.glob("*.jsonl")
    records = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    what = [one["what"] for one in records if one.get("action") == "push"]
    assert what[-1] == "till.orders: refused, 1 of 1 rows of till.orders break id.primaryKey"


def test_rows_that_cannot_be_looked_at_for_want_of_memory_are_not_said_to_be_bad(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as lacking:
        lacking.setattr(intake, "_MEMORY_LIMIT", "1MB")
        assert till.push([ROW], "a").status_code == 503
    assert till.push([ROW], "a").status_code == 201


def test_a_table_that_is_read_from_a_database_takes_no_push(till: Till) -> None:
    told = {"property": "adbc", "value": {"driver": "adbc_driver_sqlite", "file": "data/shop.db"}, "vendor": "outport"}
    declare(till.shop, "append", servers=[{"server": "till", "type": "custom", "customProperties": [told]}])
    with pytest.raises(NotFound, match="no input"):
        intake._target(contract.load(till.shop.settings.products / "sales"), "till", None)
