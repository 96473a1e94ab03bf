"""`outport connect`: configuration that works when pasted. Touches the directory and what the principal may see."""

from __future__ import annotations

import json
import shlex
import sys
from base64 import b64encode
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from gateway import Gateway
from gateway.errors import NotFound
from gateway.identity import Bearer, Credentials, Directory, Password
from gateway.settings import Settings
from ports.command import doors, show
from ports.command.flags import PLACES, with_settings
from ports.command.people import directory

_TOKEN_S = 8 * 3600
_ROWS = 5


class Client(StrEnum):
    """What the configuration is for."""

    rest = "rest"
    curl = "curl"
    adbc = "adbc"


@dataclass(frozen=True)
class Example:
    """Whom and what a snippet shows: credentials, and one table that they may see."""

    credentials: Credentials
    product: str
    table: str

    @property
    def sql(self) -> str:
        """A first question."""
        return f"SELECT * FROM {self.product}.{self.table} LIMIT {_ROWS}"


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
    http, flight = (doors.address(settings, port) for port in ("http", "flight"))
    show.line(snippet(client, example, http, flight))


def snippet(client: Client, example: Example, http: doors.Address, flight: doors.Address) -> str:
    """The text for `client`: a shell line for curl, Python for the others (rest with the standard library alone)."""
    match client:
        case Client.curl:
            return curl(example.credentials, example.sql, http)
        case Client.rest:
            return rest(example, http)
        case Client.adbc:
            return adbc(example.credentials, example.sql, flight)


def curl(credentials: Credentials, sql: str, at: doors.Address) -> str:
    """One shell line that asks `sql`."""
    match credentials:
        case Password(subject, secret):
            proof = f"--user {shlex.quote(f'{subject}:{secret}')}"
        case Bearer(token):
            proof = f"--oauth2-bearer {token}"
    return f"curl -s {proof} --json {shlex.quote(json.dumps({'sql': sql}))} {doors.url('http', at)}/sql"


def rest(example: Example, at: doors.Address) -> str:
    """Python that reads the first rows of a table over REST."""
    match example.credentials:
        case Password(subject, secret):
            proof = f"Basic {b64encode(f'{subject}:{secret}'.encode()).decode()}"
        case Bearer(token):
            proof = f"Bearer {token}"
    url = f"{doors.url('http', at)}/products/{example.product}/{example.table}?limit={_ROWS}"
    return "\n".join(
        [
            "import json, urllib.request",
            f'request = urllib.request.Request("{url}", headers={{"Authorization": "{proof}"}})',
            "with urllib.request.urlopen(request) as answer:",
            '    print(json.load(answer)["data"])',
        ]
    )


def adbc(credentials: Credentials, sql: str, at: doors.Address) -> str:
    """Python that asks `sql` over Flight SQL."""
    return "\n".join(
        [
            "from adbc_driver_flightsql import dbapi",
            f"with dbapi.connect({_adbc_arguments(credentials, at)}) as door:",
            "    with door.cursor() as cursor:",
            f"        cursor.execute({json.dumps(sql)})",
            "        print(cursor.fetch_arrow_table())",
        ]
    )


def adbc_line(credentials: Credentials, sql: str, at: doors.Address) -> str:
    """One shell line that asks `sql` over Flight SQL, with the Python that runs this command."""
    steps = [
        "from adbc_driver_flightsql import dbapi",
        f"door = dbapi.connect({_adbc_arguments(credentials, at)})",
        "cursor = door.cursor()",
        f"cursor.execute({json.dumps(sql)})",
        "print(cursor.fetch_arrow_table())",
        "cursor.close()",
        "door.close()",
    ]
    return f"{shlex.quote(sys.executable)} -c {shlex.quote('; '.join(steps))}"


def _adbc_arguments(credentials: Credentials, at: doors.Address) -> str:
    match credentials:
        case Password(subject, secret):
            proof = {"username": subject, "password": secret}
        case Bearer(token):
            proof = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
    return f'"{doors.url("grpc", at)}", db_kwargs={json.dumps(proof)}, autocommit=True'


def credentials(people: Directory, subject: str) -> Credentials:
    """The demo's password where it is the subject's, else a fresh token. Raises NotFound."""
    if people.verifier(subject).accepts(f"{subject}-demo"):
        return Password(subject, f"{subject}-demo")
    return Bearer(people.issue_token(subject, _TOKEN_S))


def _table(settings: Settings, subject: str, client: Client, product: str | None) -> tuple[str, str]:
    """A product and a table of it that `subject` may see through the client's door. Raises NotFound."""
    gateway = Gateway(settings)
    try:
        session = gateway.impersonate(subject, "flightsql" if client is Client.adbc else "rest")
        visible = gateway.products(session) if product is None else (gateway.product(session, product),)
        if not visible:
            raise NotFound(f"{subject} may see no product", reason="product", hint=f"outport explain-access {subject}")
        return visible[0].product.name, visible[0].tables[0].table.name
    finally:
        gateway.close()
