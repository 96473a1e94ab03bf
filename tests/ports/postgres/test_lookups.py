"""Lookups by key: a row that is kept leaves as the row that was read, for whom it is still there, and on record."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import Gateway
from gateway.serving.kept_rows import ASKED
from ports.postgres.server import PostgresPort
from tests.conftest import World, build
from tests.ports.postgres.conftest import Raw, error, eventually, kinds

ORDER = "SELECT {} FROM shop.orders WHERE order_id = $1"
GRANT = "- {id: extra, on: {product: hr}, to: {role: analyst}, grant: {columns: ['*']}}\n"
TEXTS = itertools.count()
Message = tuple[bytes, bytes]


@pytest.fixture
def steward(postgres: tuple[str, int]) -> Iterator[Raw]:
    """A steward, byte by byte."""
    with Raw(postgres) as client:
        client.start("steward")
        yield client


def looked_up(client: Raw, key: int, *results: int, limit: int = 0) -> list[Message]:
    """What the prepared statement `s` gives for a key."""
    client.bind(struct.pack("!q", key), name="s", formats=(1,), results=results)
    client.execute(limit)
    return client.sync()


def kept(gateway: Gateway) -> int:
    """How many messages of single rows are kept."""
    return len(gateway._engine._kept._made._entries)


def asked_often(client: Raw, gateway: Gateway, text: str, *results: int) -> None:
    """Prepare `text` as `s`, and ask it until its rows are kept as messages."""
    client.parse(text, "s", (20,))
    client.sync()
    before = kept(gateway)

    def more() -> bool:
        for key in range(ASKED):
            looked_up(client, key, *results)
        return kept(gateway) > before

    eventually(more)


@pytest.mark.parametrize("results", [(), (1,), (0, 1, 1, 0, 1, 0)], ids=["text", "binary", "both"])
def test_a_kept_row_is_the_same_message(world: World, steward: Raw, results: tuple[int, ...]) -> None:
    # A text that no other test has asked.
    columns = f"order_id, customer_id, store AS s{next(TEXTS)}, amount, ordered_at, remark"
    steward.parse(ORDER.format(columns), "s", (20,))
    keys = [0, 1, 4, 7, 1799, -5, 10**12]
    before = {key: looked_up(steward, key, *results) for key in keys}
    steward.send(b"C", b"Ss\0")
    asked_often(steward, world.gateway, ORDER.format(columns), *results)
    for _ in range(2):
        for key in keys:
            assert [one for one in before[key] if one[0] != b"1"] == looked_up(steward, key, *results)


def test_forms_of_a_kept_row_do_not_mix(world: World, steward: Raw) -> None:
    asked_often(steward, world.gateway, ORDER.format(f"order_id, amount AS a{next(TEXTS)}"), 1)
    binary, text, mixed = (looked_up(steward, 5, *form) for form in ((1,), (), (0, 1)))
    assert [body for _, body in (binary[1], text[1])] == [
        struct.pack("!hiqi", 2, 8, 5, 12) + struct.pack("!hhHhhh", 2, 0, 0, 2, 5, 5000),
        struct.pack("!hici", 2, 1, b"5", 4) + b"5.50",
    ]
    assert mixed[1][1] == text[1][1][:7] + binary[1][1][14:]
    for form, answer in (((1,), binary), ((), text), ((0, 1), mixed)):
        assert looked_up(steward, 5, *form) == answer


@pytest.mark.parametrize(("limit", "end"), [(0, "2DCZ"), (1, "2DsZ"), (2, "2DCZ")])
def test_a_kept_row_is_taken_within_a_limit(world: World, steward: Raw, limit: int, end: str) -> None:
    asked_often(steward, world.gateway, ORDER.format(f"order_id AS o{next(TEXTS)}"), 1)
    assert kinds(looked_up(steward, 3, 1, limit=limit)) == end
    steward.query("BEGIN")
    steward.bind(struct.pack("!q", 3), portal="p", name="s", formats=(1,))
    for expected in ("2DC", "C"):
        steward.execute(0, "p")
        assert kinds(steward.sync()) == expected + "Z"


def test_each_lookup_of_a_kept_row_is_on_record(world: World, steward: Raw) -> None:
    text = ORDER.format(f"order_id, remark AS r{next(TEXTS)}")
    asked_often(steward, world.gateway, text)
    before = records(world.settings.audit, text)
    for key in (2, 3, 2, -1):
        looked_up(steward, key)
    added = records(world.settings.audit, text)[len(before) :]
    assert [(one["rows"], one["outcome"], one["port"]) for one in added] == [
        *[(1, "answered", "postgres")] * 3,
        (0, "answered", "postgres"),
    ]
    assert added[0]["bytes"] == added[2]["bytes"] > 0


def records(audit: Path, statement: str) -> list[dict[str, object]]:
    """What the audit has of a statement, in order."""
    lines = [json.loads(line) for path in audit.glob("*.jsonl") for line in path.read_text().splitlines()]
    return [one for one in lines if one.get("statement") == statement]


def test_a_kept_row_is_not_shown_to_whom_it_is_taken_from(tmp_path: Path) -> None:
    settings = build(tmp_path)
    file = settings.policies / "hr.yaml"
    granted = file.read_text()
    file.write_text(granted + GRANT)
    gateway = Gateway(settings)
    port = PostgresPort(gateway)
    port.start()
    with Raw(port.address) as client:
        client.start()
        client.parse("SELECT * FROM hr.salaries WHERE person_id = $1", "s", (20,))
        key = 80_000_001
        eventually(lambda: kinds(looked_up(client, key)) in {"12DCZ", "2DCZ"} and kept(gateway) > 0)
        before = gateway.pin().policies.version
        file.write_text(granted)
        eventually(lambda: gateway.pin().policies.version != before)
        assert error(looked_up(client, key))["C"] == "42P01"
    port.stop()
    gateway.close()
