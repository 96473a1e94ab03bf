"""The demo's personas, and what each of them gets. Touches the gateway's front door only.

Outside the demo there are none: nobody is told of others there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway import Gateway, Session, VisibleProduct, pushable
from ports.http.pages import Reader
from ports.hub import lineage
from ports.hub.browser import PORT

_UNTOLD = {"role", "purpose"}


@dataclass(frozen=True)
class Persona:
    """One persona: its name, what it is in words, how many products it sees, and to which of them it pushes rows."""

    subject: str
    words: str
    products: int
    pushes: tuple[str, ...] = ()


def every(gateway: Gateway, reader: Reader, visible: Sequence[VisibleProduct]) -> tuple[Persona, ...]:
    """All personas, those that see most first; of what they push to, what is `visible` to the reader too."""
    taking = [one.product for one in visible if pushable(one.product)]
    found = []
    for subject in reader.personas:
        session = gateway.impersonate(subject, PORT)
        seen = gateway.desk.seen(session)
        pushes = tuple(one.name for one in taking if one.name in seen and gateway.intake.takes(session, one))
        found.append(Persona(subject, _words(session), len(seen), pushes))
    return tuple(sorted(found, key=lambda one: (-one.products, one.subject)))


@dataclass(frozen=True)
class Experiment:
    """Who pushes a row to which product, and where a number moves."""

    subject: str
    product: str
    watched: VisibleProduct


def experiment(personas: Sequence[Persona], visible: Sequence[VisibleProduct]) -> Experiment | None:
    """Something that moves when it is touched, None where there is none: an application's push, a tree made of it."""
    for persona in personas:
        for product in persona.pushes if persona.words.startswith("application") else ():
            for one in visible:
                linked = any(item.tree is not None for table in one.tables for item in table.semantics)
                if linked and product in lineage.reads(one):
                    return Experiment(persona.subject, product, one)
    return None


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
