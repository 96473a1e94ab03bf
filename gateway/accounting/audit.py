"""The audit of one process: a chain of sealed lines over one file or more. Touches the audit folder only, by appending.

Each file begins with where the one that was begun before it stood, so that a file cannot go unnoticed either. A record
that cannot be written as a whole is not there at all, and how many were lost stands in the chain once it goes on.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.access.keys import Keys
from gateway.accounting import audit_chain, audit_files
from gateway.accounting.audit_chain import NO_SEAL, AuditClosed, AuditContinued, AuditGap, AuditOpened, Head, Seal
from gateway.errors import Unavailable
from gateway.files.alone import turn
from gateway.settings import Settings

COMPLAIN_S = 60.0
_PURPOSE = "audit chain"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
_log = logging.getLogger("outport.audit")


@dataclass(frozen=True)
class Filing:
    """When a new file is begun: past so many bytes, on a new day (UTC). `head_s`: how often the log tells the head."""

    file_bytes: int
    daily: bool
    head_s: float


class Audit:
    """One chain. Thread-safe; files are readable by their owner only."""

    def __init__(self, folder: Path, key: bytes, filing: Filing) -> None:
        self._folder, self._filing = folder, filing
        self._seal = Seal(key)
        self._chain = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._descriptor = -1
        self._number = self._seq = self._size = self._day = self._lost = 0
        self._previous = NO_SEAL
        self._begun: str | None = None
        self._before: Head | None = None
        self._torn = self._closed = self.failing = False
        self._told = time.monotonic()
        self._complained = -COMPLAIN_S
        self.path = folder

    @property
    def head(self) -> Head:
        """Where the chain stands."""
        with self._lock:
            return Head(self._chain, self._seq, self._previous.decode())

    def open(self) -> None:
        """Have a file to write to, the chain's first at first. Raises Unavailable if that cannot be done."""
        with self._lock:
            try:
                self._ready()
            except OSError as error:
                raise self._refusal(error) from error

    def record(self, record: object) -> None:
        """Append `record`: one write of one line. Raises Unavailable if it is not on file as a whole."""
        line = audit_chain.body(record)
        with self._lock:
            try:
                self._ready()
                self._append(line)
            except OSError as error:
                self._lost += 1
                raise self._refusal(error) from error
            self.failing = False
        if self._filing.head_s and time.monotonic() - self._told > self._filing.head_s:
            self._told = time.monotonic()
            _log.info("audit head %s", self.head)

    def check(self) -> None:
        """Where the last record could not be written, try whether one could be now. Raises Unavailable if not."""
        if self.failing:
            self.open()

    def close(self) -> None:
        """End the chain and its file; a later record raises Unavailable."""
        with self._lock:
            if not self._closed and self._descriptor >= 0:
                with suppress(OSError):
                    self._ready()
                    self._append(audit_chain.body(AuditClosed()))
                os.close(self._descriptor)
            self._closed, self._descriptor = True, -1

    def _refusal(self, error: OSError) -> Unavailable:
        self.failing = True
        if time.monotonic() - self._complained > COMPLAIN_S:
            self._complained = time.monotonic()
            _log.error("the audit cannot be written: %s; records lost: %d", error.strerror, self._lost)
        return Unavailable("the audit cannot be written, so nothing is answered", reason="audit")

    def _ready(self) -> None:
        """Have a file that the next line can follow in."""
        if self._closed:
            raise OSError(errno.EBADF, "it is closed")
        if self._torn:
            os.ftruncate(self._descriptor, self._size)
            self._torn = False
        if self._descriptor < 0:
            self._descriptor = self._create(1)
        elif self._begun is None and self._due():
            self._next()
        if self._begun is not None:
            self._append(audit_chain.body(self._opened(self._begun)))
            self._begun = None
        if self._lost:
            self._append(audit_chain.body(AuditGap(self._lost)))
            self._lost = 0

    def _due(self) -> bool:
        return self._size >= self._filing.file_bytes or (self._filing.daily and _day() != self._day)

    def _next(self) -> None:
        """Go on in another file. That file is there before this one says so: a crash between leaves no accusation."""
        old, number, path, before = self._descriptor, self._number, self.path, self._before
        new = self._create(number + 1)
        try:
            self._append(audit_chain.body(AuditContinued(number + 1)))
        except OSError:
            os.close(new)
            self.path.unlink()
            self._number, self.path, self._before, self._begun = number, path, before, None
            raise
        os.close(old)
        self._descriptor, self._size = new, 0

    def _create(self, number: int) -> int:
        """The descriptor of a new and empty file, whose opening line is due; locked while this process lives."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with turn(self._folder / ".lock"):  # each file knows the one before
            before = audit_files.newest(self._folder)
            begun = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
            path = self._folder / audit_files.name(begun, os.getpid(), self._chain, number)
            descriptor = os.open(path, _CREATE, 0o600)
            with suppress(OSError):  # no locks there: who verifies cannot tell that it is being written
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.path, self._number, self._before, self._begun, self._day = path, number, before, begun, _day()
        return descriptor

    def _opened(self, begun: str) -> AuditOpened:
        return AuditOpened(
            chain=self._chain,
            file=self._number,
            process=os.getpid(),
            host=socket.gethostname(),
            started=begun,
            key=self._seal.key_id,
            before=self._before,
        )

    def _append(self, body: bytes) -> None:
        line, seal = audit_chain.sealed(body, self._seq + 1, self._previous, self._seal)
        written = os.write(self._descriptor, line)
        if written != len(line):
            # A full disk cuts a line: half a record would spoil the next one.
            self._torn = True
            os.ftruncate(self._descriptor, self._size)
            self._torn = False
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._seq, self._previous = self._seq + 1, seal
        self._size += len(line)


def of(settings: Settings, keys: Keys, folder: Path | None = None) -> Audit:
    """The audit of this process, in the deployment's folder or another, under the deployment's key."""
    filing = Filing(settings.audit_file_bytes, settings.audit_daily, settings.audit_head_s)
    return Audit(folder or settings.audit, keys.derive(_PURPOSE), filing)


def seals(keys: Keys) -> tuple[Seal, ...]:
    """The seals by which the deployment's chains are checked, one of each secret that is still set."""
    return tuple(Seal(keys.derive(_PURPOSE, one)) for one in keys.ids)


def _day() -> int:
    return int(time.time()) // 86_400
