"""The process that builds are forked from: it has imported what a build needs. Touches the descriptors it is given.

What it imports costs over a second; a fork costs milliseconds. It knows no order: each build reads its own. It ends
with the process that started it, at the end of the socket between them, and after a minute without a build.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
from typing import NoReturn

import numpy as np
import pyarrow as pa

from gateway.publication import build, forks

IDLE_S = 60.0


def serve(control: socket.socket) -> None:
    """Say that this is ready, then do what is asked until nothing is asked for a while, or the other end is closed.

    Builds that are under way end then: one that computes without a break does not see by itself that nobody waits.
    """
    under_way: set[int] = set()
    try:
        control.sendall(forks.written(os.getpid()))
        while True:
            control.settimeout(None if under_way else IDLE_S)
            asked, given, *_ = socket.recv_fds(control, forks.REQUEST_BYTES, forks.DESCRIPTORS)
            if not asked:
                return
            if asked.startswith(forks.START):
                answer = _forked(control, given)
                under_way.add(answer)
            else:
                answer = _ended(forks.number(asked), under_way)
            control.sendall(forks.written(answer))
    finally:
        for process in tuple(under_way):
            _ended(process, under_way)


def _forked(control: socket.socket, given: list[int]) -> int:
    """The process of a new build, which alone has the descriptors that were given."""
    process = os.fork()
    with contextlib.suppress(OSError):  # said on both sides: whoever comes first
        os.setpgid(process, process)
    if process == 0:
        control.close()
        _build(given)
    for descriptor in given:
        os.close(descriptor)
    return process


def _build(given: list[int]) -> NoReturn:
    """Build as in a process of its own. The lock stays open until its end."""
    code = 1
    try:
        for place, descriptor in enumerate(given[:-1]):
            os.dup2(descriptor, place)
            os.close(descriptor)
        # Not of what a model starts: that may outlive its process group, and the lock with it.
        os.set_inheritable(given[-1], False)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        forks.surround(sys.stdin.buffer.readline())
        np.random.seed()  # else a model would draw the same in every build
        code = build.main()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


def _ended(process: int, under_way: set[int]) -> int:
    """End a build that has not ended by itself, and what its models have started, which would hold the lock; 0."""
    if process in under_way:
        under_way.remove(process)
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
    return 0


if __name__ == "__main__":
    # Ctrl-C is for the process that started this one, which then ends what it has begun.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pa.array([""])  # which imports pandas, where that is installed
    gc.collect()
    gc.freeze()  # collecting in a build leaves the pages shared
    with contextlib.suppress(TimeoutError, ConnectionError):
        serve(socket.socket(fileno=int(sys.argv[1])))
    os._exit(0)  # the engine's binding would print pages about what is left when an interpreter is torn down
