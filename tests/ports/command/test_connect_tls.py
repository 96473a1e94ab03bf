"""`outport connect` where the doors are behind TLS: what it prints works when pasted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.access.identity import Directory
from gateway.access.keys import load
from ports.command import connect, doors
from ports.command.serve import opened
from ports.http import snippets
from tests.certificates import Authority, Resettled
from tests.conftest import World
from tests.ports.command.conftest import Outport
from tests.ports.command.test_connect import pasted

ADDRESSES = {
    "curl": "https://localhost:",
    "rest": "https://localhost:",
    "graphql": "https://localhost:",
    "gql": "https://localhost:",
    "adbc": "grpc+tls://localhost:",
    "psycopg": "host=localhost",
    "psql": "host=localhost",
    "sqlalchemy": "@localhost:",
    "superset": "@localhost:",
    "jdbc": "//localhost:",
    "metabase": '"host": "localhost"',
    "mcp": "https://localhost:",
}


@pytest.fixture(scope="module", params=[False, True], ids=["server certificate", "both certificates"])
def secured(request: pytest.FixtureRequest, world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Doors behind TLS, noted for the command; the folder has the certificate of a client where one is asked for."""
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder)
    pair, files = authority.server("localhost"), {"tls_ca": authority.cert}
    if request.param:
        authority.client()
        files["tls_client_ca"] = authority.cert
    resettled = Resettled(world.gateway, tls_cert=pair.cert, tls_key=pair.key, **files)
    with opened(resettled) as addresses:  # type: ignore[arg-type]
        doors.note(resettled.settings, addresses)
        yield folder
    doors.forget(world.settings)


@pytest.mark.parametrize("client", list(snippets.Client))
def test_each_snippet_works_behind_tls(secured: Path, outport: Outport, client: str) -> None:
    printed = outport("connect", client, "--as", "analyst", "--product", "shop")
    assert printed.exit_code == 0, printed.stderr
    assert ADDRESSES[client] in (printed.stdout)
    mutual = (secured / "client.pem").exists()
    assert ("client.pem" in printed.stderr) == mutual
    rows = pasted(client, printed.stdout, secured)
    assert "region" in rows or "N" in rows


def test_the_demos_line_works_behind_tls(secured: Path, world: World) -> None:
    people = Directory(world.settings.principals, load(world.settings))
    at = doors.reach(world.settings, "flight")
    line = snippets.adbc_line(connect.credentials(people, "steward"), "SELECT count(*) AS n FROM shop.orders", at)
    assert "1800" in pasted("curl", line, secured)
