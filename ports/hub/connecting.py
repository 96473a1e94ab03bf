"""How to connect through each door that a product declares: the texts of `outport connect`. Pure but for settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from gateway import Bearer, Gateway, Password, VisibleProduct, pushable
from ports.http import pages, snippets, snippets_web
from ports.http.pages import Reader
from ports.http.reach import Login, Reach, Trust
from ports.http.snippets import DOORS, PORTS, Client, Example

# What stands for a token where the page does not know one: its reader's own belongs into no page.
TOKEN = "YOUR_TOKEN"  # noqa: S105
_TITLES = {
    Client.curl: ("REST: SQL with curl", "A shell line."),
    Client.rest: ("REST: Python", "With Python's own library, nothing to install."),
    Client.graphql: ("GraphQL: curl", "A shell line."),
    Client.gql: ("GraphQL: Python", "pip install 'gql[httpx]'"),
    Client.adbc: (
        "Arrow Flight SQL: Python",
        "pip install adbc-driver-flightsql pyarrow; the fastest way to many rows.",
    ),
    Client.psql: ("PostgreSQL: psql", "A shell line; without its end it is a shell of SQL."),
    Client.psycopg: ("PostgreSQL: Python", "pip install 'psycopg[binary]'"),
    Client.sqlalchemy: ("PostgreSQL: SQLAlchemy", "pip install sqlalchemy 'psycopg[binary]'"),
    Client.jdbc: ("PostgreSQL: JDBC", "DBeaver, DataGrip, Tableau and others take this address."),
    Client.superset: ("PostgreSQL: Superset", "The SQLAlchemy URI of a database connection."),
    Client.metabase: ("PostgreSQL: Metabase", "What its form asks for."),
    Client.mcp: ("MCP: agents", "An entry for hosts of MCP clients."),
}


@dataclass(frozen=True)
class Way:
    """One way to connect: for whom, a word on it, and what is pasted."""

    client: str
    title: str
    about: str
    text: str


def ways(gateway: Gateway, request: Request, reader: Reader, visible: VisibleProduct) -> tuple[Way, ...]:
    """A way for each client of each door that the product declares and this deployment opens."""
    table = visible.tables[0]
    columns = tuple(column.name for column in table.columns[: snippets.ROWS])
    login = Bearer(TOKEN) if reader.password is None else Password(reader.subject, reader.password)
    example = Example(login, visible.product.name, table.table.name, columns)
    found: list[Way] = []
    for client, (title, about) in _TITLES.items():
        at = _reach(gateway, request, PORTS[client])
        if at is not None and visible.product.serves(DOORS[client]) and (columns or DOORS[client] != "graphql"):
            found.append(Way(client.value, title, about, snippets.snippet(client, example, at)))
    return (*found, *_pushes(gateway, request, reader, visible, login))


def _pushes(gateway: Gateway, request: Request, reader: Reader, visible: VisibleProduct, login: Login) -> Iterator[Way]:
    """A way to push a row to each table that its reader may push to."""
    at = _reach(gateway, request, "http")
    if at is None or not gateway.intake.takes(reader.session, visible.product):
        return
    for one in pushable(visible.product):
        table = "" if one.alone else f"?table={one.table}"
        url = f"{at.http}/products/{visible.product.name}/-/inputs/{one.source}{table}"
        text = snippets_web.push(login, dict(one.row), url, at.trust)
        about = f"You may push rows to its input {one.source}: the product is made anew with them within seconds."
        yield Way("push", f"Push rows: curl ({one.source})", about, text)


def _reach(gateway: Gateway, request: Request, port: str) -> Reach | None:
    """A door as this browser's machine reaches it, None where it is on no port that is known."""
    settings = gateway.settings
    named = pages.host(gateway, request)
    host = re.sub(r":[0-9]+$", "", named)
    if port == "http":
        number = int(named[len(host) + 1 :] or (443 if request.url.scheme == "https" else 80))
        secure = request.url.scheme == "https"
    else:
        number = settings.flight_port if port == "flight" else settings.postgres_port
        secure = settings.tls_cert is not None
    # The file of the authority is the reader's own: it stands beside what is pasted.
    ca = Path("ca.pem") if settings.tls_ca is not None else None
    trust = Trust(ca, settings.tls_client_ca is not None) if secure else None
    return Reach((host.strip("[]"), number), trust) if number else None
