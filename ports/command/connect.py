"""`outport connect`: configuration that works when pasted. Touches the directory and what the principal may see."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway import Gateway
from gateway.access.credentials import Bearer, Login, Password
from gateway.access.identity import Directory
from gateway.errors import NotFound
from gateway.settings import Settings
from ports.command import doors, show
from ports.command.flags import PLACES, with_settings
from ports.command.people import directory
from ports.http.snippets import DOORS, PORTS, ROWS, Client, Example, snippet
from ports.http.snippets_postgres import CERT, KEY

_TOKEN_S = 8 * 3600


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
    at = doors.reach(settings, PORTS[client])
    show.line(snippet(client, example, at))
    if client is Client.mcp and at.trust is not None and at.trust.ca is not None:
        show.note(f"have the client trust the doors' authority, such as by NODE_EXTRA_CA_CERTS={at.trust.ca}")
    if at.trust is not None and at.trust.mutual:
        show.note(f"the doors ask for a client's certificate: put yours and its key in {CERT} and {KEY}")


def credentials(people: Directory, subject: str) -> Login:
    """The demo's password where it is the subject's, else a fresh token. Raises NotFound."""
    if people.verifier(subject).accepts(f"{subject}-demo"):
        return Password(subject, f"{subject}-demo")
    return Bearer(people.issue_token(subject, _TOKEN_S))


def _table(settings: Settings, subject: str, client: Client, product: str | None) -> tuple[str, str, tuple[str, ...]]:
    """A product, a table of it and columns that `subject` may see through the client's door. Raises NotFound."""
    gateway = Gateway(settings)
    try:
        session = gateway.impersonate(subject, DOORS[client])
        visible = gateway.products(session) if product is None else (gateway.product(session, product),)
        if not visible:
            raise NotFound(f"{subject} may see no product", reason="product", hint=f"outport explain-access {subject}")
        table = visible[0].tables[0]
        return visible[0].product.name, table.table.name, tuple(one.name for one in table.columns[:ROWS])
    finally:
        gateway.close()
