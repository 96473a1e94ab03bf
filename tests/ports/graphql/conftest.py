"""The GraphQL door over the tests' world, asked as its clients ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.ports.conftest import Client

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def ask(web: Client) -> Ask:
    """`ask("analyst", "{ ... }", n=1)` is the whole answer to a document with its variables."""

    def asked(subject: str, document: str, **variables: Any) -> dict[str, Any]:
        answer = web(subject).post("/graphql", json={"query": document, "variables": variables})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    return asked


@pytest.fixture(scope="session")
def shop(ask: Ask) -> Callable[..., Any]:
    """`shop("analyst", "orders { ... }")` is the data of what is asked of the product `shop`."""

    def asked(subject: str, selection: str, head: str = "query", **variables: Any) -> Any:
        told = ask(subject, f"{head} {{ shop {{ {selection} }} }}", **variables)
        assert "errors" not in told, told
        return told["data"]["shop"]

    return asked


@pytest.fixture(scope="session")
def refused(ask: Ask) -> Callable[..., dict[str, Any]]:
    """The first error of a document that is refused; nothing else is told."""

    def asked(subject: str, document: str, **variables: Any) -> dict[str, Any]:
        told = ask(subject, document, **variables)
        assert set(told) == {"errors"}, told
        first: dict[str, Any] = told["errors"][0]
        return first

    return asked
