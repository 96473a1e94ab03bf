"""The files of an audit folder: their names, their order, their lines. Touches the audit folder only, by reading."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.accounting import audit_chain
from gateway.accounting.audit_chain import Head, Line

# Beyond any record's size; what is longer is no line of ours, and is read in pieces.
LINE_LIMIT = 16 << 20
_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-\d+-(?P<chain>[0-9a-f]{16})-(?P<number>\d{1,9})\.jsonl", re.ASCII)
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class ChainFile:
    """One file: the `number`th of its chain. `opening` is its first line, None where that is not one of ours."""

    path: Path
    chain: str
    number: int
    opening: Line | None


def name(started: str, process: int, chain: str, number: int) -> str:
    """A file's name: names are in the order in which files were begun."""
    return f"{started}-{process}-{chain}-{number}.jsonl"


def paths(folder: Path) -> list[Path]:
    """Every file of the folder, in the order of names."""
    return sorted(folder.glob("*.jsonl"))


def chain_files(folder: Path) -> tuple[list[ChainFile], list[Path]]:
    """The files of chains, each chain's together, the one that was begun first first; and files that are of none."""
    found: list[ChainFile] = []
    others: list[Path] = []
    for path in paths(folder):
        one = _chain_file(path)
        if one is not None:
            found.append(one)
        else:
            others.append(path)
    begun: dict[str, int] = {}
    for place, file in enumerate(found):
        begun.setdefault(file.chain, place)
    return sorted(found, key=lambda one: (begun[one.chain], one.number)), others


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, with their ends; one after the other, whatever its size."""
    with path.open("rb") as file:
        while raw := file.readline(LINE_LIMIT):
            yield raw


def head(file: ChainFile) -> Head | None:
    """Where the file's last whole line stands; None where it has none."""
    line = _last(file.path)
    return Head(file.chain, line.seq, line.seal.decode()) if line is not None else None


def newest(folder: Path) -> Head | None:
    """The head of the file that was begun last; number 0 and no seal where nothing is in it."""
    for path in reversed(paths(folder)):
        file = _chain_file(path)
        if file is not None:
            return head(file) or Head(file.chain, 0, "")
    return None


def being_written(path: Path) -> bool:
    """Whether a process holds the file open for writing: it has a lock, which ends with it, however it ends."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _chain_file(path: Path) -> ChainFile | None:
    """The file by its first line, by its name where that is spoilt; None where neither is a chain's."""
    opening = audit_chain.read(next(lines(path), b""))
    if opening is not None and opening.fields.get("event") == "audit_opened":
        chain, number = opening.fields.get("chain"), opening.fields.get("file")
        if isinstance(chain, str) and isinstance(number, int):
            return ChainFile(path, chain, number, opening)
    named = _NAME.fullmatch(path.name)
    return ChainFile(path, named["chain"], int(named["number"]), None) if named else None


def _last(path: Path) -> Line | None:
    """The last line that is whole, looked for from the end."""
    with path.open("rb") as file:
        place = file.seek(0, os.SEEK_END)
        tail = b""
        while place > 0 and len(tail) < LINE_LIMIT:
            start = max(0, place - _BLOCK)
            file.seek(start)
            tail = file.read(place - start) + tail
            place = start
            whole = tail[: tail.rfind(b"\n") + 1]
            begin = whole.rfind(b"\n", 0, len(whole) - 1) + 1
            if whole and (begin or place == 0):
                return audit_chain.read(whole[begin:])
    return None
