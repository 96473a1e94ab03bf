"""A door whose questions are requests of one form: what its client has in common with that of another. Abstract."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from typing import ClassVar

from gateway.access.credentials import Login
from ports.command.attack.reply import CannotConnect, Reply
from ports.command.attack.rest import RestClient
from ports.command.doors import Reach


class WebClient(ABC):
    """Asks as one principal; what begins with a method is the request that `RestClient` sends."""

    name: ClassVar[str]
    # What whoever has proved itself is answered.
    opening: ClassVar[str]

    def __init__(self, at: Reach, credentials: Login, patience_s: float, context: ssl.SSLContext | None) -> None:
        self._web = RestClient(at, credentials, patience_s, context)
        if self.ask(self.opening).outcome != "answered":
            self.close()
            raise CannotConnect(f"the {self.name} door does not take the credentials")

    def ask(self, text: str) -> Reply:
        """One question."""
        request = text if text.startswith(("GET /", "POST /")) else self.request(text)
        reply = self._web.ask(request)
        return reply if reply.outcome in {"gone", "failed"} else self.understood(reply)

    @abstractmethod
    def request(self, text: str) -> str:
        """The request that asks `text`."""

    @abstractmethod
    def understood(self, reply: Reply) -> Reply:
        """`reply` by what its body says, whatever the HTTP status."""

    def close(self) -> None:
        """End it."""
        self._web.close()
