"""`outport connect`: what it prints works when pasted."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.command import connect, doors
from ports.command.serve import opened
from ports.http import snippets
from tests.conftest import World
from tests.demo import environment
from tests.ports.command.conftest import Outport


@pytest.fixture(scope="module")
def listening(world: World) -> Iterator[World]:
    with opened(world.gateway) as addresses:
        doors.note(world.settings, addresses)
        yield world
    doors.forget(world.settings)


COLUMNS = "SELECT column_name FROM information_schema.columns"
# What is no program of Python is put where its tool would put it; psql and pgjdbc are among `make test-clients`.
PUT = {
    "mcp": """
import anyio, httpx2, json, ssl
from pathlib import Path
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
given = json.loads(TEXT)["mcpServers"]["outport"]
assert given["type"] == "http"
context = ssl.create_default_context(cafile="ca.pem") if Path("ca.pem").exists() else True
if Path("client.pem").exists():
    context.load_cert_chain("client.pem", "client.key")
async def ask():
    async with httpx2.AsyncClient(headers=given["headers"], verify=context) as http:
        async with Client(streamable_http_client(given["url"], http_client=http)) as client:
            print((await client.call_tool("describe_product", {"product": "shop"})).content[0].text)
anyio.run(ask)
""",
    "psql": """
import psycopg, shlex
name, conninfo, option, sql = shlex.split(TEXT)
with psycopg.connect(conninfo) as door:
    print(name, option, door.execute(sql).fetchall())
""",
    "superset": """
import sqlalchemy
engine = sqlalchemy.create_engine(TEXT)
with engine.connect() as door:
    print(door.execute(sqlalchemy.text(COLUMNS)).all())
engine.dispose()
""",
    "jdbc": """
import psycopg
with psycopg.connect(TEXT.removeprefix("jdbc:").replace("client.pk8", "client.key")) as door:
    print(door.execute(COLUMNS).fetchall())
""",
    "metabase": """
import json, psycopg, urllib.parse
given = json.loads(TEXT)["details"]
options = dict(urllib.parse.parse_qsl(given.pop("additional-options", "").replace("client.pk8", "client.key")))
options |= {"sslmode": given.pop("ssl-mode")} if given.pop("ssl") else {}
with psycopg.connect(**given, **options) as door:
    print(door.execute(COLUMNS).fetchall())
""",
}


def pasted(client: str, text: str, folder: Path | None = None) -> str:
    if client in PUT:
        text = f"TEXT, COLUMNS = {text.strip()!r}, {COLUMNS!r}\n{PUT[client]}"
    shell = client in {"curl", "graphql"}
    command = ["/bin/bash", "-euc", text] if shell else [sys.executable, "-W", "error", "-c", text]
    answer = subprocess.run(
        command, env=environment(), cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, f"{text}\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout


@pytest.mark.parametrize("client", list(snippets.Client))
def test_each_snippet_gives_the_principals_rows(listening: World, outport: Outport, client: str) -> None:
    printed = outport("connect", client, "--as", "analyst", "--product", "shop")
    assert printed.exit_code == 0, printed.stderr
    rows = pasted(client, printed.stdout)
    assert "Nora" not in rows
    assert "CANARY-mail" not in rows
    assert "region" in rows or "N" in rows


@pytest.mark.parametrize("client", list(snippets.Client))
def test_a_demo_principal_connects_with_its_password(listening: World, outport: Outport, client: str) -> None:
    people = Directory(listening.settings.principals, load(listening.settings))
    people.add("demo.one", "person", {"role": ["steward"]}, "demo.one-demo")
    try:
        printed = outport("connect", client, "--as", "demo.one").stdout
        assert "eyJ" not in printed
        assert pasted(client, printed)
    finally:
        people.remove("demo.one")


def test_psql_finds_the_product_s_tables_by_their_bare_names(listening: World, outport: Outport) -> None:
    printed = outport("connect", "psql", "--as", "analyst", "--product", "shop").stdout
    with psycopg.connect(shlex.split(printed)[1]) as door:
        assert door.execute("SELECT count(*) FROM orders").fetchall() == [(900,)]
        visible = "SELECT relname FROM pg_class WHERE relkind = 'r' AND pg_table_is_visible(oid) AND relname !~ '^pg_'"
        assert door.execute(f"{visible} ORDER BY 1").fetchall() == [("customers",), ("orders",)]


def test_the_line_that_the_demo_prints_works(listening: World) -> None:
    people = Directory(listening.settings.principals, load(listening.settings))
    at = doors.reach(listening.settings, "flight")
    line = snippets.adbc_line(connect.credentials(people, "steward"), "SELECT count(*) AS n FROM shop.orders", at)
    assert "\n" not in line
    assert "1800" in pasted("curl", line)


def test_who_may_see_nothing_is_told_so(outport: Outport) -> None:
    answer = outport("connect", "curl", "--as", "stranger")
    assert answer.exit_code == 1
    assert "stranger may see no product" in answer.stderr
    assert outport("connect", "curl", "--as", "nobody").exit_code == 1
    assert outport("connect", "telnet", "--as", "steward").exit_code == 2
