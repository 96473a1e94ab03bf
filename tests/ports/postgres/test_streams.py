"""Long answers: the first row comes at once, whoever reads slowly costs little, whatever the rows' number and width."""

from __future__ import annotations

import struct

import pytest

from ports.postgres.server import PostgresPort
from tests.certificates import Resettled
from tests.conftest import World
from tests.ports.postgres.conftest import Raw, error, eventually
from tests.ports.postgres.test_hostile import resident_bytes

LONG = "SELECT i, 'row ' || i AS s FROM range(20000000) r(i)"
WIDE = "SELECT repeat('x', 10000) AS s FROM range(200000) r(i)"
MANY = "SELECT " + ", ".join(f"i AS c{number}" for number in range(200)) + " FROM range(2000000) r(i)"


def read_first(client: Raw) -> None:
    """Read until the first row is there."""
    while client.read()[0] not in {b"D", b"d"}:
        pass


# What is held of an answer of many times that. This process serves every other test too, so that its memory is a rough
# measure (the benchmarks have a server alone: < 300 MB); of the wide rows, engine, Arrow and encoder hold 80 MB each.
HELD_BYTES = {LONG: 300 << 20, WIDE: 600 << 20, MANY: 300 << 20}


@pytest.mark.parametrize("form", ["SELECT", "COPY", "COPY binary", "cursor"])
@pytest.mark.parametrize("text", [LONG, WIDE, MANY], ids=["long", "wide", "many columns"])
def test_an_answer_begins_at_once_and_waits_for_its_reader(
    world: World, postgres: tuple[str, int], text: str, form: str
) -> None:
    before, limit = resident_bytes(), HELD_BYTES[text]
    with Raw(postgres) as client:
        client.start("steward")
        if form == "cursor":
            client.query(f"BEGIN; DECLARE c CURSOR FOR {text}")
            text = "FETCH ALL c"
        elif form != "SELECT":
            text = f"COPY ({text}) TO STDOUT (FORMAT {'binary' if 'binary' in form else 'text'})"
        client.send(b"Q", text.encode() + b"\0")
        read_first(client)
        # Nobody reads now: what is sent fills the socket, and no more is made. It had begun long before it was whole.
        eventually(lambda: world.gateway._engine.load().running == 0)
        assert resident_bytes() - before < limit
    eventually(lambda: world.gateway._engine.load().open == 0)


def test_a_client_that_reads_no_more_is_ended(world: World) -> None:
    port = PostgresPort(Resettled(world.gateway, idle_s=1.0))  # type: ignore[arg-type]
    port.start()
    with Raw(port.address) as client:
        client.start()
        client.send(b"Q", LONG.encode() + b"\0")
        assert client.read()[0] == b"T"
        eventually(lambda: world.gateway._engine.load().open == 0)
        while (message := client.read())[0] in {b"T", b"D"}:
            pass
        assert message == (b"", b"") or error([message])["C"] == "57014"
    port.stop()


def test_many_rows_in_small_parts_are_all_there(postgres: tuple[str, int]) -> None:
    with Raw(postgres) as client:
        client.start()
        client.parse("SELECT i, repeat('x', 2000) AS s FROM range(9000) r(i)")
        client.bind(results=(1,))
        parts = []
        for limit in (1, 1, 4000, 0):
            client.execute(limit)
            client.send(b"H")
            while (message := client.read())[0] == b"D" or message[0] in {b"1", b"2"}:
                if message[0] == b"D":
                    parts.append(struct.unpack_from("!q", message[1], 6)[0])
        assert parts == list(range(9000))
