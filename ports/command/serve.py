"""`outport serve`: the composition root. Makes the gateway, opens every declared door, and ends them in good order."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import FrameType
from typing import Protocol

from gateway import Gateway
from gateway.credentials import Password
from gateway.identity import Directory
from gateway.settings import Settings, SettingsError
from gateway.tls import Tls
from ports.command import connect, connect_postgres, demo, doors, show
from ports.command.flags import ALL, with_settings
from ports.command.people import directory
from ports.command.retention import Collector

GROUP = "outport.ports"
_WATCH_S = 1.0


class Port(Protocol):
    """What a port class is: made with the gateway, bound by start(), at its address until stop()."""

    @property
    def address(self) -> doors.Address: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(frozen=True)
class Guard:
    """Keeps on this machine what other machines must not reach: the demo, and credentials that TLS does not cover."""

    people: Directory
    demo: bool
    tls: bool

    def check(self, hosts: tuple[str, ...]) -> None:
        """Raises SettingsError if other machines reach one of `hosts` and must not."""
        open_to = tuple(dict.fromkeys(one for host in hosts for one in doors.beyond_loopback(host)))
        if open_to and (self.demo or self.people.holds_demo_credentials()):
            raise SettingsError(
                (
                    f"host: demo credentials open the doors, so only loopback may be listened on, not {open_to[0]}; "
                    "use --host 127.0.0.1, or remove the demo's principals (outport principal remove NAME)",
                )
            )
        if open_to and not self.tls:
            raise SettingsError(
                (
                    f"host: other machines reach {open_to[0]}, and without TLS credentials could be read on the way; "
                    "set tls_cert and tls_key, or use --host 127.0.0.1 behind a proxy that ends TLS on this machine",
                )
            )


@with_settings(*ALL)
def serve(*, settings: Settings) -> None:
    """Serve the published products through every door, until SIGTERM or SIGINT."""
    ending = _Ending()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.WARNING)
    logging.getLogger("outport.audit").setLevel(logging.INFO)  # which tells the head now and then
    people = directory(settings)
    guard = Guard(people, settings.demo, Tls.of(settings) is not None)
    guard.check((settings.host,))
    if settings.demo:
        people.add_demo_personas()
    gateway = Gateway(settings)
    try:
        with _signals() as stop, opened(gateway) as addresses:
            hosts = tuple(host for host, _ in addresses.values())
            guard.check(hosts)
            doors.note(settings, addresses)
            _greet(settings, gateway)
            if settings.demo:
                demo.Publisher(settings, stop).start()
            Collector(gateway, stop).start()
            settle()
            while not stop.wait(_WATCH_S):
                guard.check(hosts)
    finally:
        doors.forget(settings)
        gateway.close()
    show.note("stopped")
    ending.code = 0


def settle() -> None:
    """Say that what exists now stays: the garbage collector took a twelfth of a busy server's time to see so itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


class _Ending:
    """Ends the process with `code` before the interpreter is torn down.

    Threads of gRPC and of the event loop may still hold objects of the engine then, and its binding (nanobind) would
    print pages about them.
    """

    def __init__(self) -> None:
        self.code = 1
        atexit.register(self._leave)

    def _leave(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self.code)


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; a second signal acts as it always does."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def asked(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, asked)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def opened(gateway: Gateway) -> Iterator[Mapping[str, doors.Address]]:
    """Every installed port, started; all are stopped at the end, also those before one that fails."""
    opened: dict[str, Port] = {}
    entries = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    for entry in entries:
        # Asked before any door opens: gRPC would write lines of its own about an address in use.
        if not doors.free(gateway.settings.host, getattr(gateway.settings, f"{entry.name}_port", 0)):
            raise _in_use(gateway.settings, entry.name)
    try:
        for entry in entries:
            port = _made(entry, gateway)
            try:
                port.start()
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


def _made(entry: EntryPoint, gateway: Gateway) -> Port:
    try:
        kind: Callable[[Gateway], Port] = entry.load()
    except (ImportError, AttributeError) as error:
        raise SettingsError((f"the door {entry.name} ({entry.value}) is installed and cannot be loaded",)) from error
    return kind(gateway)


def _in_use(settings: Settings, name: str) -> SettingsError:
    field = f"{name}_port"
    number = getattr(settings, field, None)
    return SettingsError(
        (f"{field}: cannot listen on {settings.host} port {number}; free it, or choose another ({field}=0 takes one)",)
    )


def _greet(settings: Settings, gateway: Gateway) -> None:
    """The page's address, and one line per door that works when pasted."""
    http, flight, postgres = (doors.reach(settings, name) for name in ("http", "flight", "postgres"))
    show.line(f"page        {http.http}/")
    if settings.demo:
        who = Password("analyst", "analyst-demo")
        show.line(f"REST        {connect.curl(who, demo.QUESTION, http)}")
        show.line(f"Flight SQL  {connect.adbc_line(who, demo.QUESTION, flight)}")
        show.line(f"PostgreSQL  {connect_postgres.psql(who, demo.QUESTION, postgres)}")
    else:
        show.line(f"REST        {http.http}   (outport connect curl --as NAME)")
        show.line(f"Flight SQL  {flight.flight}   (outport connect adbc --as NAME)")
        host, number = postgres.address
        show.line(f"PostgreSQL  {host}:{number}   (outport connect psycopg --as NAME)")
    ready = gateway.ready()
    for problem in ready.problems:
        show.note(f"warning: {problem}")
    if ready.missing and not settings.demo:
        paths = " ".join(str(settings.products / name) for name in ready.missing)
        show.note(f"not published yet: {', '.join(ready.missing)} (outport apply {paths})")
