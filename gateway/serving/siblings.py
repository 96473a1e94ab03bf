"""The other processes that serve the same deployment: what one tells, the others hear; what one asks, they answer.

Touches nothing itself: a supervisor passes on what `send` takes and gives `receive` what came.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

GONE = "gone"  # a process has ended: the body is its index
# What is heard may be answered, which only who asks waits for.
Hearer = Callable[[bytes], bytes]
_log = logging.getLogger("outport.siblings")


@dataclass(frozen=True)
class Message:
    """From or to the process `index`; `number` is the question that a reply belongs to."""

    kind: Literal["tell", "ask", "reply", "ready", "ping", "pong", "stop"]
    index: int
    topic: str = ""
    body: bytes = b""
    number: int = 0


class Siblings:
    """The others of a process that is `index` of `count`; who serves alone has none. Thread-safe.

    `own_ports` are the TCP ports of doors that processes cannot share: by door, one for each process.
    """

    def __init__(
        self,
        index: int = 0,
        count: int = 1,
        send: Callable[[Message], None] | None = None,
        own_ports: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        self.index, self.count, self.own_ports = index, count, own_ports or {}
        self._send = send
        self._hearers: dict[str, Hearer] = {}
        self._asked: dict[int, list[bytes]] = {}
        self._numbers = itertools.count(1)
        self._came = threading.Condition()

    def on(self, topic: str, hearer: Hearer) -> None:
        """Have `hearer` called, on the thread that receives, with what others say about `topic`."""
        self._hearers[topic] = hearer

    def tell(self, topic: str, body: bytes) -> None:
        """Say `body` to every other one; nobody answers, and who does not live does not hear."""
        if self._send is not None and self.count > 1:
            self._send(Message("tell", self.index, topic, body))

    def ask(self, topic: str, body: bytes, wait_s: float) -> list[bytes]:
        """What the others answer within `wait_s` seconds."""
        if self._send is None or self.count == 1:
            return []
        number = next(self._numbers)
        replies = self._asked[number] = list[bytes]()
        try:
            self._send(Message("ask", self.index, topic, body, number))
            with self._came:
                self._came.wait_for(lambda: len(replies) >= self.count - 1, wait_s)
                return list(replies)
        finally:
            del self._asked[number]

    def receive(self, message: Message) -> None:
        """Take what the supervisor passes on."""
        if message.kind == "reply":
            with self._came:
                if (replies := self._asked.get(message.number)) is not None:
                    replies.append(message.body)
                    self._came.notify_all()
            return
        hearer = self._hearers.get(message.topic)
        try:
            answer = b"" if hearer is None else hearer(message.body)
        except Exception:
            _log.exception("what another process says about %s is not understood", message.topic)
            answer = b""
        if message.kind == "ask" and self._send is not None:
            self._send(replace(message, kind="reply", body=answer))
