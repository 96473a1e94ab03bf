"""Runs a build in a process of its own, under the deployment's one publication lock. Touches the lock's file only.

The child inherits the lock, so that no other publication starts while a killed one still writes; it ends when this
process ends, since its stdin then does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from gateway.build import LOG
from gateway.contract import ContractError
from gateway.document import Finding
from gateway.errors import Unavailable
from gateway.job import Built, Failed, Order, Progressed, messages, written
from gateway.ledger import ITSELF
from gateway.snapshot import RuleOutcome

LOCK = "publish.lock"
# A child whose parent was killed ends within milliseconds, and holds the lock until then.
_LOCK_WAIT_S = 2.0
_LOCK_RETRY_S = 0.05
_OWN_WAIT_S = 60.0
# -P keeps the working directory off the import path.
_COMMAND = (sys.executable, "-P", "-m", "gateway.build")


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
        while not _locked(descriptor):
            holder = os.pread(descriptor, 200, 0).decode(errors="replace")
            # The deployment's own product comes in between unasked, and is soon done.
            patience_s = _OWN_WAIT_S if holder.startswith(f"{ITSELF},") else 0.0
            if time.monotonic() > deadline + patience_s:
                hint = "wait for it to end; nothing was changed"
                raise Unavailable(f"another publication is running ({holder})", reason="busy", hint=hint)
            time.sleep(_LOCK_RETRY_S)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{what}, process {os.getpid()}".encode(), 0)
        yield descriptor
    except OSError as error:
        hint = "what was served is served on"
        raise Unavailable(f"the state folder cannot be used: {error.strerror}", reason="state", hint=hint) from error
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def run(order: Order, held: int, progress: Callable[[Progressed], None]) -> Built:
    """What the child has built. Raises Refused with its findings, Unavailable (build) if it was killed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OUTPORT_")}
    with (Path(order.folder) / LOG).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, pass_fds=(held,), env=environment
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        return _answer(order, process.stdin, process.stdout, progress)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def _answer(order: Order, stdin: IO[bytes], stdout: IO[bytes], progress: Callable[[Progressed], None]) -> Built:
    with contextlib.suppress(BrokenPipeError):  # a killed child has no answer either: said below
        stdin.write(written(order))
        stdin.flush()
    try:
        for message in messages(iter(stdout)):
            match message:
                case Progressed():
                    progress(message)
                case Built():
                    return message
                case Failed():
                    raise Refused(message.findings, message.outcomes)
    except ValidationError as error:
        raise Unavailable("the build cannot be understood", reason="build") from error
    hint = "publish again; if it was killed for its memory, lower memory_limit"
    raise Unavailable("the build ended before its end; what was served is served on", reason="build", hint=hint)
