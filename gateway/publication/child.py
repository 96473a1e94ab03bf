"""Runs a build in a process of its own, under the deployment's one publication lock. Touches the lock's file only.

Who gets the lock finishes a restore that was killed, before anything else, and undoes an edit that was not published.

The child inherits the lock, so that no other publication starts while a killed one still writes; it ends when this
process ends, since its stdin then does, or when it takes longer than it may.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from gateway.accounting.ledger import ITSELF
from gateway.contracts.contract import ContractError
from gateway.document import Finding
from gateway.errors import Unavailable
from gateway.files.alone import taken
from gateway.inputs.job import Built, Failed, Order, Progressed, messages, written
from gateway.publication import amending, forks
from gateway.publication.build_inputs import LOG
from gateway.serving import restoring
from gateway.snapshot import RuleOutcome

LOCK = "publish.lock"
_log = logging.getLogger("outport.publish")
# A child whose parent was killed ends within milliseconds, and holds the lock until then.
_LOCK_WAIT_S = 2.0
_LOCK_RETRY_S = 0.05
_OWN_WAIT_S = 60.0


class Refused(ContractError):
    """A core that does not hold its contract: kept aside for inspection, not served."""

    def __init__(self, findings: Sequence[Finding], outcomes: Sequence[RuleOutcome] = ()) -> None:
        super().__init__(findings)
        self.outcomes = tuple(outcomes)


@contextlib.contextmanager
def lock(state: Path, what: str) -> Iterator[int]:
    """The publication lock of a state folder, as a descriptor for the child.

    Raises Unavailable: busy, or state where the disk is full or may not be written, now or under the lock.
    """
    descriptor = -1
    try:
        state.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(state / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _LOCK_WAIT_S
        while not taken(descriptor):
            holder = os.pread(descriptor, 200, 0).decode(errors="replace")
            # The deployment's own product comes in between unasked, and is soon done.
            patience_s = _OWN_WAIT_S if holder.startswith(f"{ITSELF},") else 0.0
            if time.monotonic() > deadline + patience_s:
                hint = "wait for it to end; nothing was changed"
                raise Unavailable(f"another publication is running ({holder})", reason="busy", hint=hint)
            time.sleep(_LOCK_RETRY_S)
        if restoring.finish(state):
            _log.warning("a restore that had ended half-way was finished")
        if amending.undone(state):
            _log.warning("an edit of a descriptor that was killed before its publication was undone")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{what}, process {os.getpid()}".encode(), 0)
        yield descriptor
    except OSError as error:
        hint = "what was served is served on"
        raise Unavailable(f"the state folder cannot be used: {error.strerror}", reason="state", hint=hint) from error
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def settled(state: Path) -> None:
    """Undo an edit that was killed, unless another one works here."""
    if amending.is_left(state):
        with contextlib.suppress(Unavailable), lock(state, "a look"):
            pass


def run(order: Order, held: int, progress: Callable[[Progressed], None]) -> Built:
    """What the child has built. Raises Refused with its findings, Unavailable (build) if it was killed, or is late."""
    (given, stdin), (stdout, answers) = _pipe(), _pipe()
    try:
        with given, answers, (Path(order.folder) / LOG).open("ab") as log:
            build = forks.start([given.fileno(), answers.fileno(), log.fileno(), held])
        late = threading.Event()
        timer = threading.Timer(order.build_s, _end, (build, late))
        timer.daemon = True
        timer.start()
        try:
            return _answer(order, stdin, stdout, progress, late)
        finally:
            timer.cancel()
            build.end()
    finally:
        stdout.close()
        with contextlib.suppress(BrokenPipeError):
            stdin.close()


def _end(build: forks.Build, late: threading.Event) -> None:
    late.set()
    build.end()


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    """The end to read from, and the end to write to."""
    reading, writing = os.pipe()
    return os.fdopen(reading, "rb"), os.fdopen(writing, "wb")


def _answer(
    order: Order,
    stdin: IO[bytes],
    stdout: IO[bytes],
    progress: Callable[[Progressed], None],
    late: threading.Event,
) -> Built:
    with contextlib.suppress(BrokenPipeError):  # a killed child has no answer either: said below
        stdin.write(forks.surroundings() + written(order))
        stdin.flush()
    at = "its begin"
    try:
        for message in messages(iter(stdout)):
            match message:
                case Progressed():
                    at = f"{message.step} {message.subject}"
                    progress(message)
                case Built():
                    return message
                case Failed():
                    raise Refused(message.findings, message.outcomes)
    except ValidationError as error:
        raise Unavailable("the build cannot be understood", reason="build") from error
    if late.is_set():
        told = f"the build took longer than {order.build_s:g} s, at {at}; what was served is served on"
        raise Unavailable(told, reason="build", hint="a model that ends, or another build_s")
    hint = "publish again; if it was killed for its memory, lower memory_limit"
    raise Unavailable("the build ended before its end; what was served is served on", reason="build", hint=hint)
