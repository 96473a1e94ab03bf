"""One connection's socket: its bytes in and out, in the clear or behind TLS. Knows nothing of what is said.

It never blocks by itself: what has to be waited for is waited for in ticks, so that whoever serves it may end it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Callable

from gateway import ClientCertificate, end_point

READ_BYTES = 65_536
WRITE_BYTES = 1 << 16
# A client that is sent this much has `patience_s` to read it.
PIECE_BYTES = 1 << 20
# How soon a connection that waits notices that it is to end.
TICK_S = 0.25
_HUNG_UP = getattr(select, "POLLRDHUP", select.POLLHUP)


class Gone(Exception):
    """The client has gone, or has taken too long."""


class Channel:
    """Bytes of one client. One thread at a time; `cut` and `hung_up` may come from any.

    `waits` is called before it waits for a client that does not read, which may take `patience_s`.
    """

    def __init__(self, connected: socket.socket, patience_s: float, waits: Callable[[], None]) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setblocking(False)
        self._socket = connected
        self._waits = waits
        self._held = bytearray()
        self.patience_s = patience_s

    @property
    def private(self) -> bool:
        """Whether TLS is spoken."""
        return isinstance(self._socket, ssl.SSLSocket)

    @property
    def end_point(self) -> bytes | None:
        """What a sign-in can be bound to, None without TLS."""
        return end_point(self._socket) if isinstance(self._socket, ssl.SSLSocket) else None

    @property
    def certificate(self) -> ClientCertificate | None:
        """What the client has shown of itself."""
        shown = self._socket.getpeercert(binary_form=True) if isinstance(self._socket, ssl.SSLSocket) else None
        return None if shown is None else ClientCertificate(shown)

    @property
    def more(self) -> bool:
        """Whether bytes have come that the descriptor does not tell of."""
        return isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def fileno(self) -> int:
        """The descriptor, -1 once closed."""
        return self._socket.fileno()

    def secure(self, context: ssl.SSLContext, goes_on: Callable[[], None]) -> None:
        """Speak TLS from now on; `goes_on` is asked at each tick, and raises what ends it. Raises OSError."""
        self._socket = secured = context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        while True:
            try:
                secured.do_handshake()
                return
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
                if not self._tick(_wanted(error, select.POLLIN)):
                    goes_on()

    def take(self) -> bytes | None:
        """The bytes that have come, None where none have. Raises Gone."""
        try:
            data = self._socket.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        return data

    def await_bytes(self) -> bool:
        """Wait for bytes, no longer than a tick; whether there are any."""
        return self._tick(select.POLLIN)

    def send(self, part: bytes | memoryview) -> None:
        """Send it, small parts together: what is held leaves with `flush`. Raises Gone, OSError."""
        if len(part) >= WRITE_BYTES:
            self.flush()
            self._write(memoryview(part))
            return
        self._held += part
        if len(self._held) >= WRITE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what is held. Raises Gone, OSError."""
        if self._held:
            held, self._held = self._held, bytearray()
            self._write(memoryview(held))

    def hung_up(self) -> bool:
        """Whether the client has gone, as far as can be known without reading."""
        looked = select.poll()
        with contextlib.suppress(OSError, ValueError):
            looked.register(self._socket, _HUNG_UP)
            return bool(looked.poll(0))
        return False

    def cut(self) -> None:
        """End it now: whoever reads or writes it sees its end."""
        with contextlib.suppress(OSError):
            # Not SSLSocket's own: that would let another thread go on in the clear.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """Free it."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
        self._socket.close()

    def _write(self, data: memoryview) -> None:
        for start in range(0, len(data), PIECE_BYTES):
            left, patience = data[start : start + PIECE_BYTES], time.monotonic() + self.patience_s
            while left:
                try:
                    left = left[self._socket.send(left) :]
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
                    self._waits()
                    if not self._tick(_wanted(error, select.POLLOUT)) and time.monotonic() > patience:
                        raise Gone from None

    def _tick(self, event: int) -> bool:
        """Wait for an event, no longer than a tick; whether it came. Raises Gone."""
        looked = select.poll()
        try:
            looked.register(self._socket, event)
        except (OSError, ValueError) as error:
            raise Gone from error
        return bool(looked.poll(min(TICK_S, max(0.01, self.patience_s)) * 1000))


def _wanted(error: BaseException, event: int) -> int:
    """What is to be waited for: TLS may have to read before it writes, and write before it reads."""
    if isinstance(error, ssl.SSLWantReadError):
        return select.POLLIN
    return select.POLLOUT if isinstance(error, ssl.SSLWantWriteError) else event
