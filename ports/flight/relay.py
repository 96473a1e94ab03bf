"""One connection: bytes between a TLS socket and a socket of this machine, both ways, a bounded number at a time.

Knows nothing of what is said. One thread touches the TLS socket: OpenSSL's connections take no two at once.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time

# gRPC writes no more at once into a socket of this machine; more were slower.
DOWN_BYTES = 1 << 18
UP_BYTES = 1 << 16
# So many buffers one way may move before the other has its turn.
_ROUNDS = 16
# A connection that is quiet for so long gives its buffers back.
QUIET_S = 5.0
# Once one side has said its last word: what the other gets to take it.
LINGER_S = 10.0
_Wait = tuple[socket.socket, int]


def prepare(context: ssl.SSLContext) -> None:
    """Let a client end its side without TLS's word for it, and hear the answer: HTTP/2's frames tell what is cut.

    Some builds of Python set this by themselves, others answer such an end with an alert.
    """
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF


class _Flow:
    """One way: from `source` to `sink`, through one buffer that is filled only when all of it has gone on."""

    def __init__(self, source: socket.socket, sink: socket.socket, size: int) -> None:
        self._source, self._sink, self._size = source, sink, size
        self._buffer: memoryview | None = None
        self._left = memoryview(b"")

    def move(self) -> _Wait | None:
        """Move what can be moved now; what has to be waited for (0: nothing), None at the end. Raises OSError."""
        buffer = self._buffer
        if buffer is None:
            buffer = self._buffer = memoryview(bytearray(self._size))
        for _ in range(_ROUNDS):
            at, event = self._source, select.POLLIN
            try:
                if not self._left:
                    if not (count := self._source.recv_into(buffer)):
                        return None
                    self._left = buffer[:count]
                at, event = self._sink, select.POLLOUT
                self._left = self._left[self._sink.send(self._left) :]
            except BlockingIOError:
                return at, event
            except ssl.SSLWantReadError:
                return at, select.POLLIN
            except ssl.SSLWantWriteError:
                return at, select.POLLOUT
        return self._source, 0

    def rest(self) -> None:
        """Give the buffer back, if nothing is in it."""
        if not self._left:
            self._buffer, self._left = None, memoryview(b"")


class Relay:
    """Both ways of one connection, between two sockets that do not block."""

    def __init__(self, outer: ssl.SSLSocket, inner: socket.socket) -> None:
        self._inner = inner
        self._up = _Flow(outer, inner, UP_BYTES)
        self._down = _Flow(inner, outer, DOWN_BYTES)

    def run(self) -> None:
        """Until the server has said its last word, or both have gone. Raises OSError where one of them breaks off."""
        up: _Wait | None = (self._inner, 0)
        until: float | None = None
        while True:
            if up is not None and (up := self._up.move()) is None:
                with contextlib.suppress(OSError):
                    self._inner.shutdown(socket.SHUT_WR)
                until = time.monotonic() + LINGER_S
            if (down := self._down.move()) is None:
                return
            if not self._await([one for one in (up, down) if one is not None], until):
                return

    def _await(self, waits: list[_Wait], until: float | None) -> bool:
        """Wait until one of them comes true; False once it is `until`."""
        if any(event == 0 for _, event in waits):
            return True
        looked = select.poll()
        events: dict[socket.socket, int] = {}
        for at, event in waits:
            events[at] = events.get(at, 0) | event
        for at, event in events.items():
            looked.register(at, event)
        if until is not None:
            return bool(looked.poll(max(0.0, until - time.monotonic()) * 1000))
        if not looked.poll(QUIET_S * 1000):
            self._up.rest()
            self._down.rest()
            looked.poll()
        return True
