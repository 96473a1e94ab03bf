"""The file that a backup is: a tar of plain files, then an index of sizes and digests, under a MAC. Bytes only.

Written in one stream and read in one stream. What is read is put under names that `allowed` takes, into a new folder;
links, devices, absolute names and `..` are no such names, so nothing can be written elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from gateway.errors import BadQuery
from gateway.files import durable

INDEX = "index.json"
MAC = "index.mac"
FORMAT = 1
# Of the index: some 100 bytes a file.
INDEX_BYTES = 64 << 20
_BLOCK = 1 << 20
_NAME = re.compile(
    r"manifest\.json|mask_keys\.json|projections\.json|principals\.yaml|demo\.key"
    r"|snapshots/[0-9]{8}t[0-9]{12}_[0-9a-f]{4}_[a-z][a-z0-9_]{0,62}/(core\.duckdb|snapshot\.json|quarantine-[a-z0-9_\-]{1,130}\.parquet)"
    r"|(ledger|feedback|audit|alerts)(/[A-Za-z0-9][A-Za-z0-9_.\-]{0,200}){1,3}"
    r"|inputs(/[a-z][a-z0-9_]{0,62}){3}/[0-9]{12}-[0-9a-f]{32}-[0-9a-f]{32}\.[a-z]{1,10}",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One file of an archive."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Opened:
    """One file to keep, open since the moment that the archive is of: its first `size` bytes."""

    name: str
    file: IO[bytes]
    size: int


def allowed(name: str) -> bool:
    """Whether a file of that name belongs into an archive."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def write(target: Path, files: Iterable[Opened], secret: bytes) -> tuple[Kept, ...]:
    """Write the archive `target`, which appears when it is whole, for its owner alone. Raises OSError."""
    with (
        durable.replacing(target) as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        kept = tuple(_added(tar, one) for one in files)
        body = json.dumps({"format": FORMAT, "files": [asdict(one) for one in kept]}).encode()
        _put(tar, INDEX, body)
        _put(tar, MAC, _mac(body, secret))
    return kept


def read(source: Path, folder: Path, secret: bytes | None) -> tuple[Kept, ...]:
    """Put the files of an archive into the empty `folder`. Without a `secret` anybody's archive is taken.

    Raises BadQuery (value) for what is no whole archive, or is sealed by another key; OSError.
    """
    found: list[Kept] = []
    sealed: dict[str, bytes] = {}
    try:
        with source.open("rb") as stream, closing(tarfile.open(fileobj=stream, mode="r|")) as tar:
            for member in tar:
                if member.name in {INDEX, MAC} and member.isreg() and member.size <= INDEX_BYTES:
                    sealed[member.name] = _body(tar, member)
                elif sealed or not member.isreg() or member.issparse() or not allowed(member.name):
                    raise _refusal("it holds what no backup holds")
                else:
                    found.append(_extracted(tar, member, folder))
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _refusal("it is cut off, or no archive at all") from error
    if set(sealed) != {INDEX, MAC}:
        raise _refusal("it is cut off")
    if secret is not None and not hmac.compare_digest(sealed[MAC], _mac(sealed[INDEX], secret)):
        hint = "the mask key that it was made under; or --trust, for an archive of which you know where it was"
        raise BadQuery("the archive was changed, or made under another key", reason="value", hint=hint)
    if list(_indexed(sealed[INDEX])) != found:
        raise _refusal("its files are not those that were put in")
    return tuple(found)


def _added(tar: tarfile.TarFile, one: Opened) -> Kept:
    assert allowed(one.name), one.name
    told = tarfile.TarInfo(one.name)
    told.size, told.mode = one.size, 0o600
    hashed = _Hashed(one.file)
    tar.addfile(told, hashed)
    return Kept(one.name, one.size, hashed.digest())


class _Hashed(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file, self._hash = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self._hash.update(block)
        return block

    def digest(self) -> str:
        return self._hash.hexdigest()


def _put(tar: tarfile.TarFile, name: str, body: bytes) -> None:
    told = tarfile.TarInfo(name)
    told.size, told.mode = len(body), 0o600
    tar.addfile(told, io.BytesIO(body))


def _body(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


def _extracted(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> Kept:
    path = folder / member.name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = tar.extractfile(member)
    assert file is not None
    hashed = hashlib.sha256()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except (FileExistsError, NotADirectoryError) as error:
        raise _refusal("one name stands twice in it") from error
    with os.fdopen(descriptor, "wb") as made:
        while block := file.read(_BLOCK):
            hashed.update(block)
            made.write(block)
        made.flush()
        os.fsync(made.fileno())
    return Kept(member.name, member.size, hashed.hexdigest())


def _indexed(body: bytes) -> Iterator[Kept]:
    try:
        told: Any = json.loads(body)
        if told["format"] != FORMAT:
            raise _refusal(f"its format is {told['format']}, and {FORMAT} is read here")
        for one in told["files"]:
            yield Kept(str(one["name"]), int(one["size"]), str(one["sha256"]))
    except (ValueError, KeyError, TypeError) as error:
        raise _refusal("its index is damaged") from error


def _mac(body: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, body, hashlib.sha256)


def _refusal(why: str) -> BadQuery:
    return BadQuery(f"this file cannot be restored: {why}", reason="value", hint="a file that outport backup has made")
