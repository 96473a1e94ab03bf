"""The demo's personas, and what each of them gets. Touches the gateway's front door only.

Outside the demo there are none: nobody is told of others there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway import Gateway, Session
from ports.http.pages import Reader
from ports.hub.browser import PORT

_UNTOLD = {"role", "purpose"}


@dataclass(frozen=True)
class Persona:
    """One persona: its name, what it is in words, and how many products it sees."""

    subject: str
    words: str
    products: int


def every(gateway: Gateway, reader: Reader) -> tuple[Persona, ...]:
    """All personas, those that see most first."""
    found = []
    for subject in reader.personas:
        session = gateway.impersonate(subject, PORT)
        found.append(Persona(subject, _words(session), len(gateway.desk.seen(session))))
    return tuple(sorted(found, key=lambda one: (-one.products, one.subject)))


def others(gateway: Gateway, reader: Reader, product: str) -> tuple[str, ...]:
    """The other personas that see a product."""
    return tuple(_seeing(gateway, reader, product))


def _seeing(gateway: Gateway, reader: Reader, product: str) -> Iterator[str]:
    for subject in reader.personas:
        if subject != reader.subject and gateway.desk.seen(gateway.impersonate(subject, PORT), product):
            yield subject


def _words(session: Session) -> str:
    """Such as `application, store 367`."""
    principal = session.principal
    claims = (
        f"{name} {', '.join(map(str, value)) if isinstance(value, tuple) else value}"
        for name, value in sorted(principal.attributes.items())
        if name not in _UNTOLD
    )
    return ", ".join([principal.kind, *claims])
