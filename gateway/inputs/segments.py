"""What clients have pushed: <state>/inputs/<product>/<input>/<table>/, immutable Parquet segments in order of arrival.

Touches that folder only. A segment's name tells its place, whose key it came under and of what body; beside it stands
the answer that was given. One that is merged of several tells their places, and beside it stand their keys: from the
moment at which it has its name they are no more. One writer at a time holds the table's lock; readers need none.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import mmap
import os
import re
import shutil
import time
import uuid
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from gateway.files import alone, durable
from gateway.files.alone import taken

INPUTS = "inputs"
_LOCK = "lock"
_NAME = re.compile(r"(?P<place>\d{12})-(?P<key>[0-9a-f]{32})-(?P<body>[0-9a-f]{32})\.parquet")
_WORK = "work-"
# What comes with a push, in the folder that it works in: locked for as long as the push is under way.
BODY = "body"
# In place of a body's digest: what was read from a database, and not pushed.
_READ, _WHOLE = "0" * 32, "1" * 32
# What is merged of several pushes: in place of a key stands the place of the first.
_MERGED = "2" * 32
_BESIDE = (".aside", ".json", ".keys")
# Of each row of a merged segment: the place of its push, as the name of any other segment tells it.
TURN = "$turn"
_LOOKS = 3
# In a line of a key: before the moment at which its push was answered. Lines of before it was kept have none.
_AT = "\t"
# For so long a key is known at least: who sends a push again does so by then. Looked for when a day's worth is over.
KEYS_S = 30 * 86_400.0
_SLACK_S = 86_400.0
# What is older, and that nobody holds, a killed process has left.
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
        return tuple(self.folder / name for name in _held(self._names()))

    def _names(self) -> list[str]:
        """Those of all segments that are there, merged ones and what they are of."""
        if not self.folder.is_dir():
            return []
        return [name for name in os.listdir(self.folder) if name.endswith(".parquet") and _NAME.fullmatch(name)]

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

    def answers(self) -> tuple[Answer, ...]:
        """What pushes were answered, in order of arrival; of those that are merged the sum."""
        for _ in range(_LOOKS):
            # They may be merged between that they were listed and that they are looked at.
            with contextlib.suppress(FileNotFoundError):
                return tuple(_answer(path) for path in self.pushed())
        return ()

    def size_bytes(self) -> int:
        """Of all that is kept: the segments, and what stands beside them."""
        with os.scandir(self.folder) as found:
            return sum(one.stat().st_size for one in found if one.is_file(follow_symlinks=False))

    def aside(self) -> tuple[Path, ...]:
        """The rows that were set aside, a file for each push that had some."""
        return tuple(one for path in self.pushed() if (one := path.with_suffix(".aside")).exists())

    def begin(self) -> Path:
        """A folder for one push to work in; whoever asked for it removes it. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self.folder.glob(f"{_WORK}*"):
            # Another push may end, and remove its own, while this one looks.
            with contextlib.suppress(FileNotFoundError):
                if left.stat().st_mtime < time.time() - _STALE_S and not _is_held(left / BODY):
                    shutil.rmtree(left, ignore_errors=True)
        folder = self.folder / f"{_WORK}{uuid.uuid4().hex}"
        folder.mkdir(mode=0o700)
        return folder

    def swept(self) -> None:
        """Remove what killed processes have left: rows on their way to a segment. Raises OSError where some stay.

        Only the holder of the publication lock may call it, under which all else works here but pushes.
        """
        for left in self.folder.glob(f"{_WORK}*"):
            if not _is_held(left / BODY):
                shutil.rmtree(left, ignore_errors=True)
                if left.exists():
                    raise OSError(errno.ENOTEMPTY, "a folder cannot be removed")
        for part in self.folder.glob("*.part"):
            part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """One push at a time, over all processes. Raises OSError."""
        with alone.turn(self.folder / _LOCK):
            yield

    def answered(self, key: str, body: str) -> Answer | None:
        """What was answered to the same push before, None if it is new. Raises Conflict for another body."""
        for name in self._names():
            known = ""
            if name.endswith(f"{_MERGED}.parquet"):
                known = _known((self.folder / name).with_suffix(".keys"), key)
            elif name[13:45] == key:
                known = f"{name[46:78]} {(self.folder / name).with_suffix('.json').read_text()}"
            if known and known[:32] != body:
                raise Conflict
            if known:
                return _ANSWER.validate_json(known[33:].partition(_AT)[0])
        return None

    def add(self, key: str, body: str, rows: Path, aside: Path | None, answer: Answer) -> None:
        """Keep a push durably: all of it, or nothing. Only under `turn`. Raises OSError."""
        self.tidy()
        place = max((int(name[:12]) for name in self._names()), default=0) + 1
        final = self.folder / f"{place:012d}-{key}-{body}.parquet"
        told = rows.with_name("answer")
        told.write_bytes(_ANSWER.dump_json(answer))
        self._place(final, rows, {".json": told} | ({} if aside is None else {".aside": aside}))

    def merge(self, run: Sequence[Path], rows: Path, aside: Path | None) -> None:
        """Put one segment in place of several that stand beside each other. Only under `turn`. Raises OSError.

        Before it is there nothing has changed, and from then on they are no more: they are removed by whoever is next.
        """
        keys, told = rows.with_name("keys"), rows.with_name("answer")
        with keys.open("wb") as file:
            for path in run:
                file.write(_keys(path))
        told.write_bytes(_ANSWER.dump_json(_sum([_answer(path) for path in run])))
        final = self.folder / f"{int(run[-1].name[:12]):012d}-{_first(run[0].name):032x}-{_MERGED}.parquet"
        self._place(final, rows, {".json": told, ".keys": keys} | ({} if aside is None else {".aside": aside}))
        self.tidy()

    def forget(self, now_s: float) -> None:
        """Let go of the keys of merged pushes that nobody sends again. Only under `turn`. Raises OSError."""
        for path in self.pushed():
            keys = path.with_suffix(".keys")
            if path.stem.endswith(_MERGED) and _oldest(keys) < now_s - KEYS_S - _SLACK_S:
                lines = [one for one in _lines(keys) if _at(one) >= now_s - KEYS_S]
                folder = self.begin()
                try:
                    (folder / "keys").write_bytes(b"".join(lines))
                    durable.place(folder / "keys", keys)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)

    def _place(self, final: Path, rows: Path, beside: Mapping[str, Path]) -> None:
        for suffix, source in beside.items():
            _durable(source)
            source.replace(final.with_suffix(suffix))
        _durable(rows)
        durable.sync_folder(self.folder)
        # The segment comes last: what is beside a segment that is there is there too.
        rows.replace(final)
        durable.sync_folder(self.folder)

    def tidy(self) -> None:
        """Remove what is merged, and what a killed process has put beside a segment that never came. Under `turn`."""
        every = set(self._names())
        held = set(_held(every))
        for name in every - held:
            (self.folder / name).unlink()
        for name in os.listdir(self.folder):
            stem, dot, suffix = name.rpartition(".")
            if dot + suffix in _BESIDE and f"{stem}.parquet" not in held:
                (self.folder / name).unlink()


def _held(names: Iterable[str]) -> list[str]:
    """Those that stand, in order: of a merged one's places nothing else does."""
    every = sorted(names)
    ranges: list[tuple[int, int, str]] = []
    for name in every:
        if name.endswith(f"{_MERGED}.parquet"):
            first = _first(name)
            # One of more places is named before one that it is of where both end with the same.
            if ranges and ranges[-1][0] <= first and int(name[:12]) <= ranges[-1][1]:
                continue
            while ranges and ranges[-1][0] >= first:
                ranges.pop()
            ranges.append((first, int(name[:12]), name))
    lasts = [last for _, last, _ in ranges]

    def stands(name: str) -> bool:
        if name.endswith((f"{_READ}.parquet", f"{_WHOLE}.parquet")):
            return True
        place = bisect_left(lasts, int(name[:12]))
        return place == len(lasts) or int(name[:12]) < ranges[place][0] or ranges[place][2] == name

    return [name for name in every if stands(name)]


def _first(name: str) -> int:
    """The place of the first push that a segment holds."""
    return int(name[13:45], 16) if name.endswith(f"{_MERGED}.parquet") else int(name[:12])


def _keys(path: Path) -> bytes:
    """What is known of the pushes that a segment holds: of each a line of its key, its body's digest, its answer, and
    when that was given.
    """
    if path.name.endswith(f"{_MERGED}.parquet"):
        return b"".join(_lines(path.with_suffix(".keys")))
    told = path.with_suffix(".json")
    known = f"\n{path.name[13:45]} {path.name[46:78]} ".encode() + told.read_bytes()
    return known + f"{_AT}{int(told.stat().st_mtime)}".encode()


def _lines(path: Path) -> Iterator[bytes]:
    """Each key's, with the file's own moment where it has none."""
    moment = f"{_AT}{int(path.stat().st_mtime)}".encode()
    for line in path.read_bytes().split(b"\n"):
        if line:
            yield b"\n" + line + (b"" if _AT.encode() in line else moment)


def _at(line: bytes) -> float:
    return float(line.rpartition(_AT.encode())[2])


def _oldest(path: Path) -> float:
    """When the first push was answered of whose key a file tells: they are in order of arrival."""
    with path.open("rb") as file:
        file.readline()
        first = file.readline().rstrip(b"\n")
    return _at(first) if _AT.encode() in first else path.stat().st_mtime


def _known(path: Path, key: str) -> str:
    """The rest of a key's line, "" where there is none."""
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return ""  # all that it told of is forgotten
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
            at = held.find(f"\n{key} ".encode())
            if at < 0:
                return ""
            end = held.find(b"\n", at + 1)
            return held[at + 34 : end if end >= 0 else len(held)].decode()


def _sum(answers: Iterable[Answer]) -> Answer:
    rows = aside = 0
    broken: Counter[str] = Counter()
    for one in answers:
        rows, aside = rows + one.rows, aside + one.aside
        broken.update(dict(one.broken))
    return Answer(rows, aside, tuple(broken.items()))


def with_turn(file: str) -> str:
    """What is selected of segments read with their `file` and row numbers: all of them but for these, and TURN.

    One of before such a column was kept counts as one push: so what it gives is the same when it is merged again.
    """
    place = f'CAST(left(parse_filename("{file}"), 12) AS BIGINT)'
    return f'* EXCLUDE ("{file}", file_row_number, "{TURN}"), coalesce("{TURN}", {place}) AS "{TURN}"'


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
    durable.sync_file(path)


def _is_held(path: Path) -> bool:
    """Whether a process has the lock of a file; of none that is not there."""
    try:
        with path.open("rb") as file:
            return not taken(file.fileno())
    except (FileNotFoundError, NotADirectoryError):
        return False
