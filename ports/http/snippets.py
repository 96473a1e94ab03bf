"""What connects a client to a door, as text that works when pasted: for `outport connect` and the hub alike. Pure."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gateway import Bearer, Password
from ports.http import snippets_graphql, snippets_postgres, snippets_web
from ports.http.reach import Login, Reach, Trust
from ports.http.snippets_postgres import CERT, KEY

ROWS = 5


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
PORTS = {one: "http" if one in _WEB else "flight" if one is Client.adbc else "postgres" for one in Client}
DOORS = {
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
        return f"SELECT * FROM {self.product}.{self.table} LIMIT {ROWS}"

    @property
    def document(self) -> str:
        """The same in GraphQL."""
        return snippets_graphql.document(self.product, self.table, self.columns, ROWS)


def snippet(client: Client, example: Example, at: Reach) -> str:
    """The text for `client`: a shell line, Python (rest with the standard library alone), or what its form takes."""
    match client:
        case Client.curl:
            return snippets_web.curl(example.credentials, {"sql": example.sql}, f"{at.http}/sql", at.trust)
        case Client.graphql:
            return snippets_graphql.line(example.credentials, example.document, at)
        case Client.gql:
            return snippets_graphql.gql(example.credentials, example.document, at)
        case Client.rest:
            return rest(example, at)
        case Client.adbc:
            return adbc(example.credentials, example.sql, at)
        case Client.psycopg:
            return snippets_postgres.psycopg(example.credentials, example.sql, at)
        case Client.sqlalchemy:
            return snippets_postgres.sqlalchemy(example.credentials, example.sql, at)
        case Client.psql:
            return snippets_postgres.psql(example.credentials, example.product, example.sql, at)
        case Client.jdbc:
            return snippets_postgres.jdbc(example.credentials, at)
        case Client.superset:
            return snippets_postgres.uri("postgresql+psycopg2", example.credentials, at)
        case Client.metabase:
            return snippets_postgres.metabase(example.credentials, at)
        case Client.mcp:
            return mcp(example.credentials, at)


def mcp(credentials: Login, at: Reach) -> str:
    """The entry of a remote server as hosts of MCP clients take it."""
    entry = {
        "type": "http",
        "url": f"{at.http}/mcp",
        "headers": {"Authorization": snippets_web.authorization(credentials)},
    }
    return json.dumps({"mcpServers": {"outport": entry}}, indent=2)


def rest(example: Example, at: Reach) -> str:
    """Python that reads the first rows of a table over REST."""
    url = f"{at.http}/products/{example.product}/{example.table}?limit={ROWS}"
    proof, context = snippets_web.authorization(example.credentials), snippets_web.context(at.trust)
    return "\n".join(
        [
            f"import json, {'ssl, ' if context else ''}urllib.request",
            *context,
            f'request = urllib.request.Request("{url}", headers={{"Authorization": "{proof}"}})',
            f"with urllib.request.urlopen(request{', context=context' if context else ''}) as answer:",
            '    print(json.load(answer)["data"])',
        ]
    )


def adbc(credentials: Login, sql: str, at: Reach) -> str:
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


def adbc_line(credentials: Login, sql: str, at: Reach) -> str:
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


def _adbc_imports(trust: Trust | None) -> list[str]:
    paths = ["from pathlib import Path"] if list(_adbc_files(trust)) else []
    return [*paths, "from adbc_driver_flightsql import dbapi"]


def _adbc_arguments(credentials: Login, at: Reach) -> str:
    match credentials:
        case Password(subject, secret):
            proof = {"username": subject, "password": secret}
        case Bearer(token):
            proof = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
    items = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in proof.items()]
    items += [f"{json.dumps(name)}: Path({json.dumps(str(path))}).read_text()" for name, path in _adbc_files(at.trust)]
    return f'"{at.flight}", db_kwargs={{{", ".join(items)}}}, autocommit=True'


def _adbc_files(trust: Trust | None) -> Iterator[tuple[str, Path | str]]:
    """Options of the driver whose values are PEM texts, and the files of these."""
    option = "adbc.flight.sql.client_option"
    if trust is not None and trust.ca is not None:
        yield f"{option}.tls_root_certs", trust.ca
    if trust is not None and trust.mutual:
        yield from ((f"{option}.mtls_cert_chain", CERT), (f"{option}.mtls_private_key", KEY))
