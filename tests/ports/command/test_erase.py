"""`outport erase` while every door is open: the row is there, and then it is nowhere."""

from __future__ import annotations

from contextlib import ExitStack, closing

import pytest

from gateway import Gateway
from gateway.settings import Settings
from tests.doors import DOORS, Refusal
from tests.ports.command.conftest import Outport, invoke

ONE = "SELECT full_name FROM shop.customers WHERE customer_id = 7"
ORDERS = "SELECT count(*) AS n FROM shop.orders WHERE customer_id IN (6, 7)"


def test_every_door_answers_without_the_subject_afterwards(own_world: Settings) -> None:
    with ExitStack() as stack:
        gateway = stack.enter_context(closing(Gateway(own_world)))
        doors = [stack.enter_context(closing(DOORS[name](gateway))) for name in DOORS]
        for door in doors:
            assert door.ask("steward", ONE).num_rows == 1
            assert door.ask("steward", ORDERS).column(0).to_pylist() == [6]
        told = invoke("erase", "shop.customers", "7", "--reason", "asked for on Monday")
        assert told.exit_code == 0, told.stderr
        assert "1 of shop.customers, 3 of shop.orders" in told.stdout
        assert "the source's own files" in told.stderr
        for door in doors:
            assert door.ask("steward", ONE).num_rows == 0
            assert door.ask("steward", ORDERS).column(0).to_pylist() == [3]
            with pytest.raises(Refusal):
                door.ask("stranger", ONE)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("shop", "7", "--reason", "x"), 2),
        (("shop.customers.name", "7", "--reason", "x"), 2),
        (("shop.customers", "7"), 2),
        (("shop.customers", "7", "--reason", " "), 2),
        (("shop.customers", "7", "8", "--reason", "x"), 1),
        (("shop.clients", "7", "--reason", "x"), 1),
    ],
)
def test_what_names_no_subject_is_one_clear_line(outport: Outport, words: tuple[str, ...], code: int) -> None:
    told = outport("erase", *words)
    assert told.exit_code == code
    assert "Traceback" not in told.stderr
