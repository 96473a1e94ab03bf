"""`outport connect graphql` and `gql`: the first question as a document of GraphQL. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ports.http.reach import Login, Reach
from ports.http.snippets_web import authorization, context, curl


def document(product: str, table: str, columns: Sequence[str], rows: int) -> str:
    """Some rows of a table, of the columns that the principal sees."""
    return f"{{ {product} {{ {table}(limit: {rows}) {{ {' '.join(columns)} }} }} }}"


def line(credentials: Login, asked: str, at: Reach) -> str:
    """One shell line for curl."""
    return curl(credentials, {"query": asked}, f"{at.http}/graphql", at.trust)


def gql(credentials: Login, asked: str, at: Reach) -> str:
    """Python for the client of that name."""
    lines = context(at.trust)
    verified = ", verify=context" if lines else ""
    transport = f'"{at.http}/graphql", headers={{"Authorization": "{authorization(credentials)}"}}{verified}'
    return "\n".join(
        [
            *(["import ssl"] if lines else []),
            "from gql import Client, gql",
            "from gql.transport.httpx import HTTPXTransport",
            *lines,
            f"with Client(transport=HTTPXTransport({transport})) as door:",
            f"    print(door.execute(gql({json.dumps(asked)})))",
        ]
    )
