"""`outport serve`: the composition root. Makes the gateway, opens every declared door, and ends them in good order."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from gateway import Gateway
from gateway.access.credentials import Password
from gateway.access.identity import Directory
from gateway.access.tls import Tls
from gateway.operations.backup import resumed
from gateway.settings import Settings, SettingsError
from ports.command import demo, doors, show
from ports.command.alerting import AlertThread
from ports.command.filing import Filing, Watching
from ports.command.flags import ALL, with_settings
from ports.command.opening import held, opened, settle, warn
from ports.command.people import directory
from ports.command.refreshing import RefreshThread
from ports.command.retention import Collector
from ports.command.supervisor import Supervisor
from ports.http import snippets, snippets_postgres, snippets_web

_WATCH_S = 1.0
# So long the last look may take to put on file what it has seen.
_LAST_S = 5.0


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
    if resumed(settings):
        show.note("a restore that was killed half-way is finished")
    people = directory(settings)
    guard = Guard(people, settings.demo, Tls.of(settings) is not None)
    guard.check((settings.host,))
    if settings.demo:
        people.add_demo_personas()
    if settings.workers > 1:
        _serve_together(settings, guard)
    else:
        _serve_alone(settings, guard)
    show.note("stopped")
    ending.code = 0


def _serve_alone(settings: Settings, guard: Guard) -> None:
    gateway = Gateway(settings)
    try:
        with _signals() as stop, opened(gateway) as addresses:
            hosts = tuple(host for host, _ in addresses.values())
            guard.check(hosts)
            doors.note(settings, addresses)
            _greet(settings)
            warn(settings, gateway)
            _publishing(settings, stop, lambda: gateway.ready().ready)
            Collector(gateway, stop).start()
            Filing(gateway, stop).start()
            watching = Watching(settings, stop)
            watching.start()
            settle()
            while not stop.wait(_WATCH_S):
                guard.check(hosts)
            watching.join(_LAST_S)
    finally:
        doors.forget(settings)
        gateway.close()


def _serve_together(settings: Settings, guard: Guard) -> None:
    """The doors are bound here, once; workers that are made as they are needed serve them."""
    with _signals() as stop, held(settings) as places:
        addresses = places.addresses(settings.host)
        guard.check(tuple(host for host, _ in addresses.values()))
        supervisor = Supervisor(settings, places)
        try:
            supervisor.start()
            watching = Watching(settings, stop)
            watching.start()
            doors.note(settings, addresses)
            _greet(settings)
            _publishing(settings, stop, lambda: True)
            while not stop.is_set():
                supervisor.look(_WATCH_S)
                guard.check(tuple(host for host, _ in addresses.values()))
            watching.join(_LAST_S)
        finally:
            doors.forget(settings)
            supervisor.stop()


def _publishing(settings: Settings, stop: threading.Event, served: Callable[[], bool]) -> None:
    """Begin with what this process publishes: the demo, and whatever is to be made anew from then on."""
    after = threading.Event()
    if settings.demo:
        publisher = demo.Publisher(settings, stop, served)
        publisher.start()
        after = publisher.done
    else:
        after.set()
    RefreshThread(settings, stop, after).start()
    AlertThread(settings, stop).start()


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


def _greet(settings: Settings) -> None:
    """The page's address, and one line per door that works when pasted."""
    http, flight, postgres = (doors.reach(settings, name) for name in ("http", "flight", "postgres"))
    show.line(f"page        {http.http}/")
    if settings.demo:
        who = Password("analyst", "analyst-demo")
        show.line(f"REST        {snippets_web.curl(who, {'sql': demo.QUESTION}, f'{http.http}/sql', http.trust)}")
        show.line(f"Flight SQL  {snippets.adbc_line(who, demo.QUESTION, flight)}")
        show.line(f"PostgreSQL  {snippets_postgres.psql(who, demo.PRODUCT, demo.QUESTION, postgres)}")
    else:
        show.line(f"REST        {http.http}   (outport connect curl --as NAME)")
        show.line(f"Flight SQL  {flight.flight}   (outport connect adbc --as NAME)")
        host, number = postgres.address
        show.line(f"PostgreSQL  {host}:{number}   (outport connect psycopg --as NAME)")
