"""Puts on file, while a process serves, what it has counted; and looks, in one process, at how promises are kept.

Touches the gateway's tally, and the state folder through the rooms that own it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from gateway import Gateway
from gateway.desks import scorecards
from gateway.errors import GatewayError, Unavailable
from gateway.service_levels import slo_told
from gateway.service_levels.alerts import incident_alert
from gateway.service_levels.attendance import Heartbeat
from gateway.service_levels.incidents import Incident
from gateway.service_levels.slo_watch import Watch
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from gateway.ticking import MACHINE, Clock

# So often scorecards are made anew: a month of hours is read for them.
SCORED_S = 300.0
# The longest that a minute may be waited for in which to say that one is there.
BEAT_S = 15.0
_log = logging.getLogger("outport.filing")


class Filing:
    """Files every `slo_s` seconds, in a thread of its own, until `stop` is set; what is left then, the gateway does.

    And once a minute that the process is there, and which products it serves.
    """

    def __init__(self, gateway: Gateway, stop: threading.Event) -> None:
        self._gateway, self._stop = gateway, stop
        self._heartbeat = Heartbeat(gateway.settings.state)
        self._thread = threading.Thread(target=self._run, name="outport-filing", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def _run(self) -> None:
        self._tried(self._beat)
        while not self._stop.wait(min(self._gateway.settings.slo_s, BEAT_S)):
            self._tried(self._gateway.tally.flush)
            self._tried(self._beat)

    def _beat(self) -> None:
        self._heartbeat.beat(self._gateway.ready().served)

    def _tried(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Unavailable as error:
            _log.warning("what was asked is not on file yet: %s", error.message)
        except Exception:
            _log.exception("what was asked is not on file")  # the next minutes may fare better


class Watching:
    """Looks at every objective every `slo_s` seconds, in a thread of its own, until `stop` is set.

    For one process of a deployment: the one that serves alone, or the supervisor. Where several are there all the same,
    one looks and the others wait for its end.
    """

    def __init__(self, settings: Settings, stop: threading.Event, clock: Clock = MACHINE) -> None:
        self._settings, self._stop, self._clock = settings, stop, clock
        self._catalog = Catalog(settings.state)
        self._thread = threading.Thread(target=self._run, name="outport-slo", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def join(self, seconds: float | None = None) -> None:
        """Wait for its end: what was sampled last is on file then."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with slo_told.evaluator(self._settings.state) as alone:
                    if alone:
                        self._look()
            except Unavailable as error:
                _log.warning("how promises are kept is not looked at: %s", error.message)
            self._clock.wait(self._stop, self._settings.slo_s)

    def _look(self) -> None:
        watch = Watch(self._settings.state, self._catalog.current, self._clock, self._tell)
        due = self._clock.now()
        while not self._clock.wait(self._stop, self._settings.slo_s):
            try:
                watch.look()
                if self._clock.now() >= due:
                    self._score()
                    due = self._clock.now() + timedelta(seconds=SCORED_S)
            except GatewayError as error:
                _log.warning("how promises are kept was not looked at: %s", error.message)
            except Exception:
                _log.exception("how promises are kept was not looked at")  # the next look may fare better
        watch.close()

    def _score(self) -> None:
        now = self._clock.now()
        served = self._catalog.current()
        scorecards.keep(self._settings, scorecards.made(self._settings, served, now), now, served)

    def _tell(self, event: str, incident: Incident) -> None:
        incident_alert(self._settings, event, incident, self._clock)
