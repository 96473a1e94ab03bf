"""Files that outlive a loss of power: written whole under a draft's name, and then given theirs by one rename.

A reader sees all of what a file held before or all of what it holds now. Touches the files that it is told, and drafts
beside them, which are their owner's alone and go where writing fails. Everything here raises OSError.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: Path, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """What is written to the stream stands in place of `path`, once it was written without an error."""
    with _draft(path) as (draft, stream):
        yield stream
        _settled(stream, mode)
        draft.replace(path)
    sync_folder(path.parent)


def replace(path: Path, body: bytes, mode: int = 0o600) -> None:
    """`body` in place of `path`, or nothing is changed."""
    with replacing(path, mode) as stream:
        stream.write(body)


def create(path: Path, body: bytes, mode: int = 0o600) -> bool:
    """`body` as `path` where nothing has that name; whether it was so. Of processes that create at once one does."""
    with _draft(path) as (draft, stream):
        stream.write(body)
        _settled(stream, mode)
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
    sync_folder(path.parent)
    return True


def place(source: Path, target: Path, mode: int = 0o600) -> None:
    """A file that was written by somebody else in place of `target`."""
    source.chmod(mode)
    sync_file(source)
    source.replace(target)
    sync_folder(target.parent)


def sync_file(path: Path) -> None:
    """Make what a file holds durable, though not its name."""
    _sync(path, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` durable."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


@contextmanager
def _draft(path: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield draft, stream
    finally:
        draft.unlink(missing_ok=True)


def _settled(stream: IO[bytes], mode: int) -> None:
    stream.flush()
    os.fchmod(stream.fileno(), mode)
    os.fsync(stream.fileno())


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
