"""One question, every door: the same values, types, masks and refusals, whoever asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from gateway import Forbidden, Gateway, NotFound, Query, Unauthenticated
from tests.conftest import password
from tests.doors import Door, GraphQLDoor, Refusal

if TYPE_CHECKING:
    from tests.mcp_door import McpDoor

QUESTIONS = [
    "SELECT * FROM shop.customers ORDER BY ALL LIMIT 20",
    "SELECT count(*) AS n, sum(lifetime) AS s FROM shop.customers",
    "SELECT region, count(*) AS n, avg(lifetime)::DOUBLE AS a FROM shop.customers GROUP BY region ORDER BY region",
    "SELECT o.store, sum(o.amount) AS s FROM shop.orders o JOIN shop.customers c USING (customer_id) "
    "GROUP BY o.store ORDER BY o.store",
    "SELECT max(email) AS a, max(full_name) AS b, max(phone) AS c, max(birth_date) AS d FROM shop.customers",
    "SELECT DISTINCT email FROM shop.customers ORDER BY email",
    "SELECT customer_id FROM shop.customers WHERE email LIKE 'CANARY%' ORDER BY 1 LIMIT 3",
    "SELECT ordered_at, remark FROM shop.orders ORDER BY order_id LIMIT 5",
    "SELECT tags, lifetime FROM shop.customers ORDER BY customer_id LIMIT 2",
    "WITH c AS (SELECT * FROM shop.customers) SELECT count(DISTINCT birth_date) AS n FROM c",
    "SELECT count(*) AS n FROM shop.orders",
    "SELECT * FROM shop.orders ORDER BY order_id LIMIT 3",
    "SELECT * FROM hr.salaries ORDER BY person_id LIMIT 1",
    "SELECT * FROM nothing.here",
    "SELECT salary FROM shop.customers LIMIT 1",
    "SELECT nonsense FROM shop.orders",
    "SELEKT 1",
    "DELETE FROM shop.orders",
    "SELECT 1 + 'x'",
]
# What GraphQL can say of the same, of the product shop: SQL and its selection; "*" stands for every column there is.
SAID = [
    ("SELECT * FROM shop.customers ORDER BY customer_id LIMIT 20", "customers(limit: 20) { * }"),
    ("SELECT * FROM shop.orders ORDER BY order_id LIMIT 3", "orders(limit: 3) { * }"),
    ("SELECT * FROM shop.orders ORDER BY remark DESC NULLS LAST, order_id LIMIT 7",
     "orders(limit: 7, orderBy: [{remark: DESC_NULLS_LAST}]) { * }"),
    ("SELECT customer_id FROM shop.customers WHERE email LIKE 'CANARY%' ORDER BY 1 LIMIT 3",
     'customers(where: {email: {_like: "CANARY%"}}, limit: 3) { customer_id }'),
    ("SELECT email FROM shop.customers WHERE phone IS NULL AND region <> 'S' ORDER BY customer_id LIMIT 4",
     'customers(where: {phone: {_isNull: true}, region: {_neq: "S"}}, limit: 4) { email }'),
    ("SELECT o.order_id, o.amount FROM shop.orders o JOIN shop.customers c USING (customer_id) "
     "WHERE c.region = 'S' OR o.store = 3 ORDER BY 1 LIMIT 9",
     'orders(where: {_or: [{customers: {region: {_eq: "S"}}}, {store: {_eq: 3}}]}, limit: 9) { order_id amount }'),
    ("SELECT salary FROM shop.customers ORDER BY customer_id LIMIT 1", "customers(limit: 1) { salary }"),
    ("SELECT nonsense FROM shop.orders", "orders { nonsense }"),
]  # fmt: skip
SUBJECTS = ["steward", "analyst", "clerk", "lost-clerk", "ml", "stranger"]


def told(door: Door, subject: str, text: str, *parameters: Any) -> tuple[str, Any]:
    """The answer's columns and rows, or the refusal's code. What a door tells of a column beside them is its own."""
    try:
        table = door.ask(subject, text, *parameters)
    except Refusal as refusal:
        return refusal.code, None
    return str([(field.name, field.type) for field in table.schema]), table.to_pylist()


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("text", QUESTIONS)
def test_every_door_gives_the_same_answer(door: Door, python_door: Door, subject: str, text: str) -> None:
    assert told(door, subject, text) == told(python_door, subject, text)


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize(("text", "selection"), SAID)
def test_graphql_gives_the_same_answer_to_what_it_can_say(
    graphql_door: GraphQLDoor, python_door: Door, subject: str, text: str, selection: str
) -> None:
    try:
        table = python_door.ask(subject, text)
    except Refusal:
        with pytest.raises(Refusal) as refusal:
            graphql_door.ask(subject, f"{{ shop {{ {selection.replace('*', '__typename')} }} }}")
        assert refusal.value.code == "GRAPHQL_VALIDATION_FAILED"
        return
    fields = selection.replace("*", " ".join(table.column_names))
    (rows,) = graphql_door.ask(subject, f"{{ shop {{ {fields} }} }}")["shop"].values()
    assert rows == [{field.name: _shown(row[field.name], field.type) for field in table.schema}
                    for row in table.to_pylist()]  # fmt: skip


@pytest.mark.parametrize("subject", SUBJECTS)
def test_graphql_has_the_columns_that_there_are_and_counts_the_rows(
    graphql_door: GraphQLDoor, python_door: Door, subject: str
) -> None:
    for table in ("customers", "orders"):
        kind = graphql_door.ask(subject, f'{{ __type(name: "Shop_{table.capitalize()}") {{ fields {{ name type '
                                         '{ kind ofType { kind name ofType { kind } } } } } }')["__type"]  # fmt: skip
        try:
            columns = python_door.ask(subject, f"SELECT * FROM shop.{table} LIMIT 0").column_names
        except Refusal:
            assert kind is None
            continue
        assert [one["name"] for one in kind["fields"]][: len(columns)] == columns
        (n,) = python_door.ask(subject, f"SELECT count(*) AS n FROM shop.{table}").to_pylist()
        counted = graphql_door.ask(subject, f"{{ shop {{ {table}Connection(first: 0) {{ totalCount }} }} }}")
        assert counted["shop"][f"{table}Connection"]["totalCount"] == n["n"]


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("text", QUESTIONS)
def test_an_agent_reads_the_same_answer(mcp_door: McpDoor, python_door: Door, subject: str, text: str) -> None:
    columns, rows = told(python_door, subject, text)
    if rows is None:
        with pytest.raises(Refusal) as refusal:
            mcp_door.ask(subject, "query_sql", sql=text)
        assert refusal.value.code == columns
        return
    answer = mcp_door.ask(subject, "query_sql", sql=text, max_tokens=20_000)
    assert [dict(zip((one["name"] for one in answer["columns"]), row, strict=True)) for row in answer["rows"]] == [
        {name: _read(value) for name, value in row.items()} for row in rows
    ]


def _read(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, int) and abs(value) > 1 << 53:
        return str(value)
    return float(value) if isinstance(value, Decimal) else value.isoformat() if isinstance(value, date) else value


def _shown(value: Any, kind: pa.DataType) -> Any:
    """A value as GraphQL shows it: long numbers and decimals as strings of their digits."""
    if value is None or isinstance(value, list | str):
        return value
    if pa.types.is_decimal(kind) or (pa.types.is_integer(kind) and kind.bit_width > 32):
        return str(value)
    return value.isoformat() if pa.types.is_temporal(kind) else value


@pytest.mark.parametrize("subject", ["steward", "analyst", "ml"])
def test_an_average_is_the_same_number_whatever_type_a_door_s_users_expect(
    door: Door, python_door: Door, subject: str
) -> None:
    # PostgreSQL's users expect numeric, exact to 16 places; the others a double.
    text = "SELECT avg(lifetime) AS a FROM shop.customers"
    (told_here,), (told_there,) = (one.ask(subject, text).to_pylist() for one in (door, python_door))
    assert float(told_here["a"]) == pytest.approx(told_there["a"], rel=1e-15)


def test_the_world_s_persons_see_what_its_policy_says(python_door: Door) -> None:
    count = "SELECT count(*) AS n FROM shop.customers"
    seen = {subject: told(python_door, subject, count) for subject in SUBJECTS}
    assert {subject: rows and rows[0]["n"] for subject, (_, rows) in seen.items()} == {
        "steward": 600, "analyst": 300, "clerk": None, "lost-clerk": None, "ml": 600, "stranger": None,
    }  # fmt: skip
    assert {code for code, rows in seen.values() if rows is None} == {"not_found"}
    orders = {s: told(python_door, s, "SELECT count(*) AS n FROM shop.orders")[1] for s in SUBJECTS}
    assert {s: rows and rows[0]["n"] for s, rows in orders.items()} == {
        "steward": 1800, "analyst": 900, "clerk": 180, "lost-clerk": None, "ml": 1800, "stranger": None,
    }  # fmt: skip


def test_masks_are_what_the_client_sees_wherever_it_looks(door: Door) -> None:
    (row,) = door.ask("analyst", "SELECT * FROM shop.customers WHERE customer_id = 2").to_pylist()
    assert "CANARY" not in str(row)
    assert row["phone"] is None
    assert row["birth_date"].isoformat() == "1960-01-01"
    assert "salary" not in row
    assert "unsorted" not in row
    assert row["lifetime"] == Decimal("2.25")
    email = row["email"]
    found = door.ask("analyst", "SELECT count(*) AS n FROM shop.customers WHERE email = $1", email).to_pylist()
    assert found[0]["n"] > 0
    real = door.ask("analyst", "SELECT count(*) AS n FROM shop.customers WHERE email = $1", "CANARY-mail-2@example.com")
    assert real.to_pylist() == [{"n": 0}]


def test_pseudonyms_join_and_are_not_the_keys(door: Door) -> None:
    joined = "SELECT count(*) AS n FROM shop.orders JOIN shop.customers USING (customer_id)"
    assert door.ask("ml", joined).to_pylist() == [{"n": 1800}]
    hashed = door.ask("ml", "SELECT customer_id FROM shop.customers").column(0).to_pylist()
    assert len(set(hashed)) == 600
    assert not set(hashed) & set(range(600))


@pytest.mark.parametrize(
    ("text", "parameters", "rows"),
    [
        ("SELECT lifetime FROM shop.customers WHERE customer_id = $1", (4,), [{"lifetime": Decimal("4.25")}]),
        ("SELECT count(*) AS n FROM shop.customers WHERE region = $1 AND customer_id < $2", ("N", 10), [{"n": 5}]),
        ("SELECT count(*) AS n FROM shop.customers WHERE region = ?", ("it's; DROP",), [{"n": 0}]),
    ],
)
def test_parameters_are_values_never_text(door: Door, text: str, parameters: Any, rows: Any) -> None:
    assert door.ask("steward", text, *parameters).to_pylist() == rows


def test_an_unknown_name_and_a_hidden_one_read_alike(door: Door) -> None:
    words = {}
    for name in ("hr.salaries", "hr.nothing", "void.salaries"):
        with pytest.raises(Refusal) as refusal:
            door.ask("stranger", f"SELECT * FROM {name}")
        words[name] = refusal.value.message.replace(name, "NAME").split("(")[0]
    assert len(set(words.values())) == 1, words


def test_wrong_credentials_are_refused_alike_for_known_and_unknown_names(door: Door) -> None:
    # The world's passwords are NAME-secret; a subject that does not exist has none.
    with pytest.raises(Refusal) as refusal:
        door.ask("nobody", "SELECT * FROM shop.customers")
    assert refusal.value.code == "unauthenticated"


def test_a_product_does_not_exist_at_a_door_that_it_does_not_declare(gateway: Gateway) -> None:
    undeclared = gateway.open(password("steward"), "stream")
    with pytest.raises(NotFound), gateway.answer(undeclared, Query("SELECT 1 FROM shop.customers")):
        pass
    assert gateway.products(undeclared) == ()
    assert [one.product.name for one in gateway.products(gateway.open(password("steward"), "rest"))] == ["hr", "shop"]


def test_a_session_ends_with_its_credentials(gateway: Gateway) -> None:
    session = gateway.open(password("steward"), "python")
    ended = replace(session, principal=replace(session.principal, valid_until=1.0))
    for ask in (lambda: gateway.answer(ended, Query("SELECT 1")), lambda: gateway.products(ended)):
        with pytest.raises(Unauthenticated):
            ask()


def test_a_purpose_that_is_not_granted_is_forbidden(gateway: Gateway) -> None:
    assert gateway.open(password("steward"), "python", "audit").purpose == "audit"
    with pytest.raises(Forbidden):
        gateway.open(password("analyst"), "python", "audit")


def test_a_wide_answer_streams_through_every_door(door: Door) -> None:
    table: pa.Table = door.ask("steward", "SELECT i, 'row ' || i AS s FROM range(300000) r(i)")
    assert table.num_rows == 300_000
    assert table.column("s")[299_999].as_py() == "row 299999"
