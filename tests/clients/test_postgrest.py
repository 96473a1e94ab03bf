"""REST as supabase's postgrest-js sees it, once it is told to accept bare rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.conftest import Failed, Reader


def ids(answer: dict[str, Any]) -> list[int]:
    assert answer["error"] is None, answer
    return [row["order_id"] for row in answer["data"]]


def test_a_client_reads_the_columns_that_it_names(postgrest: Reader) -> None:
    answer = postgrest("steward", "from('orders').select('order_id, amount, note:remark').eq('order_id', 7)")
    assert answer["data"] == [{"order_id": 7, "amount": 7.5, "note": "remark 7"}]
    assert (answer["error"], answer["status"]) == (None, 200)


def test_a_token_opens_the_same_door(postgrest: Reader, bearer: Callable[[str], str]) -> None:
    answer = postgrest("clerk", "from('orders').select('store').limit(3)", bearer("clerk"))
    assert answer["data"] == [{"store": 3}] * 3


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (".eq('order_id', 7)", [7]),
        (".neq('store', 1).lt('order_id', 4)", [0, 2, 3]),
        (".gte('order_id', 2).lte('order_id', 4)", [2, 3, 4]),
        (".in('order_id', [7, 5, 99999])", [5, 7]),
        (".in('remark', ['remark 5', 'a,b'])", [5]),
        (".ilike('remark', 'REMARK 5')", [5]),
        (".like('remark', 'remark%').lt('order_id', 3)", [1, 2]),
        (".is('remark', null).lt('order_id', 9)", [0, 4, 8]),
        (".not('remark', 'is', null).lt('order_id', 4)", [1, 2, 3]),
        (".or('order_id.eq.1,and(order_id.gt.2,order_id.lt.5)')", [1, 3, 4]),
        (".match({ order_id: 7, store: 7 })", [7]),
        (".filter('amount', 'eq', '1.50').lt('order_id', 9)", [1]),
        (".gte('ordered_at', '2017-06-01T13:00:00').lt('ordered_at', '2017-06-01T15:00:00')", [1, 2]),
    ],
)
def test_filters_mean_what_they_say(postgrest: Reader, filters: str, found: list[int]) -> None:
    assert ids(postgrest("steward", f"from('orders').select('order_id'){filters}.order('order_id')")) == found


def test_rows_come_in_the_order_and_range_that_is_asked_for(postgrest: Reader) -> None:
    last = "from('orders').select('order_id').order('order_id', { ascending: false })"
    assert ids(postgrest("steward", f"{last}.limit(3)")) == [1799, 1798, 1797]
    assert ids(postgrest("steward", f"{last}.range(2, 4)")) == [1797, 1796, 1795]
    nulls = "from('orders').select('order_id').order('remark', { nullsFirst: true }).order('order_id').limit(2)"
    assert ids(postgrest("steward", nulls)) == [0, 4]


def test_one_row_is_an_object(postgrest: Reader) -> None:
    row = {"order_id": 7}
    assert postgrest("steward", "from('orders').select('order_id').eq('order_id', 7).single()")["data"] == row
    assert postgrest("steward", "from('orders').select('order_id').eq('order_id', 7).maybeSingle()")["data"] == row


def test_no_row_is_null_where_there_may_be_none_and_an_error_where_there_must_be_one(postgrest: Reader) -> None:
    none = "from('orders').select('order_id').eq('order_id', -1)"
    may = postgrest("steward", f"{none}.maybeSingle()")
    assert (may["data"], may["error"]) == (None, None)
    must = postgrest("steward", f"{none}.single()")
    assert (must["data"], must["status"]) == (None, 406)
    assert "no row" in must["error"]["message"]
    several = postgrest("steward", "from('orders').select('order_id').single()")
    assert "more than one row" in several["error"]["message"]


def test_rows_are_counted_exactly(postgrest: Reader) -> None:
    counted = "from('orders').select('order_id', { count: 'exact' }).eq('store', 3)"
    answer = postgrest("steward", f"{counted}.order('order_id').limit(2)")
    assert (ids(answer), answer["count"], answer["status"]) == ([3, 13], 180, 206)
    analyst = postgrest("analyst", "from('orders').select('*', { count: 'exact', head: true })")
    assert (analyst["data"], analyst["count"], analyst["error"]) == (None, 900, None)


def test_rows_come_as_csv(postgrest: Reader) -> None:
    answer = postgrest("steward", "from('orders').select('order_id,remark').lt('order_id', 2).order('order_id').csv()")
    rows = list(csv.DictReader(io.StringIO(answer["data"], newline="")))
    assert rows == [{"order_id": "0", "remark": ""}, {"order_id": "1", "remark": "remark 1"}]


def test_rows_come_with_the_row_that_they_refer_to(postgrest: Reader) -> None:
    answer = postgrest("analyst", "from('orders').select('order_id, customers(region)').eq('order_id', 0).single()")
    assert answer["data"] == {"order_id": 0, "customers": {"region": "N"}}


def test_rows_come_with_the_rows_that_refer_to_them(postgrest: Reader) -> None:
    last = ".order('order_id', { referencedTable: 'orders', ascending: false }).limit(1, { referencedTable: 'orders' })"
    wanted = f"from('customers').select('customer_id, orders(order_id)').eq('customer_id', 2){last}"
    assert postgrest("steward", wanted)["data"] == [{"customer_id": 2, "orders": [{"order_id": 8}]}]


def test_rows_are_added_up_by_group(postgrest: Reader) -> None:
    answer = postgrest("clerk", "from('orders').select('store, count(), amount.max()')")
    assert answer["data"] == [{"store": 3, "count": 180, "max": 96.5}]


def test_masked_values_arrive_masked(postgrest: Reader) -> None:
    wanted = "from('customers').select('email,phone,full_name').eq('customer_id', 2).single()"
    raw, masked = postgrest("steward", wanted)["data"], postgrest("analyst", wanted)["data"]
    assert raw["email"] == "CANARY-mail-2@example.com"
    assert masked["phone"] is None
    assert "CANARY" not in str(masked)
    assert masked["email"].endswith("@example.com")
    hidden = postgrest("analyst", "from('customers').select('salary')")
    assert hidden["error"]["code"] == "bad_query"


def test_rows_that_are_not_granted_do_not_exist(postgrest: Reader) -> None:
    assert postgrest("analyst", "from('customers').select().eq('customer_id', 1)")["data"] == []
    assert postgrest("stranger", "from('customers').select()")["status"] == 404


def test_an_error_is_an_error_object(postgrest: Reader) -> None:
    answer = postgrest("steward", "from('orders').select('order_ids')")
    assert (answer["data"], answer["status"]) == (None, 400)
    error = answer["error"]
    assert error["code"] == "bad_query"
    assert 'column "order_ids" does not exist' in error["message"] == error["detail"]
    assert "did you mean order_id?" in error["hint"]


def test_an_error_can_be_thrown_and_says_what_was_wrong(postgrest: Reader) -> None:
    with pytest.raises(Failed, match='PostgrestError: column "order_ids" does not exist'):
        postgrest("steward", "from('orders').select('order_ids').csv().throwOnError()")


def test_nothing_can_be_written(postgrest: Reader) -> None:
    answer = postgrest("steward", "from('orders').insert({ order_id: 1 })")
    assert (answer["data"], answer["status"], answer["error"]["code"]) == (None, 405, "method_not_allowed")
