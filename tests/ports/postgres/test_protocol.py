"""The conversation as PostgreSQL's documentation has it: what follows what, and how it goes on after an error."""

from __future__ import annotations

import struct

import pytest

from tests.conftest import World
from tests.ports.postgres.conftest import Raw, error, kinds

COUNT = "SELECT count(*) AS n FROM shop.customers"


def tags(messages: list[tuple[bytes, bytes]]) -> list[str]:
    return [body[:-1].decode() for kind, body in messages if kind == b"C"]


def test_a_sign_in_ends_with_settings_a_key_and_ready(postgres: tuple[str, int]) -> None:
    with Raw(postgres) as client:
        told = client.start(application_name="test", options="-c extra_float_digits=3")
        settings = dict(body[:-1].decode().split("\0") for kind, body in told if kind == b"S")
        assert settings["server_version"].startswith("15.")
        assert settings["application_name"] == "test"
        assert settings["client_encoding"] == "UTF8"
        assert kinds(told) == "RRKZ"
        assert client.query("SHOW extra_float_digits")[1][1].endswith(b"3")


@pytest.mark.parametrize(
    ("text", "letters", "said"),
    [
        ("SELECT 1 AS a", "TDCZ", ["SELECT 1"]),
        ("SELECT 1 AS a; SELECT 2 AS b", "TDCTDCZ", ["SELECT 1", "SELECT 1"]),
        ("", "IZ", []),
        ("  -- nothing\n ;; ", "IZ", []),
        ("BEGIN; SELECT 1 AS a; COMMIT", "CTDCCZ", ["BEGIN", "SELECT 1", "COMMIT"]),
        ("SELECT 1 AS a; SELEC 2; SELECT 3 AS c", "TDCEZ", ["SELECT 1"]),
        ("SET application_name = 'x'", "CZ", ["SET"]),
        ("SHOW application_name", "TDCZ", ["SHOW"]),
        ("SELECT version()", "TDCZ", ["SELECT 1"]),
        ("EXPLAIN SELECT 1 AS a", "TDDCZ", ["EXPLAIN"]),
        ("SELECT customer_id FROM shop.customers WHERE false", "TCZ", ["SELECT 0"]),
        ("DISCARD ALL", "CZ", ["DISCARD ALL"]),
        ("UNLISTEN *", "CZ", ["UNLISTEN"]),
        ("COPY (SELECT 1 AS a) TO STDOUT", "HdcCZ", ["COPY 1"]),
        ("PREPARE p AS SELECT 1 AS a; EXECUTE p; DEALLOCATE p", "CTDCCZ", ["PREPARE", "SELECT 1", "DEALLOCATE"]),
    ],
)
def test_a_simple_query_is_answered_statement_by_statement(raw: Raw, text: str, letters: str, said: list[str]) -> None:
    told = raw.query(text)
    assert kinds(told) == letters
    assert tags(told) == said


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("SELEC 1", "42601"),
        ("SELECT nope FROM shop.customers", "42703"),
        ("SELECT * FROM hr.salaries", "42P01"),
        ("SELECT * FROM void.nothing", "42P01"),
        ("SELECT nothing_such(1)", "42883"),
        ("INSERT INTO shop.customers VALUES (1)", "25006"),
        ("CREATE TABLE x (a int)", "25006"),
        ("COPY shop.customers FROM STDIN", "25006"),
        ("SHOW nonsense", "42704"),
        ("SET client_encoding = 'LATIN1'", "22023"),
        ("EXECUTE nothing", "26000"),
        ("CLOSE nothing", "34000"),
        ("SAVEPOINT a", "25P01"),
        ("SET ROLE steward", "42501"),
        ("DECLARE c CURSOR FOR SELECT 1", "25P01"),
    ],
)
def test_a_refusal_has_its_sqlstate_and_the_connection_goes_on(raw: Raw, text: str, state: str) -> None:
    refusal = error(raw.query(text))
    assert refusal["C"] == state
    assert refusal["S"] == refusal["V"] == "ERROR"
    assert kinds(raw.query(COUNT)) == "TDCZ"


def test_a_position_points_into_the_client_s_text(raw: Raw) -> None:
    text = "SELECT *\nFROM shop.nothing"
    assert text[int(error(raw.query(text))["P"]) - 1 :].startswith("shop.nothing")


def test_the_extended_protocol_describes_without_running(raw: Raw) -> None:
    raw.parse("SELECT customer_id, full_name FROM shop.customers WHERE customer_id = $1", "s")
    raw.send(b"D", b"Ss\0")
    raw.bind(b"4", name="s", results=(1, 0))
    raw.send(b"D", b"P\0")
    raw.execute()
    told = raw.sync()
    assert kinds(told) == "1tT2TDCZ"
    assert told[1][1] == struct.pack("!hI", 1, 20)
    assert told[5][1] == b"\0\x02" + struct.pack("!iq", 8, 4) + struct.pack("!i", 4) + b"N***"


def test_after_an_error_nothing_is_answered_until_sync(raw: Raw) -> None:
    raw.parse("SELECT nope FROM shop.customers")
    raw.bind()
    raw.execute()
    assert kinds(raw.sync()) == "EZ"
    raw.parse(COUNT)
    raw.bind()
    raw.execute()
    assert kinds(raw.sync()) == "12DCZ"


def test_portals_are_suspended_and_go_on_side_by_side(raw: Raw) -> None:
    assert raw.query("BEGIN")[-1] == (b"Z", b"T")
    raw.parse("SELECT order_id FROM shop.orders ORDER BY order_id LIMIT 5", "s")
    for portal in ("a", "b"):
        raw.bind(portal=portal, name="s")
    found: dict[str, list[bytes]] = {"a": [], "b": []}
    endings = []
    for portal, limit in (("a", 2), ("b", 3), ("a", 2), ("b", 3), ("a", 2)):
        raw.execute(limit, portal)
        raw.send(b"H")
        while (message := raw.read())[0] not in b"Cs":
            if message[0] == b"D":
                found[portal].append(message[1][6:])
        endings.append(message)
    assert [kind for kind, _ in endings] == [b"s", b"s", b"s", b"C", b"C"]
    assert found["a"] == found["b"]
    assert len(found["a"]) == 5
    assert raw.sync()[-1] == (b"Z", b"T")


def test_portals_end_with_their_transaction(raw: Raw) -> None:
    raw.parse(COUNT)
    raw.bind(portal="p")
    raw.sync()
    raw.execute(portal="p")
    assert error(raw.sync())["C"] == "34000"


@pytest.mark.parametrize("name", ["", "named"])
def test_what_was_closed_or_never_was_is_refused(raw: Raw, name: str) -> None:
    raw.send(b"C", b"S" + name.encode() + b"\0")
    raw.bind(name=name)
    told = raw.sync()
    assert kinds(told) == "3EZ"
    assert error(told)["C"] == "26000"


def test_an_empty_statement_and_a_command_have_no_rows_to_describe(raw: Raw) -> None:
    for text, letters in (("", "1tn2nIZ"), ("BEGIN", "1tn2nCZ")):
        raw.parse(text, "e")
        raw.send(b"D", b"Se\0")
        raw.bind(name="e")
        raw.send(b"D", b"P\0")
        raw.execute()
        raw.send(b"C", b"Se\0")
        assert kinds(raw.sync()) == letters.replace("Z", "3Z")


def test_a_failed_transaction_ends_before_anything_else(raw: Raw) -> None:
    assert raw.query("BEGIN")[-1][1] == b"T"
    assert raw.query("SELEC")[-1][1] == b"E"
    assert error(raw.query(COUNT))["C"] == "25P02"
    assert tags(raw.query("COMMIT")) == ["ROLLBACK"]
    assert raw.query(COUNT)[-1][1] == b"I"


def test_a_savepoint_mends_a_failed_transaction(raw: Raw) -> None:
    raw.query("BEGIN; SAVEPOINT a; SAVEPOINT b")
    raw.query("SELEC")
    told = raw.query("ROLLBACK TO a")
    assert told[-1][1] == b"T"
    assert error(raw.query("ROLLBACK TO b"))["C"] == "3B001"


def test_settings_of_a_failed_transaction_are_undone(raw: Raw) -> None:
    raw.query("SET application_name = 'before'")
    raw.query("BEGIN; SET application_name = 'within'; SET LOCAL search_path = shop")
    told = raw.query("ROLLBACK")
    assert (b"S", b"application_name\0before\0") in told
    assert raw.query("SHOW application_name")[1][1].endswith(b"before")


def test_an_unqualified_name_is_looked_up_on_the_search_path(raw: Raw) -> None:
    assert error(raw.query("SELECT 1 FROM customers LIMIT 1"))["C"] == "42P01"
    raw.query("SET search_path = shop, hr")
    assert kinds(raw.query("SELECT 1 AS a FROM customers LIMIT 1")) == "TDCZ"


def test_cursors_fetch_forward(raw: Raw) -> None:
    raw.query("BEGIN; DECLARE c CURSOR FOR SELECT order_id FROM shop.orders ORDER BY 1 LIMIT 5")
    assert tags(raw.query("FETCH 2 FROM c")) == ["FETCH 2"]
    assert tags(raw.query("MOVE 1 FROM c")) == ["MOVE 1"]
    assert tags(raw.query("FETCH ALL FROM c")) == ["FETCH 2"]
    assert tags(raw.query("FETCH c")) == ["FETCH 0"]
    assert error(raw.query("FETCH BACKWARD 1 FROM c"))["C"] == "55000"


@pytest.mark.parametrize(
    ("value", "code", "state"),
    [
        (b"x", 0, "22P02"),
        (b"\0\0", 1, "22P02"),
        (b"\xff\xfe", 0, "22021"),
        (b"99999999999999999999", 0, "22003"),
    ],
)
def test_a_wrong_parameter_is_refused_with_its_place(raw: Raw, value: bytes, code: int, state: str) -> None:
    raw.parse("SELECT 1 AS a FROM shop.customers WHERE customer_id = $1")
    raw.bind(value, formats=(code,))
    refusal = error(raw.sync())
    assert refusal["C"] == state
    assert kinds(raw.query(COUNT)) == "TDCZ"


def test_the_numbers_of_parameters_and_formats_must_fit(raw: Raw) -> None:
    for values, formats, results in (
        ((), (), ()),
        ((b"1", b"2"), (), ()),
        ((b"1",), (0, 0), ()),
        ((b"1",), (), (0, 0)),
    ):
        raw.parse("SELECT 1 AS a FROM shop.customers WHERE customer_id = $1")
        raw.bind(*values, formats=formats, results=results)
        assert error(raw.sync())["C"] == "08P01"


def test_copy_writes_the_formats_of_postgresql(raw: Raw) -> None:
    source = "SELECT * FROM (VALUES (1, 'a\tb'), (2, NULL), (3, 'x\\y'), (4, 'q\"u,o')) v(i, s)"
    text = b"".join(body for kind, body in raw.query(f"COPY ({source}) TO STDOUT") if kind == b"d")
    assert text == b'1\ta\\tb\n2\t\\N\n3\tx\\\\y\n4\tq"u,o\n'
    csv = b"".join(body for kind, body in raw.query(f"COPY ({source}) TO STDOUT WITH CSV HEADER") if kind == b"d")
    assert csv == b'i,s\n1,a\tb\n2,\n3,x\\y\n4,"q""u,o"\n'
    binary = b"".join(
        body for kind, body in raw.query("COPY (SELECT 1 AS i) TO STDOUT (FORMAT binary)") if kind == b"d"
    )
    assert binary == b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\0\x01\0\0\0\x04\0\0\0\x01" + b"\xff\xff"


def test_a_transaction_sees_one_state(raw: Raw) -> None:
    raw.query("BEGIN")
    first = raw.query(COUNT)
    assert raw.query(COUNT)[1] == first[1]
    assert raw.query("COMMIT")[-1][1] == b"I"


def test_a_connection_is_pinned_to_snapshots_by_a_setting(world: World, raw: Raw) -> None:
    steward = world.gateway.impersonate("analyst", "python")
    kept = world.gateway.product(steward, "shop").snapshot.id
    assert tags(raw.query(f"SET outport.snapshot = '{kept}'")) == ["SET"]
    assert any(kept in str(body) for _, body in raw.query(f"EXPLAIN {COUNT}"))
    assert kinds(raw.query(COUNT)) == "TDCZ"
    raw.query("SET outport.snapshot = 'nothing'")
    assert error(raw.query(COUNT))["M"] == "this snapshot does not exist"
    raw.query("RESET outport.snapshot")
    assert kinds(raw.query(COUNT)) == "TDCZ"
