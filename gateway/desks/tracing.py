"""What a trace is told of a query while it goes the one path: nothing, unless telemetry is on. Touches nothing else.

`gateway/desks/telemetry.py` makes spans of it, and is imported only where the settings ask for that.
"""

from __future__ import annotations

import importlib
from typing import Protocol

from gateway.errors import GatewayError
from gateway.serving.stream import Provenance, Summary
from gateway.settings import Settings, SettingsError


class Trace(Protocol):
    """One query's. Its clock runs from when it was begun."""

    def bound(self, provenance: Provenance) -> None:
        """The query is bound, and is about to run."""

    def refused(self, error: GatewayError) -> None:
        """It is not run."""

    def ended(self, summary: Summary) -> None:
        """Its answer has ended, in whatever way."""


class Tracing(Protocol):
    """Begins traces."""

    def begin(self, port: str, parent: str | None, query_id: str) -> Trace:
        """The trace of a query at a door; `parent` is the traceparent that came with it (W3C Trace Context)."""

    def close(self) -> None:
        """Send what is not sent yet."""


class Untraced:
    """Tells nobody anything: the trace of every query while telemetry is off."""

    def begin(self, port: str, parent: str | None, query_id: str) -> Trace:
        """Itself."""
        return self

    def bound(self, provenance: Provenance) -> None:
        """Nothing."""

    def refused(self, error: GatewayError) -> None:
        """Nothing."""

    def ended(self, summary: Summary) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def load(settings: Settings) -> Tracing:
    """The tracing of this process. Raises SettingsError where it is asked for and its libraries are not installed."""
    if not settings.telemetry:
        return Untraced()
    try:
        telemetry = importlib.import_module("gateway.desks.telemetry")
    except ImportError as error:
        raise SettingsError(("telemetry: its libraries are missing; pip install 'outport[telemetry]'",)) from error
    made: Tracing = telemetry.tracing()
    return made
