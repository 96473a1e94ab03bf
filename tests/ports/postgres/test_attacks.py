"""Attacks through this door: each of the common ones in every form that it takes, and those that only it could let in.

A policy may change while a connection keeps statements, cursors and portals of before.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway
from ports.postgres.server import PostgresPort
from tests.conftest import build
from tests.ports.postgres.conftest import Raw, error, eventually, kinds
from tests.test_no_way_round import ATTACKS, HONEST, SECRET

# What an analyst never sees, as text and as int8: salaries are 70,000,000 and a little.
_BYTES = re.compile(SECRET.pattern.encode() + rb"|\0\0\0\0\x04\x2c[\x1d-\x1f].", re.DOTALL)
_REFUSALS = {"0A000", "08P01", "22", "25", "26", "3", "42", "53", "54"}
FORMS = ("simple", "extended", "binary", "copy", "cursor", "prepared")
Messages = list[tuple[bytes, bytes]]


def asked(client: Raw, text: str, form: str) -> Messages:
    """The statement in one of FORMS, and all that came back."""
    match form:
        case "simple":
            return client.query(text)
        case "copy":
            return client.query(f"COPY ({text}) TO STDOUT")
        case "cursor":
            begun = client.query("BEGIN") + client.query(f"DECLARE c NO SCROLL CURSOR FOR {text}")
            return begun + client.query("FETCH ALL c") + client.query("ROLLBACK")
        case "prepared":
            return client.query(f"PREPARE p AS {text}") + client.query("EXECUTE p") + client.query("DEALLOCATE ALL")
    client.parse(text)
    client.send(b"D", b"S\0")
    client.bind(results=(1,) if form == "binary" else ())
    client.send(b"D", b"P\0")
    client.execute()
    return client.sync()


@pytest.mark.parametrize(
    ("category", "form"),
    # What a bomb costs is weighed before any form is looked at.
    [(one, form) for one in ATTACKS for form in FORMS if one != "bombs" or form in {"simple", "extended"}],
)
def test_an_attack_shows_nothing_in_any_form(raw: Raw, category: str, form: str) -> None:
    for attack in ATTACKS[category]:
        told = asked(raw, attack, form)
        shown = b"".join(kind + body for kind, body in told).replace(attack.encode(), b"")
        assert not _BYTES.search(shown), attack
        assert b"Traceback" not in shown
        for body in [body for kind, body in told if kind == b"E"]:
            state = error([(b"E", body)])["C"]
            assert state != "XX000", (attack, body)
            assert any(state.startswith(one) for one in _REFUSALS), (attack, body)
    assert b"D" in kinds(asked(raw, HONEST[category], form)).encode() or form == "copy"


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("SET ROLE steward", "42501"),
        ("SET LOCAL ROLE steward", "42501"),
        ("SET SESSION AUTHORIZATION steward", "42501"),
        ("SET SESSION SESSION AUTHORIZATION 'steward'", "42501"),
        ("SET role = steward", "42501"),
        ("SET role TO 'steward'", "42501"),
        ('SET "role" = steward', "42501"),
        ("SET session_authorization = steward", "42501"),
        ("SELECT set_config('role', 'steward', false)", "42501"),
        ("SELECT set_config('session_authorization', 'steward', false)", "42501"),
        ("SET is_superuser = on", "55P02"),
        ("SET transaction_read_only = off", "22023"),
        ("SET default_transaction_read_only = off", "22023"),
        ("COPY shop.customers (salary) TO STDOUT", "42703"),
        ("COPY (SELECT salary FROM shop.customers) TO STDOUT", "42703"),
        ("COPY hr.salaries TO STDOUT", "42P01"),
        ("COPY (SELECT * FROM hr.salaries) TO STDOUT (FORMAT binary)", "42P01"),
        ("COPY shop.customers TO '/tmp/stolen.csv'", "25006"),
        ("COPY shop.customers TO PROGRAM 'cat'", "25006"),
        ("COPY shop.customers FROM STDIN", "25006"),
        ("COPY shop.customers FROM '/etc/passwd'", "25006"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT salary FROM shop.customers", "42703"),
        ("EXPLAIN SELECT salary FROM shop.customers", "42703"),
        ("EXPLAIN ANALYZE SELECT * FROM hr.salaries", "42P01"),
    ],
)
def test_nobody_becomes_another_nor_copies_what_is_hidden(raw: Raw, text: str, state: str) -> None:
    assert error(raw.query(text))["C"] == state
    raw.parse(text)
    raw.bind()
    raw.execute()
    assert error(raw.sync())["C"] == state
    assert b"analyst" in b"".join(body for kind, body in raw.query("SELECT current_user") if kind == b"D")


def test_a_startup_message_makes_nobody_another(postgres: tuple[str, int]) -> None:
    for parameters in ({"role": "steward"}, {"session_authorization": "steward"}, {"options": "-c role=steward"}):
        with Raw(postgres) as client:
            assert error(client.start(**parameters))["C"] == "42501"


@pytest.mark.parametrize(
    "path",
    ["hr", "core", '"$user", hr, core', "pg_catalog, core", "HR", '"HR"', 'hr"; DROP', "''", "memory.main", "hr,shop"],
)
def test_a_search_path_finds_nothing_that_is_hidden(raw: Raw, path: str) -> None:
    raw.query("SELECT set_config('search_path', '{}', false)".format(path.replace("'", "''")))
    for name in ("salaries", "customers"):
        for form in FORMS:
            told = b"".join(body for _, body in asked(raw, f"SELECT * FROM {name}", form))
            assert not _BYTES.search(told)
    assert error(raw.query("SELECT * FROM salaries"))["C"] == "42P01"


def test_an_explanation_tells_neither_rows_nor_the_policy(raw: Raw) -> None:
    for options in ("", "ANALYZE ", "(ANALYZE, VERBOSE, FORMAT json) "):
        text = f"EXPLAIN {options}SELECT count(*) FROM shop.customers WHERE region = 'S'"
        told = b"".join(body for kind, body in raw.query(text) if kind == b"D").decode("utf-8", "replace").lower()
        assert "shop" in told
        assert not re.search(r"region|filter|rows|cost|\b[36]00\b|\bcore\b|gov_|seq_scan|estimat", told), told


def test_hidden_and_unknown_columns_read_alike(raw: Raw) -> None:
    told = []
    for name in ("salary", "salaru"):
        raw.parse(f"SELECT {name} FROM shop.customers")
        raw.send(b"D", b"S\0")
        refusal = error(raw.sync())
        told.append({letter: text.replace(name, "NAME") for letter, text in refusal.items() if letter != "D"})
    assert told[0] == told[1]
    assert "unsorted" not in str(told)


def test_a_description_names_only_what_is_seen(raw: Raw) -> None:
    raw.parse("SELECT * FROM shop.customers WHERE customer_id = $1")
    raw.send(b"D", b"S\0")
    (told,) = [body for kind, body in raw.sync() if kind == b"T"]
    assert b"email" in told
    assert b"salary" not in told
    assert b"unsorted" not in told


@pytest.mark.parametrize("value", [b"x", b"\xff", b"1; DROP", b"", b"9" * 400, b"0x10", b"\xd9\xa1"])
@pytest.mark.parametrize("code", [0, 1])
def test_a_parameter_that_is_none_shows_only_itself(raw: Raw, value: bytes, code: int) -> None:
    raw.parse("SELECT customer_id FROM shop.customers WHERE customer_id = $1")
    raw.bind(value, formats=(code,))
    raw.execute()
    refusal = error(raw.sync())
    assert refusal["C"] in {"22P02", "22P03", "22021", "22003", "08P01"}
    assert kinds(raw.query("SELECT 1 AS a")) == "TDCZ"


# -- policies that change while a connection is open

ALL = "- {id: extra, on: {product: hr}, to: {role: analyst}, grant: {columns: ['*']}}\n"


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, tuple[str, int], Path]]:
    """A world of its own, whose policies may be edited: its gateway, its door, the file that grants hr."""
    settings = build(tmp_path_factory.mktemp("changing"))
    gateway = Gateway(settings)
    port = PostgresPort(gateway)
    port.start()
    yield gateway, port.address, settings.policies / "hr.yaml"
    port.stop()
    gateway.close()


@pytest.fixture
def edited(changing: tuple[Gateway, tuple[str, int], Path]) -> Iterator[tuple[Raw, Path]]:
    """An analyst who may see pay for now, and the file that says so."""
    gateway, address, file = changing
    kept = file.with_suffix(".kept")
    shutil.copy(file, kept)
    edit(gateway, file, file.read_text() + ALL)
    with Raw(address) as client:
        assert client.start()[-1] == (b"Z", b"I")
        yield client, file
    edit(gateway, file, kept.read_text())
    kept.unlink()


def edit(gateway: Gateway, file: Path, text: str) -> None:
    """Write a policy file, and wait until it is in force."""
    if text == file.read_text():
        return
    before = gateway.pin().policies.version
    file.write_text(text)
    eventually(lambda: gateway.pin().policies.version != before)


def without(text: str, changing: tuple[Gateway, tuple[str, int], Path]) -> None:
    """Take the grant away, or put `text` in its place."""
    gateway, _, file = changing
    edit(gateway, file, file.read_text().replace(ALL, text))


SELECT = "SELECT * FROM hr.salaries ORDER BY person_id"


def test_a_prepared_statement_is_decided_upon_at_each_execution(
    edited: tuple[Raw, Path], changing: tuple[Gateway, tuple[str, int], Path]
) -> None:
    client, _ = edited
    client.parse(SELECT, "s")
    client.bind(name="s")
    client.execute(1)
    client.query(f"PREPARE p AS {SELECT}")
    assert b"CANARY" in b"".join(body for _, body in client.query("EXECUTE p"))
    without("", changing)
    assert error(client.query("EXECUTE p"))["C"] == "42P01"
    client.bind(name="s")
    client.execute()
    assert error(client.sync())["C"] == "42P01"


def test_a_portal_that_was_bound_before_shows_nothing_afterwards(
    edited: tuple[Raw, Path], changing: tuple[Gateway, tuple[str, int], Path]
) -> None:
    client, _ = edited
    client.query("BEGIN")
    client.parse(SELECT, "s")
    for name in ("begun", "bound"):
        client.bind(name="s", portal=name)
    client.execute(2, "begun")
    assert kinds(client.sync()) == "122DDsZ"
    without("", changing)
    client.execute(2, "begun")
    assert error(client.sync())["C"] == "42P01"
    client.query("ROLLBACK")


@pytest.mark.parametrize("hold", [False, True])
def test_a_cursor_gives_no_row_that_would_not_be_given_now(
    edited: tuple[Raw, Path], changing: tuple[Gateway, tuple[str, int], Path], hold: bool
) -> None:
    client, _ = edited
    client.query("BEGIN")
    client.query(f"DECLARE c CURSOR {'WITH HOLD ' if hold else ''}FOR {SELECT}")
    assert b"CANARY-person-0" in b"".join(body for _, body in client.query("FETCH 1 c"))
    if hold:
        client.query("COMMIT")
    without(ALL.replace("['*']}", "['*'], rows: 'person_id > 80000010'}"), changing)
    told = client.query("FETCH 1 c")
    assert error(told)["C"] in {"42501", "34000"}
    assert b"CANARY" not in b"".join(body for _, body in told)
    client.query("ROLLBACK")


def test_a_statement_whose_columns_are_fewer_now_is_to_be_prepared_again(
    edited: tuple[Raw, Path], changing: tuple[Gateway, tuple[str, int], Path]
) -> None:
    client, _ = edited
    client.parse(SELECT, "s")
    client.sync()
    without(ALL.replace("['*']", "[person_id, person]"), changing)
    client.bind(name="s")
    client.execute()
    refusal = error(client.sync())
    assert (refusal["C"], refusal["M"]) == ("0A000", "cached plan must not change result type")
    client.parse(SELECT)
    client.bind()
    client.execute(1)
    assert b"CANARY-person-0" in b"".join(body for _, body in client.sync())


# -- who signs in


def refused(postgres: tuple[str, int], user: str) -> list[tuple[bytes, int]]:
    """What a sign-in with a proof of nothing is told: the kinds and lengths of the messages."""
    with Raw(postgres) as client:
        body = struct.pack("!i", 196608) + f"user\0{user}\0\0".encode()
        client.socket.sendall(struct.pack("!i", len(body) + 4) + body)
        told = [client.read()]
        client.send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", 13) + b"n,,n=,r=nonce")
        told.append(client.read())
        nonce = told[-1][1][4:].split(b",")[0]
        client.send(b"p", b"c=biws," + nonce + b",p=" + b"A" * 43 + b"=")
        told += client.until_ready()
        assert error(told)["C"] == "28P01"
        return [(kind, len(body)) for kind, body in told]


def test_a_wrong_password_and_an_unknown_name_take_the_same_work(
    postgres: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    work: list[str] = []
    for module, name in ((hashlib, "pbkdf2_hmac"), (hmac, "compare_digest")):
        monkeypatch.setattr(module, name, noted(work, name, getattr(module, name)))
    done = {}
    for user in ("lost-clerk", "nobody-of-that-name"):
        work.clear()
        done[user] = refused(postgres, user), sorted(work)
    assert done["lost-clerk"] == done["nobody-of-that-name"]
    assert "compare_digest" in done["lost-clerk"][1]


def noted(work: list[str], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, whose calls are counted."""

    def counted(*given: Any, **named: Any) -> Any:
        work.append(name)
        return function(*given, **named)

    return counted
