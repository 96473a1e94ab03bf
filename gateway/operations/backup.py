"""What a deployment holds, to one file and back: manifest, snapshots, pushed rows, ledger. Touches the state folder.

Servers run on meanwhile. Files are opened under the publication lock, and read after it: a published file never
changes, one that grows is taken up to where it was, and what is removed stays readable to whoever has it open.
"""

from __future__ import annotations

import os
import resource
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gateway.access import keys
from gateway.accounting.operator import Act, recorded
from gateway.errors import BadQuery, Unavailable
from gateway.inputs import segments
from gateway.operations import archive
from gateway.operations.archive import Kept, Opened
from gateway.publication import child, refresh
from gateway.serving import manifest, projection_shelf, record, restoring, shelf
from gateway.serving.manifest import Manifest, ManifestError
from gateway.serving.record import RecordError
from gateway.settings import Settings
from gateway.snapshot import Snapshot

# What is no secret, and grows or is replaced while servers run.
FOLDERS = ("ledger", "feedback", "inputs")
FILES = ("mask_keys.json", projection_shelf.NAME)
AUDIT = "audit"
# Messages that wait have the addresses that they go to, by which one may post there.
ALERTS = "alerts"
SECRETS = ("principals.yaml", "demo.key")
_TAIL = 1 << 16


@dataclass(frozen=True, slots=True)
class Saved:
    """What an archive holds: its files, and the ids of the snapshots that are served and kept by it."""

    files: tuple[Kept, ...]
    snapshots: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(one.size for one in self.files)


def backup(settings: Settings, target: Path, act: Act, *, audit: bool, secret: bool) -> Saved:
    """Write the archive `target`; with `audit` its records too, with `secret` verifiers and the demo's secret.

    Raises Unavailable (busy, state), BadQuery where there is nothing or the file exists, SettingsError without a key.
    """
    seal = _seal(settings)
    if target.exists():
        raise BadQuery(f"{target.name} exists already", reason="value", hint="another name: no backup replaces one")
    with ExitStack() as stack:
        with child.lock(settings.state, "backup"), ExitStack() as turns:
            try:
                known = manifest.read(settings.state)
            except ManifestError as error:
                raise BadQuery(f"there is nothing to back up: {error}", reason="value") from error
            # A push that lands now is on its way with all of its files, or with none.
            for home in sorted((settings.state / segments.INPUTS).glob("*/*/*")):
                if home.is_dir():
                    turns.enter_context(segments.Shelf(home).turn())
            names = [*_snapshots(settings.state, known), *_others(settings.state, audit=audit, secret=secret)]
            recorded(settings, act, sorted({one.product for one in known.served}))
            _descriptors(len(names))
            files = [_opened(settings.state, name, stack) for name in names]
        return Saved(archive.write(target, files, seal), tuple(sorted(known.ids)))


def restore(settings: Settings, source: Path, act: Act, *, force: bool, trust: bool) -> tuple[Snapshot, ...]:
    """Put an archive's files in place and serve by its manifest; what is served then.

    `force` replaces what the state holds, `trust` takes an archive that another deployment has sealed. What the archive
    does not have stays. Raises BadQuery, Unavailable (busy, state), SettingsError; nothing is changed then. Once it has
    begun, it is finished by whoever needs the state next.
    """
    seal = None if trust else _seal(settings)
    settings.state.mkdir(parents=True, exist_ok=True)
    with child.lock(settings.state, "restore"), ExitStack() as stack:
        if force and not stack.enter_context(refresh.writer(settings.state)):
            hint = "stop it: what it writes to the audit and the ledger would be lost"
            raise BadQuery("a server runs on this state", reason="busy", hint=hint)
        if not force and (held := _held(settings.state)):
            hint = "an empty state folder (--state), or --force, which replaces it"
            raise BadQuery(f"the state holds {held} already", reason="value", hint=hint)
        restoring.unbegun(settings.state)
        staged = settings.state / f"{restoring.STAGED}{secrets.token_hex(8)}"
        staged.mkdir(mode=0o700)
        try:
            archive.read(source, staged, seal)
            known = _whole(staged)
            products = sorted({one.product for one in known.served})
            # On record before it is done; but in the audit that is to stay, where the archive brings one.
            recorded(settings, act, products, staged / AUDIT if (staged / AUDIT).exists() else None)
            restoring.begin(staged)
        finally:
            restoring.unbegun(settings.state)
        restoring.finish(settings.state)
        return tuple(record.load(shelf.path(settings.state, one.snapshot)) for one in known.served)


def resumed(settings: Settings) -> bool:
    """Finish a restore that was killed; whether there was one. Raises Unavailable (busy, state)."""
    left = (settings.state / restoring.READY).is_dir()
    if left:
        with child.lock(settings.state, "restore"):
            pass
    return left


def _seal(settings: Settings) -> bytes:
    return keys.load(settings).lasting("backup")


def _snapshots(state: Path, known: Manifest) -> Iterator[str]:
    yield manifest.NAME
    for one in sorted(known.ids):
        aside = sorted(path.name for path in shelf.path(state, one).glob(f"{shelf.PREFIX}*"))
        for name in (record.NAME, record.CORE, *aside):
            yield f"{shelf.SNAPSHOTS}/{one}/{name}"


def _others(state: Path, *, audit: bool, secret: bool) -> Iterator[str]:
    """Everything else that is kept, by name; what has another form of name was put there by somebody else."""
    yield from (name for name in (*FILES, *(SECRETS if secret else ())) if _plain(state / name))
    for folder in (*FOLDERS, *((AUDIT,) if audit else ()), *((ALERTS,) if secret else ())):
        for path in sorted((state / folder).rglob("*")):
            name = path.relative_to(state).as_posix()
            if archive.allowed(name) and _plain(path):
                yield name


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _descriptors(count: int) -> None:
    """Let this process have that many files open, and some more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, count + 256) if hard != resource.RLIM_INFINITY else count + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _opened(state: Path, name: str, stack: ExitStack) -> Opened:
    try:
        descriptor = os.open(state / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError as error:
        words = f"{name} is not there: publish the product anew"
        raise Unavailable(words, reason="state", hint="nothing was written") from error
    file = stack.enter_context(os.fdopen(descriptor, "rb"))
    size = os.fstat(file.fileno()).st_size
    return Opened(name, file, _whole_lines(file, size) if name.endswith(".jsonl") else size)


def _whole_lines(file: IO[bytes], size: int) -> int:
    """Up to the end of the last whole line: the next one may be on its way."""
    first = max(0, size - _TAIL)
    tail = os.pread(file.fileno(), size - first, first)
    return first + tail.rfind(b"\n") + 1 if b"\n" in tail else size


def _held(state: Path) -> str:
    """What a state folder has that a restore would replace; "" where there is nothing."""
    names = (manifest.NAME, *restoring.FILES, *restoring.FOLDERS, shelf.SNAPSHOTS)
    for name in names:
        path = state / name
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            return name
    return ""


def _whole(staged: Path) -> Manifest:
    """The staged manifest, once each of its snapshots was read as a server would. Raises BadQuery."""
    try:
        known = manifest.read(staged)
        for one in sorted(known.ids):
            record.load(shelf.path(staged, one))
    except (ManifestError, RecordError) as error:
        raise BadQuery(f"this file cannot be restored: {error}", reason="value") from error
    if {one.name for one in (staged / shelf.SNAPSHOTS).iterdir()} != set(known.ids):
        raise BadQuery("this file cannot be restored: its manifest is of other snapshots", reason="value")
    return known
