"""One of several processes that serve together: a gateway of its own behind doors that the supervisor has bound.

Touches the connection to the supervisor; it ends when that does, or when it is told to.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection

from gateway import Gateway, GatewayError, Siblings
from gateway.serving.siblings import Message
from gateway.settings import Settings, SettingsError
from ports.command import show
from ports.command.filing import Filing
from ports.command.opening import Held, opened, settle, warn
from ports.command.retention import Collector

LOOK_S = 1.0
# Beside drain_s: so long the doors of a process that ends may take to close.
CUT_S = 10.0
_log = logging.getLogger("outport.worker")


def work(settings: Settings, index: int, held: Held, connection: Connection[Message, Message]) -> None:
    """The whole life of the process."""
    logging.basicConfig(format=f"%(asctime)s %(levelname)s %(name)s [{index}] %(message)s", level=logging.WARNING)
    logging.getLogger("outport.audit").setLevel(logging.INFO)  # which tells the head now and then
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's goes to the supervisor too, which says when
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    talk = _Talk(connection, stop)
    siblings = Siblings(index, settings.workers, talk.send, held.own_ports)
    mine = {f"{name}_port": ports[index] for name, ports in held.own_ports.items()}
    code = 1
    try:
        code = _serve(Gateway(settings.model_copy(update=mine), siblings), held, talk, stop)
    except (SettingsError, GatewayError) as error:
        show.note(f"error: {error}")
    except BaseException:
        _log.exception("the worker has failed")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # the engine's binding would print pages about what threads still hold


def _serve(gateway: Gateway, held: Held, talk: _Talk, stop: threading.Event) -> int:
    """Serve until `stop`, or until a query cannot be stopped: then the process ends with 1, to be made anew."""
    index = gateway.siblings.index
    # Not before the gateway can answer.
    threading.Thread(target=talk.listen, args=(gateway.siblings,), name="outport-siblings", daemon=True).start()
    with opened(gateway, held.bound):
        Collector(gateway, stop).start()
        Filing(gateway, stop).start()
        settle()
        if index == 0:
            warn(gateway.settings, gateway)
        talk.send(Message("ready", index))
        if not _told(stop, gateway):
            _log.error("a query cannot be interrupted: this worker lets the others end, and is made anew")
            cut = threading.Timer(gateway.settings.drain_s + CUT_S, os._exit, [1])
            cut.daemon = True
            cut.start()
    if gateway.deaf:
        return 1
    gateway.close()
    return 0


def _told(stop: threading.Event, gateway: Gateway) -> bool:
    """Wait for `stop`; False where a query that cannot be interrupted comes first."""
    while not stop.wait(LOOK_S):
        if gateway.deaf:
            return False
    return True


class _Talk:
    """The connection to the supervisor."""

    def __init__(self, connection: Connection[Message, Message], stop: threading.Event) -> None:
        self._connection, self._stop = connection, stop
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Send; nobody hears it where the supervisor has gone, and then this process ends too."""
        with self._lock:
            try:
                self._connection.send(message)
            except OSError:
                self._stop.set()

    def listen(self, siblings: Siblings) -> None:
        """Hear the supervisor until it goes."""
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                self._stop.set()
                return
            if message.kind == "stop":
                self._stop.set()
            elif message.kind == "ping":
                self.send(Message("pong", siblings.index))
            else:
                siblings.receive(message)
