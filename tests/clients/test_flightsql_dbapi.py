"""Flight SQL as flightsql-dbapi sees it: Python's first client of the protocol, raw, by DB-API and under SQLAlchemy."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.conftest import Failed, Tools

CONNECTED = """
import json, sys
from flightsql import FlightSQLClient, TableRef, connect

host, port, subject = sys.argv[1:]
client = FlightSQLClient(host=host, port=int(port), user=subject, password=subject + "-secret", insecure=True)

def table(info):
    return client.do_get(info.endpoints[0].ticket).read_all()

with connect(client) as connection:
    cursor = connection.cursor()
    print(json.dumps(EXPRESSION, default=str))
"""
Asking = Callable[[str, str], Any]


@pytest.fixture
def ask(tools: Tools, flight_address: tuple[str, int]) -> Asking:
    """`ask("analyst", expression)`: an expression over `client`, `cursor` and `table(info)`, as JSON gives it back."""

    def run(subject: str, expression: str) -> Any:
        host, port = flight_address
        return json.loads(tools.python(CONNECTED.replace("EXPRESSION", expression), host, str(port), subject))

    return run


def test_a_statement_gives_rows(ask: Asking) -> None:
    text = "SELECT order_id, amount, remark FROM shop.orders WHERE order_id IN (6, 7) ORDER BY 1"
    assert ask("steward", f'cursor.execute("{text}").fetchall()') == [[6, "6.50", "remark 6"], [7, "7.50", "remark 7"]]


def test_parameters_are_values(ask: Asking) -> None:
    text = "SELECT order_id FROM shop.orders WHERE store = $1 AND order_id < $2"
    assert ask("steward", f'cursor.execute("{text}", (3, 20)).fetchall()') == [[3], [13]]
    assert ask("steward", 'cursor.execute("SELECT $1 AS a, $2 AS b", ("x", 1.5)).fetchall()') == [["x", 1.5]]


def test_masks_and_row_filters_hold(ask: Asking) -> None:
    found = ask("analyst", 'cursor.execute("SELECT email, phone IS NULL, region FROM shop.customers").fetchall()')
    assert len(found) == 300
    assert {(no_phone, region) for _, no_phone, region in found} == {(True, "N")}
    assert "CANARY-mail" not in str(found)


def test_the_catalog_shows_what_is_visible(ask: Asking) -> None:
    assert ask("analyst", 'table(client.get_db_schemas()).column("db_schema_name").to_pylist()') == ["semantic", "shop"]
    tables = ask("analyst", 'table(client.get_tables()).column("table_name").to_pylist()')
    assert tables == ["alternatives", "dimensions", "measures", "metric_tree", "synonyms", "customers", "orders"]
    orders = 'TableRef(db_schema="shop", table="orders")'
    assert ask("analyst", f'table(client.get_primary_keys({orders})).column("column_name").to_pylist()') == ["order_id"]
    assert ask("stranger", 'table(client.get_tables()).column("table_name").to_pylist()') == []


def test_what_is_not_granted_is_refused(ask: Asking) -> None:
    with pytest.raises(Failed, match=r'"hr\.salaries" does not exist'):
        ask("analyst", 'cursor.execute("SELECT * FROM hr.salaries").fetchall()')
    with pytest.raises(Failed, match="Unauthenticated"):
        ask("nobody", "1")


def test_nothing_can_be_written(ask: Asking) -> None:
    with pytest.raises(Failed, match="only"):
        ask("steward", 'client.execute_update("INSERT INTO shop.orders VALUES (1)")')


def test_sqlalchemy_reflects_a_table_and_reads_it(tools: Tools, flight_address: tuple[str, int]) -> None:
    host, port = flight_address
    program = f"""
import json
import flightsql.sqlalchemy
from sqlalchemy import MetaData, Table, create_engine, inspect, select

engine = create_engine("datafusion+flightsql://analyst:analyst-secret@{host}:{port}?insecure=True")
with engine.connect() as connection:
    orders = Table("orders", MetaData(), schema="shop", autoload_with=connection)
    chosen = select(orders.c.order_id, orders.c.remark).where(orders.c.order_id.in_([1, 6])).order_by(orders.c.order_id)
    rows = [list(row) for row in connection.execute(chosen)]
    print(json.dumps([inspect(connection).get_schema_names(), orders.c.keys(), rows]))
"""
    assert json.loads(tools.python(program)) == [
        ["semantic", "shop"],
        ["order_id", "customer_id", "store", "amount", "ordered_at", "remark"],
        [[1, "remark 1"], [6, "remark 6"]],
    ]
