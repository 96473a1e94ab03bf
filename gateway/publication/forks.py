"""Starts builds by asking the fork server (fork_server.py), and that one where there is none. Touches processes only.

One fork server serves all publications of a process. It is given none of the settings, and a build has its
surroundings, the environment and the working folder, from the moment at which it was asked for.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.errors import Unavailable

# A request is a letter and a number, an answer a number: of a build, its process.
START, END = b"s", b"e"
_NUMBER_BYTES = 4
REQUEST_BYTES = 1 + _NUMBER_BYTES
# What goes along with START: where the order comes from, where answers and log go, and the publication lock.
DESCRIPTORS = 4
# What ends a fork server that does not end by itself.
_END_S = 5.0
# -P keeps the working directory off the import path.
_COMMAND = (sys.executable, "-P", "-m", "gateway.publication.fork_server")


def written(number: int) -> bytes:
    """A number as it is sent."""
    return number.to_bytes(_NUMBER_BYTES, "big")


def number(message: bytes) -> int:
    """The number at the end of a request or an answer."""
    return int.from_bytes(message[-_NUMBER_BYTES:], "big")


def environment() -> dict[str, str]:
    """The environment of this process without settings of the gateway."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OUTPORT_")}


def surroundings() -> bytes:
    """One line for `surround`: those of this process, as they are now."""
    return json.dumps([os.getcwd(), environment()]).encode() + b"\n"


def surround(line: bytes) -> None:
    """Take over the surroundings that a line holds. Raises ValueError."""
    folder, variables = json.loads(line)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()


class _Server:
    """A fork server and our end of the socket to it."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._exchange = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                (*_COMMAND, str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=environment(),
            )
        # It may end by itself, and nothing is to be left of it then.
        threading.Thread(target=self._process.wait, name="fork server", daemon=True).start()

    def ready(self) -> None:
        """Wait until it is. It is sent no lock before, which it would hold, with us killed, until it has loaded."""
        with self._whole():
            self._answer()

    def ask(self, request: bytes, descriptors: Sequence[int] = ()) -> int:
        """The answer. Raises OSError where the fork server has ended."""
        with self._whole():
            socket.send_fds(self._control, [request], descriptors)
            return self._answer()

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """One exchange, and no other after one that was broken off: its answer would be taken for the next one's."""
        with self._exchange:
            try:
                yield
            except BaseException:
                self._control.close()
                raise

    def _answer(self) -> int:
        answer = self._control.recv(_NUMBER_BYTES, socket.MSG_WAITALL)
        if len(answer) < _NUMBER_BYTES:
            raise ConnectionResetError
        return number(answer)

    def close(self) -> None:
        """End it, and with it the builds that are under way."""
        self._control.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True)
class Build:
    """A build that was started, by its process."""

    process: int
    server: _Server

    def end(self) -> None:
        """Kill it where it has not ended; it has when this returns."""
        with contextlib.suppress(OSError):  # it ends without its fork server too
            self.server.ask(END + written(self.process))


class _Forks:
    """The fork server of this process, once there is one."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._server: _Server | None = None

    def start(self, descriptors: Sequence[int]) -> Build:
        """A new build. Raises Unavailable (build) where no process can be started."""
        with self._starting:
            for _ in range(2):  # one that nobody asked for a while has ended
                try:
                    if self._server is None:
                        self._server = _Server()
                        self._server.ready()
                    return Build(self._server.ask(START + written(0), descriptors), self._server)
                except OSError:
                    self.close()
        raise Unavailable("the build could not be started", reason="build", hint="see the log of the server")

    def close(self) -> None:
        """End the fork server."""
        if self._server is not None:
            self._server.close()
            self._server = None


def _forget() -> None:
    global _ours
    _ours = _Forks()


_ours = _Forks()
# A process that was forked has none: the socket is its parent's.
os.register_at_fork(after_in_child=_forget)
atexit.register(lambda: _ours.close())


def start(descriptors: Sequence[int]) -> Build:
    """A new build, which reads its surroundings and then its order. Raises Unavailable (build)."""
    return _ours.start(descriptors)
