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
from gateway.settings import Settings, SettingsError
from gateway.siblings import Message
from ports.command import show
from ports.command.opening import Held, opened, settle, warn
from ports.command.retention import Collector

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
        _serve(Gateway(settings.model_copy(update=mine), siblings), held, talk, stop)
        code = 0
    except (SettingsError, GatewayError) as error:
        show.note(f"error: {error}")
    except BaseException:
        _log.exception("the worker has failed")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # the engine's binding would print pages about what threads still hold


def _serve(gateway: Gateway, held: Held, talk: _Talk, stop: threading.Event) -> None:
    index = gateway.siblings.index
    # Not before the gateway can answer.
    threading.Thread(target=talk.listen, args=(gateway.siblings,), name="outport-siblings", daemon=True).start()
    with opened(gateway, held.bound):
        Collector(gateway, stop).start()
        settle()
        if index == 0:
            warn(gateway.settings, gateway)
        talk.send(Message("ready", index))
        stop.wait()
    gateway.close()


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
