"""What clients have pushed: <state>/inputs/<product>/<input>/<table>/, immutable Parquet segments in order of arrival.

Touches that folder only. A segment's name tells its place, whose key it came under and of what body; beside it stands
the answer that was given. One writer at a time holds the table's lock; readers need none.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from gateway.manifest import sync_folder

INPUTS = "inputs"
_LOCK = "lock"
_NAME = re.compile(r"(?P<place>\d{12})-(?P<key>[0-9a-f]{32})-(?P<body>[0-9a-f]{32})\.parquet")
_WORK = "work-"
# In place of a body's digest: what was read from a database, and not pushed.
_READ, _WHOLE = "0" * 32, "1" * 32
# What a killed process has left; a push takes less.
_STALE_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a push was answered: rows kept, rows set aside, and how many broke each rule."""

    rows: int
    aside: int
    broken: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """Segments that were read from a database, in order of time, and those that a whole one has replaced.

    `target` is where the next one goes, `whole` where it goes if it is of all rows.
    """

    files: tuple[Path, ...]
    stale: tuple[Path, ...]
    target: Path
    whole: Path


class Conflict(Exception):
    """The key has been used for another body."""


_ANSWER = TypeAdapter(Answer)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The segments of one input's table."""

    folder: Path

    def files(self) -> tuple[Path, ...]:
        """Every segment, in order of arrival."""
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)))

    def pushed(self) -> tuple[Path, ...]:
        """The segments of clients."""
        return tuple(path for path in self.files() if not path.stem.endswith((_READ, _WHOLE)))

    def replica(self, mark: str) -> Kept:
        """What was read from the source of that mark."""
        kept = [path for path in self.files() if path.stem.endswith((f"-{mark}-{_READ}", f"-{mark}-{_WHOLE}"))]
        whole = max((place for place, path in enumerate(kept) if path.stem.endswith(_WHOLE)), default=0)
        place = int(kept[-1].name[:12]) + 1 if kept else 1
        files = [self.folder / f"{place:012d}-{mark}-{kind}.parquet" for kind in (_READ, _WHOLE)]
        return Kept(tuple(kept[whole:]), tuple(kept[:whole]), files[0], files[1])

    def answers(self) -> Iterator[Answer]:
        """What each push was answered, in order of arrival."""
        for path in self.pushed():
            yield _answer(path)

    def size_bytes(self) -> int:
        """Of all that is kept: the segments, and what stands beside them."""
        return sum(path.stat().st_size for path in (*self.files(), *self.folder.glob("*.aside")))

    def aside(self) -> tuple[Path, ...]:
        """The rows that were set aside, a file for each push that had some."""
        return tuple(one for path in self.pushed() if (one := path.with_suffix(".aside")).exists())

    def begin(self) -> Path:
        """A folder for one push to work in; whoever asked for it removes it. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self.folder.glob(f"{_WORK}*"):
            # Another push may end, and remove its own, while this one looks.
            with contextlib.suppress(FileNotFoundError):
                if left.stat().st_mtime < time.time() - _STALE_S:
                    shutil.rmtree(left, ignore_errors=True)
        folder = self.folder / f"{_WORK}{uuid.uuid4().hex}"
        folder.mkdir(mode=0o700)
        return folder

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """One push at a time, over all processes. Raises OSError."""
        descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def answered(self, key: str, body: str) -> Answer | None:
        """What was answered to the same push before, None if it is new. Raises Conflict for another body."""
        for path in self.files():
            match = _NAME.fullmatch(path.name)
            if match is not None and match["key"] == key:
                if match["body"] != body:
                    raise Conflict
                return _answer(path)
        return None

    def add(self, key: str, body: str, rows: Path, aside: Path | None, answer: Answer) -> None:
        """Keep a push durably: all of it, or nothing. Only under `turn`. Raises OSError."""
        files = self.files()
        place = int(files[-1].name[:12]) + 1 if files else 1
        final = self.folder / f"{place:012d}-{key}-{body}.parquet"
        self._tidy()
        told = rows.with_name("answer")
        told.write_bytes(_ANSWER.dump_json(answer))
        moves = [(told, final.with_suffix(".json")), (rows, final)]
        if aside is not None:
            moves.insert(0, (aside, final.with_suffix(".aside")))
        for source, target in moves:
            _durable(source)
            # The segment comes last: what is beside a segment that is there is there too.
            source.replace(target)
        sync_folder(self.folder)

    def _tidy(self) -> None:
        """Remove what a killed process has put beside a segment that never came."""
        for left in (*self.folder.glob("*.aside"), *self.folder.glob("*.json")):
            if not left.with_suffix(".parquet").exists():
                left.unlink()


def shelf(state: Path, product: str, name: str, table: str) -> Shelf:
    """The segments of a table of an input of a product."""
    return Shelf(state.resolve() / INPUTS / product / name / table)


def key_of(subject: str, key: str) -> str:
    """An Idempotency-Key of a principal, as names of segments have it: nobody meets another's."""
    return hashlib.sha256(f"{subject}\0{key}".encode()).hexdigest()[:32]


def _answer(path: Path) -> Answer:
    return _ANSWER.validate_json(path.with_suffix(".json").read_bytes())


def _durable(path: Path) -> None:
    path.chmod(0o600)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
