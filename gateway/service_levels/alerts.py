"""What somebody should hear of, put aside for webhooks: a file each, until every address has taken it.

Touches <state>/alerts only. Nothing waits for a network here: `alert_sender.py` sends, at least once, in good time. No
value of a product stands in an alert; names of its tables, columns and rules do.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from gateway import ticking
from gateway.errors import Unavailable
from gateway.files import alone, durable
from gateway.service_levels.incidents import Incident
from gateway.settings import Settings
from gateway.ticking import Clock

FOLDER = "alerts"
_RAISED = "raised"
# Of alerts that nobody has taken yet; past it new ones are dropped, and said so in the log.
WAITING_LIMIT = 10_000
Event = Literal[
    "quality.failed", "refresh.failed", "incident.opened", "incident.closed", "product.deprecated", "feedback.open"
]
Detail = str | int | float | bool | list[str] | None
_log = logging.getLogger("outport.alerts")


@dataclass(frozen=True, slots=True)
class Alert:
    """Something happened to a product. Alerts of one event, product and `key` are one within the window."""

    event: Event
    product: str
    key: str
    data: Mapping[str, Detail] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One alert on its way to one address: its body, when it is `due`, and the which time."""

    id: str
    url: str
    body: str
    due: str
    attempt: int = 1

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.id}-{hashlib.sha256(self.url.encode()).hexdigest()[:8]}.json"

    def again(self, due: str) -> Message:
        """The same, for another time."""
        return replace(self, due=due, attempt=self.attempt + 1)


_FORM = TypeAdapter(Message)


def raise_alert(settings: Settings, alert: Alert, clock: Clock = ticking.MACHINE) -> bool:
    """Put `alert` aside for every address; whether it is new. Never raises: what cannot be kept is logged."""
    try:
        return _raised(settings, alert, f"msg_{secrets.token_hex(12)}", clock)
    except OSError as error:
        _log.error("an alert cannot be kept: %s of %s (%s)", alert.event, alert.product, error.strerror)
        return False


def _raised(settings: Settings, alert: Alert, name: str, clock: Clock) -> bool:
    """As `raise_alert`, under this id. Raises OSError."""
    if not settings.alert_addresses:
        return False
    outbox = Outbox(settings.state)
    now = ticking.text(clock.now())
    with outbox.turn():
        if not outbox.is_new(alert, settings.alert_window_s, clock.now().timestamp()):
            return False
        if len(outbox.files()) >= WAITING_LIMIT:
            _log.error("an alert is dropped: %d wait already", WAITING_LIMIT)
            return False
        body = {"type": alert.event, "timestamp": now, "data": {"product": alert.product, **alert.data}}
        for url in settings.alert_addresses:
            outbox.put(Message(name, url, json.dumps(body, separators=(",", ":")), now))
        # Not before it is kept: what could not be is raised again.
        outbox.note(alert, settings.alert_window_s, clock.now().timestamp())
        return True


def incident_alert(settings: Settings, event: str, incident: Incident, clock: Clock = ticking.MACHINE) -> bool:
    """Raise that an incident is "opened" or "closed"; who consumes the product is nobody's to tell.

    However often it is raised it has one id, by which a receiver knows it again. Raises Unavailable if it is not kept.
    """
    data: dict[str, Detail] = {
        "incident": incident.id,
        "objective": incident.objective,
        "port": incident.port,
        "opened": ticking.text(incident.opened),
        "causes": list(incident.causes),
        "downstream": list(incident.downstream),
    }
    named: Event = "incident.opened" if event == "opened" else "incident.closed"
    if named == "incident.closed":
        data |= {"repair_s": incident.repair_s, "detect_s": incident.detect_s, "reason": incident.reason}
    alert = Alert(named, incident.product, incident.id, data)
    try:
        return _raised(settings, alert, f"msg_{_name(alert)[:24]}", clock)
    except OSError as error:
        raise Unavailable(f"{named} of {incident.product} cannot be kept now", reason="state") from error


class Outbox:
    """The messages that wait, and which alerts were raised of late. Several processes use it."""

    def __init__(self, state: Path) -> None:
        self._folder = state / FOLDER
        # Of each file that was read: which it was, and when its time comes.
        self._waiting: dict[str, tuple[tuple[int, int], str]] = {}

    def put(self, message: Message) -> None:
        """Keep a message, in place of how it was before. Raises OSError."""
        path = self._folder / message.file
        durable.replace(path, json.dumps(asdict(message)).encode())

    def files(self) -> list[Path]:
        """The files of messages that wait."""
        with suppress(OSError):
            return sorted(path for path in self._folder.iterdir() if path.suffix == ".json")
        return []

    def due(self, now: str) -> list[Message]:
        """The messages whose time has come, the first first; what cannot be read is set aside.

        A file whose time has not come is read once. For one thread at a time.
        """
        found: list[Message] = []
        before, self._waiting = self._waiting, {}
        for path in self.files():
            try:
                told = path.stat()
                stamp, known = (told.st_ino, told.st_mtime_ns), before.get(path.name)
                if known is None or known[0] != stamp or known[1] <= now:
                    found.append(_FORM.validate_json(path.read_bytes()))
                    known = (stamp, found[-1].due)
                self._waiting[path.name] = known
            except ValidationError:
                with suppress(OSError):
                    path.replace(path.with_suffix(".spoilt"))
            except OSError:
                continue
        return sorted((one for one in found if one.due <= now), key=lambda one: (one.due, one.id))

    def done(self, message: Message) -> None:
        """It was taken, or is given up."""
        (self._folder / message.file).unlink(missing_ok=True)

    def is_new(self, alert: Alert, window_s: float, now_s: float) -> bool:
        """Whether no such alert was raised within the window."""
        return _name(alert) not in self._raised(window_s, now_s)

    def note(self, alert: Alert, window_s: float, now_s: float) -> None:
        """It was raised now. Raises OSError."""
        path = self._folder / _RAISED
        durable.replace(path, json.dumps(self._raised(window_s, now_s) | {_name(alert): now_s}).encode())

    def _raised(self, window_s: float, now_s: float) -> dict[str, float]:
        known: dict[str, float] = {}
        with suppress(OSError, ValueError):
            known = {str(name): float(at) for name, at in json.loads((self._folder / _RAISED).read_bytes()).items()}
        return {name: at for name, at in known.items() if now_s - window_s < at <= now_s}

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One process at a time. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone.turn(self._folder / ".lock"):
            yield


def _name(alert: Alert) -> str:
    return hashlib.sha256(json.dumps([alert.event, alert.product, alert.key]).encode()).hexdigest()[:32]


def epoch_s() -> int:
    """The moment that a receiver compares with its own: always the machine's."""
    return int(time.time())
