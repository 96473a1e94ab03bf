"""`outport refresh`, and the thread of `outport serve` that makes products anew. Publishes by the gateway's rooms."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Annotated

import typer

from gateway import ticking
from gateway.accounting.ledger import ITSELF
from gateway.desks.refreshes import Refreshed, history
from gateway.errors import GatewayError, NotFound, Unavailable
from gateway.publication import refresh
from gateway.publication.refresh import Request
from gateway.publication.refresher import Refresher
from gateway.serving.catalog import Catalog
from gateway.serving.shelf import SNAPSHOTS
from gateway.settings import Settings
from gateway.ticking import Clock
from ports.command import account, show
from ports.command.flags import PLACES, with_settings

EVERY_S = 0.5
_WELL = frozenset({"published", "unchanged"})
_log = logging.getLogger("outport.refresh")


class RefreshThread:
    """Looks every EVERY_S seconds, from `after` on until `stop` is set, while no other process does."""

    def __init__(
        self, settings: Settings, stop: threading.Event, after: threading.Event, clock: Clock = ticking.MACHINE
    ) -> None:
        self._settings, self._stop, self._after, self._clock = settings, stop, after, clock
        self._thread = threading.Thread(target=self._run, name="outport-refresh", daemon=True)

    def start(self) -> None:
        """Begin; returns at once. A serving user who may not write snapshots refreshes nothing."""
        self._thread.start()

    def _run(self) -> None:
        said = ""
        while not self._after.wait(EVERY_S) and not self._stop.is_set():
            pass
        while not self._stop.is_set():
            try:
                with refresh.writer(self._settings.state) as alone:
                    if alone and _may_write(self._settings):
                        self._work()
            except (GatewayError, OSError) as error:
                if str(error) != said:
                    _log.error("refreshes wait: %s", error)
                said = str(error)
            except Exception as error:  # what is run meanwhile counts as killed, and is tried so often and no more
                if repr(error) != said:
                    _log.exception("refreshes wait")
                said = repr(error)
            self._stop.wait(EVERY_S)

    def _work(self) -> None:
        refresher = Refresher(self._settings, self._clock)
        for one in refresher.recover():
            _log.error("the refresh of %s (run %s) was killed", one.product, one.run)
        while not self._stop.is_set():
            if refresher.tick() is None:
                self._stop.wait(EVERY_S)


def _may_write(settings: Settings) -> bool:
    shelf = settings.state / SNAPSHOTS
    return os.access(shelf if shelf.exists() else settings.state, os.W_OK)


@with_settings(*PLACES)
def refresh_product(
    product: Annotated[str, typer.Argument(help="a product that is served")],
    *,
    wait: Annotated[bool, typer.Option("--wait", help="until the run has ended, and tell how")] = False,
    settings: Settings,
) -> None:
    """Make a product anew from its inputs: by the server that runs, or here where none does."""
    found = Catalog(settings.state).current().find(product.lower())
    if found is None and product != ITSELF:
        raise NotFound(f"product {product:.128} is not served", reason="product", hint="outport apply")
    name = found.product.name if found is not None else ITSELF
    asked = refresh.request(settings.state, name, by=f"account:{account.name()}")
    with refresh.writer(settings.state) as alone:
        if alone:
            _here(settings, asked)
    if not alone and not wait:
        show.line(f"{name} is to be refreshed: run {asked.run}")
        return
    if name == ITSELF:
        _made_of_the_ledger(settings, asked)
        return
    ended = _ended(settings, asked)
    tail = f": {ended.finding}" if ended.finding else ""
    show.line(f"{name}: {ended.outcome}, run {asked.run}{tail}")
    if ended.outcome not in _WELL:
        raise typer.Exit(1)


def _made_of_the_ledger(settings: Settings, asked: Request) -> None:
    """Its runs are in no ledger. Raises Unavailable where it is not served, as the log says why."""
    while asked.at(refresh.waiting(settings.state)) or asked.at(refresh.running(settings.state)):
        time.sleep(EVERY_S)
    served = Catalog(settings.state).current().find(ITSELF)
    if served is None:
        raise Unavailable("it could not be published", reason="build")
    show.line(f"{ITSELF}: served, snapshot {served.id}")


def _here(settings: Settings, asked: Request) -> None:
    """Run what waits until this request has been tried; what has failed is left to who serves next."""
    refresher = Refresher(settings)
    refresher.recover()
    while asked.at(refresh.waiting(settings.state)):
        if refresher.tick() is None:
            time.sleep(EVERY_S)


def _ended(settings: Settings, asked: Request) -> Refreshed:
    """The end of a request's run. Raises Unavailable where none is on record."""
    while True:
        open_ = asked.at(refresh.waiting(settings.state)) or asked.at(refresh.running(settings.state))
        for one in history(settings.state, asked.product, 100):
            if (one.run, one.attempt) == (asked.run, asked.attempt) and one.ended is not None:
                return one
        if not open_:
            raise Unavailable("how the run has ended is not on record", reason="state")
        time.sleep(EVERY_S)
