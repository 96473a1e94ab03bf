"""`outport erase` while every door is open: the row is there, and then it is nowhere."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway import Gateway
from gateway.settings import Settings
from ports.command.main import app
from tests.doors import DOORS, Refusal
from tests.ports.command.conftest import Outport

ONE = "SELECT full_name FROM shop.customers WHERE customer_id = 7"
ORDERS = "SELECT count(*) AS n FROM shop.orders WHERE customer_id IN (6, 7)"


def test_every_door_answers_without_the_subject_afterwards(own_world: Settings) -> None:
    with ExitStack() as stack:
        gateway = stack.enter_context(closing(Gateway(own_world)))
        doors = [stack.enter_context(closing(DOORS[name](gateway))) for name in DOORS]
        for door in doors:
            assert door.ask("steward", ONE).num_rows == 1
            assert door.ask("steward", ORDERS).column(0).to_pylist() == [6]
        words = ["erase", "shop.customers", "--key-file", "-", "--reason", "asked for on Monday"]
        told = CliRunner().invoke(app, words, input="7\n")
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
        (("shop", "--key-file", "KEY", "--reason", "x"), 2),
        (("shop.customers.name", "--key-file", "KEY", "--reason", "x"), 2),
        (("shop.customers", "--key-file", "KEY"), 2),
        (("shop.customers", "--key-file", "KEY", "--reason", " "), 2),
        (("shop.customers", "--key-file", "TWO", "--reason", "x"), 1),
        (("shop.customers", "--key-file", "NONE", "--reason", "x"), 2),
        (("shop.customers", "--key-file", "EMPTY", "--reason", "x"), 2),
        (("shop.customers", "7", "--reason", "x"), 2),
        (("shop.customers", "--reason", "x"), 2),
        (("shop.clients", "--key-file", "KEY", "--reason", "x"), 1),
    ],
)
def test_what_names_no_subject_is_one_clear_line(
    outport: Outport, words: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    for name, text in {"KEY": "7\n", "TWO": "7\n8\n", "EMPTY": "\n"}.items():
        (tmp_path / name).write_text(text)
    told = outport("erase", *(str(tmp_path / word) if word.isupper() else word for word in words))
    assert told.exit_code == code
    assert "Traceback" not in told.stderr
