"""The snapshots' folders: <state>/snapshots/<id>, filled as <id>.building, kept as <id>.failed where they are not fit.

Touches that folder only, and renames and removes there. A folder with neither suffix is complete.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gateway.files import durable
from gateway.serving import manifest, record
from gateway.serving.manifest import Manifest
from gateway.serving.record import RecordError

SNAPSHOTS = "snapshots"
BUILDING = ".building"
FAILED = ".failed"
FAILED_KEPT = 3
# Files of rows that were set aside.
PREFIX = "quarantine-"
_ID = re.compile(r"\d{8}t\d{12}_[0-9a-f]{4}_(?P<product>[a-z][a-z0-9_]{0,62})")


def new_id(product: str, now: datetime) -> str:
    """An id that no other snapshot has; ids are ordered by time (UTC, microseconds)."""
    return f"{now.astimezone(UTC):%Y%m%dt%H%M%S%f}_{secrets.token_hex(2)}_{product}"


def product_of(name: str) -> str | None:
    """The product of a folder's name, None if the name is none of ours."""
    match = _ID.fullmatch(name.removesuffix(BUILDING).removesuffix(FAILED))
    return match["product"] if match else None


def path(state: Path, snapshot_id: str) -> Path:
    """The folder of a published snapshot."""
    return state / SNAPSHOTS / snapshot_id


def begin(state: Path, snapshot_id: str) -> Path:
    """A new folder to fill; only the publishing uid may look into it."""
    folder = state / SNAPSHOTS / f"{snapshot_id}{BUILDING}"
    folder.mkdir(parents=True, mode=0o700)
    return folder


def complete(folder: Path) -> Path:
    """Give a filled folder its final name, durably and read-only: a published file is never written again."""
    return placed(folder, folder.with_name(folder.name.removesuffix(BUILDING)))


def placed(folder: Path, final: Path) -> Path:
    """The same under a name of another place; what stands there already goes with the next sweep.

    Rows that were set aside are for the publishing uid alone.
    """
    for file in folder.iterdir():
        file.chmod(0o400 if file.name.startswith(PREFIX) else 0o444)
    if final.exists():
        final.rename(final.with_name(f"{final.name}{BUILDING}"))
    folder.rename(final)
    final.chmod(0o555)
    durable.sync_folder(final)
    durable.sync_folder(final.parent)
    return final


def fail(folder: Path) -> Path:
    """Set a folder that is not fit aside, for inspection by the publishing uid alone."""
    final = folder.with_name(folder.name.removesuffix(BUILDING) + FAILED)
    folder.rename(final)
    return final


def remove(folder: Path) -> None:
    """Remove a folder of ours, read-only or not."""
    folder.chmod(0o700)
    shutil.rmtree(folder)


def sweep(state: Path, known: Manifest) -> None:
    """Remove what no one needs: half-built folders, snapshots out of `known`, failed ones but the newest three.

    Only the holder of the publication lock may call it.
    """
    failed: dict[str, list[Path]] = {}
    for product, folder in _folders(state):
        if folder.name.endswith(FAILED):
            failed.setdefault(product, []).append(folder)
        elif folder.name not in known.ids:
            remove(folder)
    for folders in failed.values():
        for folder in folders[:-FAILED_KEPT]:
            remove(folder)


def discard(state: Path, product: str | None = None) -> None:
    """Remove what was set aside as unfit, of one product or of all.

    Only the holder of the publication lock may call it.
    """
    for name, folder in _folders(state):
        if product in {None, name} and folder.name.endswith(FAILED):
            remove(folder)


def rebuilt(state: Path) -> Manifest:
    """A manifest of the newest complete snapshot of each product and major, for when the manifest itself is lost.

    One that is told to be a retired product's last is served no more.
    """
    found = Manifest()
    for _, folder in _folders(state):
        with contextlib.suppress(RecordError):
            held = record.read(folder)
            found = found.published(held.product, held.major, held.id, 0.0)
    ended = [one for one in manifest.retired(state) if found.serving(one.product, one.major) == one.snapshot]
    return found.without([one.snapshot for one in ended], ended) if ended else found


def _folders(state: Path) -> Iterator[tuple[str, Path]]:
    """(product, folder) of every folder of ours, oldest first."""
    home = state / SNAPSHOTS
    for folder in sorted(home.iterdir()) if home.is_dir() else []:
        product = product_of(folder.name)
        if product is not None and folder.is_dir() and not folder.is_symlink():
            yield product, folder
