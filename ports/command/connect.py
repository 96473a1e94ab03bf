"""`outport connect`: configuration that works when pasted. Touches the directory and what the principal may see."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway import Gateway
from gateway.credentials import Bearer, Login, Password
from gateway.errors import NotFound
from gateway.identity import Directory
from gateway.settings import Settings
from ports.command import connect_graphql, connect_postgres, connect_web, doors, show
from ports.command.connect_postgres import CERT, KEY
from ports.command.flags import PLACES, with_settings
from ports.command.people import directory

_TOKEN_S = 8 * 3600
_ROWS = 5


class Client(StrEnum):
    """What the configuration is for."""

    rest = "rest"
    curl = "curl"
    graphql = "graphql"
    gql = "gql"
    adbc = "adbc"
    psycopg = "psycopg"
    sqlalchemy = "sqlalchemy"
    psql = "psql"
    jdbc = "jdbc"
    superset = "superset"
    metabase = "metabase"
    mcp = "mcp"


# The port that serves a client, as entry points name it, and the door as descriptors and policies name it.
_GRAPHQL = frozenset({Client.graphql, Client.gql})
_WEB = frozenset({Client.rest, Client.curl, Client.mcp}) | _GRAPHQL
_PORTS = {one: "http" if one in _WEB else "flight" if one is Client.adbc else "postgres" for one in Client}
_DOORS = {
    **{one: "rest" if one in _WEB else "flightsql" if one is Client.adbc else "postgres" for one in Client},
    **dict.fromkeys(_GRAPHQL, "graphql"),
    Client.mcp: "mcp",
}


@dataclass(frozen=True)
class Example:
    """Whom and what a snippet shows: credentials, and one table that they may see, with some columns of it."""

    credentials: Login
    product: str
    table: str
    columns: tuple[str, ...]

    @property
    def sql(self) -> str:
        """A first question."""
        return f"SELECT * FROM {self.product}.{self.table} LIMIT {_ROWS}"

    @property
    def document(self) -> str:
        """The same in GraphQL."""
        return connect_graphql.document(self.product, self.table, self.columns, _ROWS)


@with_settings(*PLACES)
def connect(
    client: Annotated[Client, typer.Argument(help="the client to configure")],
    *,
    subject: Annotated[str, typer.Option("--as", help="the principal that connects")],
    product: Annotated[str | None, typer.Option(help="the product to ask first; unset: the first visible one")] = None,
    settings: Settings,
) -> None:
    """Print configuration for a client that works when pasted; outside the demo with a token of eight hours."""
    example = Example(credentials(directory(settings), subject), *_table(settings, subject, client, product))
    at = doors.reach(settings, _PORTS[client])
    show.line(snippet(client, example, at))
    if client is Client.mcp and at.trust is not None and at.trust.ca is not None:
        show.note(f"have the client trust the doors' authority, such as by NODE_EXTRA_CA_CERTS={at.trust.ca}")
    if at.trust is not None and at.trust.mutual:
        show.note(f"the doors ask for a client's certificate: put yours and its key in {CERT} and {KEY}")


def snippet(client: Client, example: Example, at: doors.Reach) -> str:
    """The text for `client`: a shell line, Python (rest with the standard library alone), or what its form takes."""
    match client:
        case Client.curl:
            return connect_web.curl(example.credentials, {"sql": example.sql}, f"{at.http}/sql", at.trust)
        case Client.graphql:
            return connect_graphql.line(example.credentials, example.document, at)
        case Client.gql:
            return connect_graphql.gql(example.credentials, example.document, at)
        case Client.rest:
            return rest(example, at)
        case Client.adbc:
            return adbc(example.credentials, example.sql, at)
        case Client.psycopg:
            return connect_postgres.psycopg(example.credentials, example.sql, at)
        case Client.sqlalchemy:
            return connect_postgres.sqlalchemy(example.credentials, example.sql, at)
        case Client.psql:
            return connect_postgres.psql(example.credentials, example.product, example.sql, at)
        case Client.jdbc:
            return connect_postgres.jdbc(example.credentials, at)
        case Client.superset:
            return connect_postgres.uri("postgresql+psycopg2", example.credentials, at)
        case Client.metabase:
            return connect_postgres.metabase(example.credentials, at)
        case Client.mcp:
            return mcp(example.credentials, at)


def mcp(credentials: Login, at: doors.Reach) -> str:
    """The entry of a remote server as hosts of MCP clients take it."""
    entry = {
        "type": "http",
        "url": f"{at.http}/mcp",
        "headers": {"Authorization": connect_web.authorization(credentials)},
    }
    return json.dumps({"mcpServers": {"outport": entry}}, indent=2)


def rest(example: Example, at: doors.Reach) -> str:
    """Python that reads the first rows of a table over REST."""
    url = f"{at.http}/products/{example.product}/{example.table}?limit={_ROWS}"
    proof, context = connect_web.authorization(example.credentials), connect_web.context(at.trust)
    return "\n".join(
        [
            f"import json, {'ssl, ' if context else ''}urllib.request",
            *context,
            f'request = urllib.request.Request("{url}", headers={{"Authorization": "{proof}"}})',
            f"with urllib.request.urlopen(request{', context=context' if context else ''}) as answer:",
            '    print(json.load(answer)["data"])',
        ]
    )


def adbc(credentials: Login, sql: str, at: doors.Reach) -> str:
    """Python that asks `sql` over Flight SQL."""
    return "\n".join(
        [
            *_adbc_imports(at.trust),
            f"with dbapi.connect({_adbc_arguments(credentials, at)}) as door:",
            "    with door.cursor() as cursor:",
            f"        cursor.execute({json.dumps(sql)})",
            "        print(cursor.fetch_arrow_table())",
        ]
    )


def adbc_line(credentials: Login, sql: str, at: doors.Reach) -> str:
    """One shell line that asks `sql` over Flight SQL, with the Python that runs this command."""
    steps = [
        *_adbc_imports(at.trust),
        f"door = dbapi.connect({_adbc_arguments(credentials, at)})",
        "cursor = door.cursor()",
        f"cursor.execute({json.dumps(sql)})",
        "print(cursor.fetch_arrow_table())",
        "cursor.close()",
        "door.close()",
    ]
    return f"{shlex.quote(sys.executable)} -c {shlex.quote('; '.join(steps))}"


def _adbc_imports(trust: doors.Trust | None) -> list[str]:
    paths = ["from pathlib import Path"] if list(_adbc_files(trust)) else []
    return [*paths, "from adbc_driver_flightsql import dbapi"]


def _adbc_arguments(credentials: Login, at: doors.Reach) -> str:
    match credentials:
        case Password(subject, secret):
            proof = {"username": subject, "password": secret}
        case Bearer(token):
            proof = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
    items = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in proof.items()]
    items += [f"{json.dumps(name)}: Path({json.dumps(str(path))}).read_text()" for name, path in _adbc_files(at.trust)]
    return f'"{at.flight}", db_kwargs={{{", ".join(items)}}}, autocommit=True'


def _adbc_files(trust: doors.Trust | None) -> Iterator[tuple[str, Path | str]]:
    """Options of the driver whose values are PEM texts, and the files of these."""
    option = "adbc.flight.sql.client_option"
    if trust is not None and trust.ca is not None:
        yield f"{option}.tls_root_certs", trust.ca
    if trust is not None and trust.mutual:
        yield from ((f"{option}.mtls_cert_chain", CERT), (f"{option}.mtls_private_key", KEY))


def credentials(people: Directory, subject: str) -> Login:
    """The demo's password where it is the subject's, else a fresh token. Raises NotFound."""
    if people.verifier(subject).accepts(f"{subject}-demo"):
        return Password(subject, f"{subject}-demo")
    return Bearer(people.issue_token(subject, _TOKEN_S))


def _table(settings: Settings, subject: str, client: Client, product: str | None) -> tuple[str, str, tuple[str, ...]]:
    """A product, a table of it and columns that `subject` may see through the client's door. Raises NotFound."""
    gateway = Gateway(settings)
    try:
        session = gateway.impersonate(subject, _DOORS[client])
        visible = gateway.products(session) if product is None else (gateway.product(session, product),)
        if not visible:
            raise NotFound(f"{subject} may see no product", reason="product", hint=f"outport explain-access {subject}")
        table = visible[0].tables[0]
        return visible[0].product.name, table.table.name, tuple(one.name for one in table.columns[:_ROWS])
    finally:
        gateway.close()
