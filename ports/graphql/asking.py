"""GraphQL asked from within: for a page that has a session already. Touches the gateway's front door only."""

from __future__ import annotations

from collections.abc import Callable

from gateway import Gateway, GatewayError, Session
from ports.graphql.door import Door, refusing
from ports.graphql.request import LEGACY, Asked
from ports.http.exchange import Answer, Awaited, Lifeline

Ask = Callable[[Session, str, Lifeline], bytes]


def asker(gateway: Gateway) -> Ask:
    """What answers a document, refusals too, with the JSON that the door would give."""
    door = Door(gateway)

    def ask(session: Session, text: str, lifeline: Lifeline) -> bytes:
        def keep(error: GatewayError) -> GatewayError:
            return gateway.refusals.told(session.port, session, "", error)

        def work() -> Answer | Awaited:
            return door.answer(session, Asked(text, None, {}, ()), LEGACY, lifeline)

        given: Answer | Awaited = refusing(LEGACY, keep, work)
        answer = given.answer() if isinstance(given, Awaited) else given
        return b"".join(bytes(chunk) for chunk in answer.chunks)

    return ask
