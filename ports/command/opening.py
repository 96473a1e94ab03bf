"""Every installed port: found, bound, opened and stopped. Touches entry points, and the ports by their own methods."""

from __future__ import annotations

import gc
import secrets
import socket
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, cast

from gateway import Gateway
from gateway.settings import Settings, SettingsError
from ports.command import doors, show

GROUP = "outport.ports"
# Below what systems use for outgoing connections (32768 on Linux, 49152 by RFC 6335).
_LASTING = range(20_000, 32_000)
_TRIES = 100
NONE_BOUND: Mapping[str, socket.socket] = {}


@dataclass(frozen=True)
class Held:
    """The addresses of several processes that serve together.

    `bound` has the socket of each door that they share; `own_ports` the TCP ports of each that they cannot share.
    """

    bound: Mapping[str, socket.socket]
    own_ports: Mapping[str, tuple[int, ...]]

    def addresses(self, host: str) -> Mapping[str, doors.Address]:
        """Where clients first come to: of several ports, to the first."""
        shared = {name: doors.address_of(one) for name, one in self.bound.items()}
        return shared | {name: (host, ports[0]) for name, ports in self.own_ports.items()}


class Port(Protocol):
    """What a port class is: made with the gateway, bound by start(), at its address until stop()."""

    def __init__(self, gateway: Gateway) -> None: ...

    @property
    def address(self) -> doors.Address: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Shared(Port, Protocol):
    """A port whose socket several processes can have: bound by bind(), then given to start() in each."""

    @staticmethod
    def bind(settings: Settings) -> socket.socket: ...

    def start(self, bound: socket.socket | None = None) -> None: ...


@contextmanager
def opened(gateway: Gateway, bound: Mapping[str, socket.socket] = NONE_BOUND) -> Iterator[Mapping[str, doors.Address]]:
    """Every installed port, started; all are stopped at the end, also those before one that fails.

    Those of `bound` are bound already.
    """
    opened: dict[str, Port] = {}
    entries = _entries()
    for entry in entries:
        # Asked before any door opens: gRPC would write lines of its own about an address in use.
        if entry.name not in bound and not doors.free(
            gateway.settings.host, getattr(gateway.settings, f"{entry.name}_port", 0)
        ):
            raise _in_use(gateway.settings, entry.name)
    try:
        for entry in entries:
            port = _loaded(entry)(gateway)
            try:
                _start(port, bound.get(entry.name))
            except OSError as error:
                raise _in_use(gateway.settings, entry.name) from error
            opened[entry.name] = port
        yield {name: port.address for name, port in opened.items()}
    finally:
        _stop(opened.values())


def _stop(ports: Collection[Port]) -> None:
    """Stop all at once: none takes what is new while another one's running answers end."""
    stopping = [threading.Thread(target=port.stop, name="outport-stop") for port in ports]
    for thread in stopping:
        thread.start()
    for thread in stopping:
        thread.join()


@contextmanager
def held(settings: Settings) -> Iterator[Held]:
    """The address of every installed port: a socket that does not listen yet, closed at the end, or numbers."""
    with ExitStack() as closing:
        bound: dict[str, socket.socket] = {}
        own: dict[str, tuple[int, ...]] = {}
        for entry in _entries():
            kind = _loaded(entry)
            try:
                if hasattr(kind, "bind"):
                    bound[entry.name] = closing.enter_context(kind.bind(settings))
                else:
                    own[entry.name] = _numbers(settings, entry.name)
            except OSError as error:
                raise _in_use(settings, entry.name) from error
        yield Held(bound, own)


def _numbers(settings: Settings, name: str) -> tuple[int, ...]:
    """A free port for each worker: the one that is set and those that follow it, or any. Raises OSError."""
    first: int = getattr(settings, f"{name}_port")
    asked = range(first, first + settings.workers) if first else _some(settings)
    for number in asked:
        _probed(settings.host, number)
    return tuple(asked)


def _some(settings: Settings) -> range:
    """Free ports in a row, of those that the system gives nobody by itself: a worker made anew needs its own again.

    Raises OSError where none are found.
    """
    for _ in range(_TRIES):
        first = secrets.choice(_LASTING)
        found = range(first, first + settings.workers)
        with suppress(OSError):
            for number in found:
                _probed(settings.host, number)
            return found
    raise OSError("no free ports")


def _probed(host: str, number: int) -> None:
    socket.create_server((host, number), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()


def _start(port: Port, bound: socket.socket | None) -> None:
    if bound is None:
        port.start()
    else:
        cast(Shared, port).start(bound)


def _entries() -> list[EntryPoint]:
    return sorted(entry_points(group=GROUP), key=lambda entry: entry.name)


def _loaded(entry: EntryPoint) -> Any:
    """The port's class, a Port or Shared."""
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise SettingsError((f"the door {entry.name} ({entry.value}) is installed and cannot be loaded",)) from error


def _in_use(settings: Settings, name: str) -> SettingsError:
    field = f"{name}_port"
    number = getattr(settings, field, None)
    return SettingsError(
        (f"{field}: cannot listen on {settings.host} port {number}; free it, or choose another ({field}=0 takes one)",)
    )


def settle() -> None:
    """Say that what exists now stays: the garbage collector took a twelfth of a busy server's time to see so itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def warn(settings: Settings, gateway: Gateway) -> None:
    """What is not served as it is declared."""
    ready = gateway.ready()
    for problem in ready.problems:
        show.note(f"warning: {problem}")
    if ready.missing and not settings.demo:
        paths = " ".join(str(settings.products / name) for name in ready.missing)
        show.note(f"not published yet: {', '.join(ready.missing)} (outport apply {paths})")
