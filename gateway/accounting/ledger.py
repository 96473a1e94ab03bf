"""What the deployment keeps of its own work: rows of a kind, appended as JSON lines, a file per process and day.

Touches <state>/ledger only. Nothing of a product's values stands in it. A reader takes every whole line: what a full
disk or a kill has cut is passed over, and the line after it is whole. Of a month that is over, the files of a kind
become one: from the moment at which that has its name (of no process, and the month's last day) they are no more, and
they are removed an hour later, when nobody reads them any longer. What is appended to such a month later, by a clock
that was ahead until then, has files of its own, which stay.
"""

from __future__ import annotations

import calendar
import fcntl
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from gateway import ticking
from gateway.errors import Unavailable
from gateway.files import durable
from gateway.ticking import Clock

Scalar = str | int | float | bool | list[str] | None
Row = Mapping[str, Scalar]
FOLDER = "ledger"
# The product that is made of the ledger; what its own publications gave would make it new for ever.
ITSELF = "outport"
# Beyond any row's size: a line that is longer is none of ours.
LINE_BYTES = 65_536
# Of all files of one kind; past it the oldest days go, whatever the retention.
KIND_BYTES = 512 << 20
# Of a month that becomes one file, which is read, and goes, as a whole: a larger one stays in days.
MONTH_BYTES = KIND_BYTES // 16
_KIND = re.compile(r"[a-z][a-z_]{0,30}", re.ASCII)
_FILE = re.compile(r"(?P<kind>[a-z][a-z_]{0,30})-(?P<day>\d{8})-(?P<process>\d+)\.jsonl", re.ASCII)
# Of a day that was over so long ago nobody appends any more.
_SETTLED_DAYS = 2
_MONTH = "0"
# Begins the number of a process that appends to a month that has its one file already.
_LATE = "0"


@dataclass(frozen=True, slots=True)
class Brief:
    """A kind that is kept for fewer days, and until later days of `into`, which sums it up, are on file ("": none)."""

    days: int
    into: str = ""


_NO_BRIEFS: Mapping[str, Brief] = {}


class Ledger:
    """The ledger of one state folder. Thread-safe; several processes append to it at once."""

    def __init__(self, state: Path, clock: Clock = ticking.MACHINE) -> None:
        self._folder, self._clock = state / FOLDER, clock

    def append(self, kind: str, rows: Iterable[Row]) -> None:
        """Keep `rows`, all or none of them; each that has no `at` is of now. Raises Unavailable (state)."""
        now = ticking.text(self._clock.now())
        lines = [_line({"at": now, **row}) for row in rows]
        if not lines:
            return
        day = now[:10].replace("-", "")
        late = _LATE if self._whole(_named(kind), day[:6]).exists() else ""
        path = self._folder / f"{kind}-{day}-{late}{os.getpid()}.jsonl"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                _written(descriptor, b"".join(lines))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise Unavailable("the ledger cannot be written now", reason="state") from error

    def rows(self, kind: str, since: datetime | None = None, *, holding: str = "") -> list[dict[str, Scalar]]:
        """The rows of a kind in the order of `at`, those since a moment where one is given. Raises Unavailable.

        Only those that have the text `holding` among theirs, and maybe others: what has not is not taken apart.
        """
        return sorted(self.stream(kind, since, holding=holding), key=lambda row: str(row["at"]))

    def back(self, kind: str, *, holding: str = "") -> Iterator[list[dict[str, Scalar]]]:
        """The rows of a kind, a day's (or a month's) together, the latest first; `holding` as in `rows`."""
        for _, several in groupby(reversed(self._files(kind)), key=lambda one: one[0]):
            yield [row for _, path in several for row in _read(path, holding)]

    def stream(self, kind: str, since: datetime | None = None, *, holding: str = "") -> Iterator[dict[str, Scalar]]:
        """As `rows`, one by one and in no order. Raises Unavailable."""
        first = ticking.text(since) if since is not None else ""
        for day, path in self._files(kind):
            # A row may carry a moment of its own, of the day before it was appended at the earliest.
            if day >= _day(since, days=-1):
                yield from (row for row in _read(path, holding) if str(row["at"]) >= first)

    def follow(self, kind: str, places: dict[str, int], since: datetime | None = None) -> list[dict[str, Scalar]]:
        """The rows of a kind that were appended since `places`, which moves on: as `rows`, each row once.

        A line that is not whole yet is left for the next time. Raises Unavailable: then `places` are as they were.
        """
        moved = dict(places)
        found = [row for part in self.parts(kind, moved, since) for row in part]
        places.update(moved)
        return sorted(found, key=lambda row: str(row["at"]))

    def parts(
        self, kind: str, places: dict[str, int], since: datetime | None = None
    ) -> Iterator[list[dict[str, Scalar]]]:
        """As `follow`, file by file, the oldest day first: `places` has moved on past what was given."""
        first = ticking.text(since) if since is not None else ""
        for day, path in self._files(kind):
            if path.name not in places and _read_before(path, places):
                places[path.name] = _size(path)  # it is made of files that were read to their ends long ago
            if day >= _day(since, days=-1) and _size(path) > places.get(path.name, 0):
                rows, places[path.name] = _after(path, places.get(path.name, 0))
                yield [row for row in rows if str(row["at"]) >= first]

    def lines(self, kind: str, since: datetime | None = None) -> Iterator[bytes]:
        """The rows of a kind as JSON lines, in no order: whole ones, as they were appended. Raises Unavailable.

        Those of days that were over a day before `since` are left out.
        """
        for day, path in self._files(kind):
            if day >= _day(since, days=-1):
                yield from (raw for raw in _raw(path) if raw.startswith(b'{"at":"') and raw.endswith(b"}\n"))

    def mark(self, *kinds: str) -> str:
        """A text that differs once anything was appended to the kinds, or went; all kinds where none is named."""
        wanted = kinds or ("",)
        files = [path for kind in wanted for _, path in self._files(kind)]
        return json.dumps([(path.name, _size(path)) for path in files])

    @property
    def is_any(self) -> bool:
        """Whether anything is kept."""
        return bool(self._files(""))

    def sweep(self, days: int, briefs: Mapping[str, Brief] = _NO_BRIEFS) -> int:
        """Remove the files of days that are over by more than `days`, and the oldest past KIND_BYTES; how many.

        And those of `briefs` sooner. Of months that are over the files become one. Used by one process at a time.
        """
        present = self._clock.now()
        files, kept, removed = self._files(""), dict[str, int](), 0
        newest = {_kind(path): day for day, path in files}
        gone = self._replaced(files)
        for day, path in reversed(files):
            kind = _kind(path)
            kept[kind] = kept.get(kind, 0) + _size(path)
            brief = briefs.get(kind, Brief(days))
            over = day < _day(present, days=-brief.days) and (not brief.into or day < newest.get(brief.into, ""))
            if over or day < _day(present, days=-days) or kept[kind] > KIND_BYTES:
                gone.append(path)
        for path in gone:
            with suppress(OSError):
                path.unlink(missing_ok=True)
                removed += 1
        self._merge(present)
        return removed

    def _replaced(self, files: list[tuple[str, Path]]) -> list[Path]:
        """Files that have become one with others, and what a kill has left on its way to one."""
        known = {path for _, path in files}
        return [path for path in self._folder.glob("*") if path not in known] if files else []

    def _merge(self, present: datetime) -> None:
        """Put one file in place of those of a kind and month that is over."""
        months: dict[tuple[str, str], list[Path]] = {}
        for day, path in self._files(""):
            if day[:6] < _day(present, days=-_SETTLED_DAYS)[:6] and not _is_late(path):
                months.setdefault((_kind(path), day[:6]), []).append(path)
        for (kind, month), paths in months.items():
            if len(paths) > 1 and sum(map(_size, paths)) <= MONTH_BYTES:
                _joined(paths, self._whole(kind, month))

    def _whole(self, kind: str, month: str) -> Path:
        """The one file of a kind and month that is over."""
        last = calendar.monthrange(int(month[:4]), int(month[4:]))[1]
        return self._folder / f"{kind}-{month}{last}-{_MONTH}.jsonl"

    def _files(self, kind: str) -> list[tuple[str, Path]]:
        """(day, file), the oldest day first; of every kind where it is ""."""
        try:
            named = [(_FILE.fullmatch(path.name), path) for path in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable("the ledger cannot be read now", reason="state") from error
        found = [(match, path) for match, path in named if match and kind in {"", match["kind"]}]
        whole = {(match["kind"], match["day"][:6]) for match, _ in found if match["process"] == _MONTH}
        return sorted(
            (match["day"], path)
            for match, path in found
            if match["process"].startswith((_MONTH, _LATE)) or (match["kind"], match["day"][:6]) not in whole
        )


def _named(kind: str) -> str:
    if not _KIND.fullmatch(kind):
        raise ValueError(f"{kind} is no kind of row")
    return kind


def _day(moment: datetime | None, *, days: int = 0) -> str:
    return "" if moment is None else f"{moment + timedelta(days=days):%Y%m%d}"


def _line(row: Row) -> bytes:
    line = json.dumps(row, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    if len(line) > LINE_BYTES:
        raise ValueError(f"a row of {len(line)} bytes; at most {LINE_BYTES}")
    return line


def _written(descriptor: int, body: bytes) -> None:
    """Append whole lines or nothing. Raises OSError."""
    size = os.fstat(descriptor).st_size
    torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    body = b"\n" + body if torn else body
    try:
        done = os.write(descriptor, body)
        while done < len(body):
            done += os.write(descriptor, body[done:])
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _is_late(path: Path) -> bool:
    """Whether it is of a month that had its one file when it was begun."""
    process = path.stem.rpartition("-")[2]
    return process != _MONTH and process.startswith(_LATE)


def _kind(path: Path) -> str:
    return path.name.partition("-")[0]


def _read_before(path: Path, places: Mapping[str, int]) -> bool:
    """Whether it is a month's, of which days were read."""
    kind, day, process = path.stem.split("-")
    days = re.compile(rf"{kind}-{day[:6]}\d\d-(?!{_LATE})")
    return process == _MONTH and any(days.match(name) for name in places)


def _joined(paths: Iterable[Path], into: Path) -> None:
    """One file of their whole lines, in their order. Where it cannot be written, they stay."""
    with suppress(OSError), durable.replacing(into) as file:
        for path in paths:
            file.writelines(raw for raw in _raw(path) if raw.endswith(b"\n"))


def _read(path: Path, holding: str = "") -> Iterator[dict[str, Scalar]]:
    mark = json.dumps(holding).encode() if holding else b""
    return (row for row in map(_row, (raw for raw in _raw(path) if mark in raw)) if row is not None)


def _raw(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while raw := file.readline(LINE_BYTES + 1):
                yield raw
    except FileNotFoundError:
        return  # swept since it was listed
    except OSError as error:
        raise Unavailable("the ledger cannot be read now", reason="state") from error


def _after(path: Path, place: int) -> tuple[list[dict[str, Scalar]], int]:
    """The rows of a file from a place on, and the place after the last whole line."""
    try:
        with path.open("rb") as file:
            file.seek(place)
            body = file.read()
    except FileNotFoundError:
        return [], place
    except OSError as error:
        raise Unavailable("the ledger cannot be read now", reason="state") from error
    whole = body[: body.rfind(b"\n") + 1]
    rows = (_row(raw) for raw in whole.splitlines(keepends=True))
    return [row for row in rows if row is not None], place + len(whole)


def _row(raw: bytes) -> dict[str, Scalar] | None:
    if not raw.endswith(b"\n"):
        return None
    try:
        row = json.loads(raw)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("at"), str) else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
