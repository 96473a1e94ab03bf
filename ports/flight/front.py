"""TLS before gRPC's server, which tells nobody which certificate a client has shown: the socket that clients come to.

Shakes hands as the other doors do, with certificates that are read again once they are renewed, and hands each
connection's bytes to the server behind it: in a folder of this process alone, from an address of the connection's own
that no other ever has. By that address a call is known again.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import select
import shutil
import socket
import ssl
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import unquote

from gateway import ClientCertificate, Tls, Unauthenticated
from ports.flight.relay import Relay, prepare

PROTOCOLS = ("h2",)
BACKLOG = 512
HANDSHAKE_S = 10.0
# A client that has gone without a word is noticed within some two minutes.
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))
# What is on its way when the server behind has ended gets so long to leave.
LEAVING_S = 2.0
_PAUSE_S = 0.1
_log = logging.getLogger("outport.flight")


class _Connection:
    """One client's: `address` is where the server behind sees it come from."""

    def __init__(self, socket_: socket.socket, address: Path) -> None:
        self.outer, self.address = socket_, address
        self.certificate: ClientCertificate | None = None
        self.signed_in = False
        self.ended = False

    def cut(self) -> None:
        """End it now, from any thread: whoever reads or writes it sees its end."""
        self.ended = True
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.outer, socket.SHUT_RDWR)


class Front:
    """What listens for a Flight server. Thread-safe. `limit` is of connections at once.

    Where they are at their limit, the oldest that nobody has signed in on gives way to a new one.
    """

    def __init__(self, host: str, port: int, tls: Tls, limit: int) -> None:
        """Bind. Raises OSError, SettingsError."""
        self._context = tls.context(PROTOCOLS)
        prepare(self._context)
        self.mutual = tls.mutual
        self._limit = limit
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self._folder = Path(tempfile.mkdtemp(prefix="outport-"))  # nobody else may look into it
        self._door = self._folder / "door"
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._gone = threading.Condition(self._lock)
        self._open: dict[str, _Connection] = {}
        self._closing = threading.Event()

    @property
    def port(self) -> int:
        """The TCP port that it listens on."""
        return int(self._listening.getsockname()[1])

    @property
    def location(self) -> str:
        """Where the server behind is to listen, as gRPC takes it."""
        return f"grpc+unix://{self._door}"

    def start(self) -> None:
        """Take connections: the server behind listens."""
        threading.Thread(target=self._accept, name="outport-flight-front", daemon=True).start()

    def certificate(self, peer: str) -> ClientCertificate | None:
        """What the client of a call has shown; `peer` is as gRPC says it. Raises Unauthenticated for any other's."""
        return self._known(peer).certificate

    def signed_in(self, peer: str) -> None:
        """Somebody has proved who they are on the connection of this call."""
        self._known(peer).signed_in = True

    def refuse(self) -> None:
        """Take no more connections; those that there are go on."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def close(self) -> None:
        """End every connection, once what the server behind has said has left."""
        self.refuse()
        with self._lock:
            if not self._gone.wait_for(lambda: not self._open, LEAVING_S):
                for one in self._open.values():
                    one.cut()
                self._gone.wait_for(lambda: not self._open, LEAVING_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _known(self, peer: str) -> _Connection:
        with self._lock:
            found = self._open.get(unquote(peer.removeprefix("unix:")))
        if found is None:
            raise Unauthenticated("this call came by no connection of this door", reason="connection")
        return found

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                taken, _ = self._listening.accept()
            except OSError:  # no descriptor is to be had, or the end
                self._closing.wait(_PAUSE_S)
                continue
            connection = self._admitted(taken)
            if connection is None:
                taken.close()
                continue
            try:
                threading.Thread(target=self._serve, args=(connection,), name="outport-flight-tls", daemon=True).start()
            except RuntimeError:  # no thread is to be had
                self._forget(connection)
                taken.close()

    def _admitted(self, taken: socket.socket) -> _Connection | None:
        """A place for a new connection, None where there is none."""
        with self._lock:
            if len(self._open) >= self._limit:
                oldest = next((one for one in self._open.values() if not one.signed_in), None)
                if oldest is None:
                    return None
                del self._open[str(oldest.address)]
                oldest.cut()
            made = _Connection(taken, self._folder / str(next(self._numbers)))
            self._open[str(made.address)] = made
            return made

    def _forget(self, connection: _Connection) -> None:
        with self._lock:
            self._open.pop(str(connection.address), None)
            self._gone.notify_all()

    def _serve(self, connection: _Connection) -> None:
        """One connection, to its end: known before its first byte reaches the server, forgotten before its address."""
        try:
            secured = self._secured(connection)
            with self._behind(connection) as inner:
                try:
                    Relay(secured, inner).run()
                finally:
                    self._forget(connection)
            with contextlib.suppress(OSError, ValueError):
                secured.unwrap()
        except OSError:
            pass  # a client that cannot shake hands, or that has gone
        except Exception:
            _log.exception("a connection failed")
        finally:
            self._forget(connection)
            connection.outer.close()

    def _secured(self, connection: _Connection) -> ssl.SSLSocket:
        """Shake hands. Raises OSError: TLS that is none, a certificate that is not taken, too late."""
        plain = connection.outer
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            plain.setsockopt(socket.IPPROTO_TCP, option, value)
        plain.setblocking(False)
        secured = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        connection.outer = secured
        if connection.ended:  # while the socket passed from hand to hand
            raise ConnectionAbortedError
        until = time.monotonic() + HANDSHAKE_S
        while True:
            try:
                secured.do_handshake()
                break
            except ssl.SSLWantReadError:
                _wait(secured, select.POLLIN, until)
            except ssl.SSLWantWriteError:
                _wait(secured, select.POLLOUT, until)
        shown = secured.getpeercert(binary_form=True)
        connection.certificate = None if shown is None else ClientCertificate(shown)
        return secured

    def _behind(self, connection: _Connection) -> socket.socket:
        """A socket to the server behind, from the connection's own address. Raises OSError."""
        inner = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            inner.bind(str(connection.address))
            inner.connect(str(self._door))
            inner.setblocking(False)
        except OSError:
            inner.close()
            raise
        finally:
            # The name is the socket's from here on; its file is needed no more.
            connection.address.unlink(missing_ok=True)
        return inner


def _wait(at: ssl.SSLSocket, event: int, until: float) -> None:
    """Wait for an event. Raises TimeoutError once it is `until`."""
    looked = select.poll()
    looked.register(at, event)
    if not looked.poll(max(0.0, until - time.monotonic()) * 1000):
        raise TimeoutError
