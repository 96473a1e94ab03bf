"""`outport connect`: what it prints works when pasted."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.identity import Directory
from gateway.keys import load
from ports.command import connect, doors
from ports.command.serve import opened
from tests.conftest import World
from tests.demo import environment
from tests.ports.command.conftest import Outport


@pytest.fixture(scope="module")
def listening(world: World) -> Iterator[World]:
    with opened(world.gateway) as addresses:
        doors.note(world.settings, addresses)
        yield world
    doors.forget(world.settings)


def pasted(client: str, text: str, folder: Path | None = None) -> str:
    command = ["/bin/bash", "-euc", text] if client == "curl" else [sys.executable, "-W", "error", "-c", text]
    answer = subprocess.run(
        command, env=environment(), cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, f"{text}\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout


@pytest.mark.parametrize("client", list(connect.Client))
def test_each_snippet_gives_the_principals_rows(listening: World, outport: Outport, client: str) -> None:
    printed = outport("connect", client, "--as", "analyst", "--product", "shop")
    assert printed.exit_code == 0, printed.stderr
    rows = pasted(client, printed.stdout)
    assert "Nora" not in rows
    assert "CANARY-mail" not in rows
    assert "region" in rows or "N" in rows


@pytest.mark.parametrize("client", list(connect.Client))
def test_a_demo_principal_connects_with_its_password(listening: World, outport: Outport, client: str) -> None:
    people = Directory(listening.settings.principals, load(listening.settings))
    people.add("demo.one", "person", {"role": ["steward"]}, "demo.one-demo")
    try:
        printed = outport("connect", client, "--as", "demo.one").stdout
        assert "eyJ" not in printed
        assert pasted(client, printed)
    finally:
        people.remove("demo.one")


def test_the_line_that_the_demo_prints_works(listening: World) -> None:
    people = Directory(listening.settings.principals, load(listening.settings))
    at = doors.reach(listening.settings, "flight")
    line = connect.adbc_line(connect.credentials(people, "steward"), "SELECT count(*) AS n FROM shop.orders", at)
    assert "\n" not in line
    assert "1800" in pasted("curl", line)


def test_who_may_see_nothing_is_told_so(outport: Outport) -> None:
    answer = outport("connect", "curl", "--as", "stranger")
    assert answer.exit_code == 1
    assert "stranger may see no product" in answer.stderr
    assert outport("connect", "curl", "--as", "nobody").exit_code == 1
    assert outport("connect", "telnet", "--as", "steward").exit_code == 2
