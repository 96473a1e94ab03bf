"""Locks that one holder has at a time, by files of their own. Touches the file that it is told only.

A lock ends with the process that holds it, and with every process that inherited its descriptor.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Whether this process is the one that holds the lock of `path`, as it then does to the end. Raises OSError."""
    descriptor = _opened(path)
    try:
        yield taken(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def turn(path: Path) -> Iterator[None]:
    """Wait for the lock of `path` and hold it to the end: for what takes no longer than a write. Raises OSError."""
    descriptor = _opened(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def taken(descriptor: int) -> bool:
    """Whether the lock of an open file is ours from now on. Raises OSError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
