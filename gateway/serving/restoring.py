"""A restore that has begun, to its end: what was read and found whole is moved into place, whoever goes on with it.

Touches the state folder. From the one rename on by which a restore begins, what is left of it is moved by the next
holder of the publication lock, wherever it was killed; each step may be done again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from gateway.files import durable
from gateway.serving import manifest, shelf

READY = ".restored"
# What a restore puts aside before it has begun.
STAGED = ".restore."
# What a backup holds beside snapshots and manifest, the manifest's files last.
FOLDERS = ("ledger", "feedback", "inputs", "alerts", "audit")
FILES = ("mask_keys.json", "projections.json", "principals.yaml", "demo.key")


def begin(staged: Path) -> Path:
    """Take what is staged, and was found whole, for what is to be served: nothing takes it back from here on."""
    durable.sync_folder(staged)
    ready = staged.with_name(READY)
    staged.rename(ready)
    durable.sync_folder(ready.parent)
    return ready


def finish(state: Path) -> bool:
    """Move what is left of a restore into place, the manifest last; whether there was one.

    Only the holder of the publication lock may call it. Raises OSError: what is left then is left for the next.
    """
    ready = state / READY
    if not ready.is_dir():
        return False
    (state / shelf.SNAPSHOTS).mkdir(exist_ok=True)
    waiting = ready / shelf.SNAPSHOTS
    for folder in sorted(waiting.iterdir()) if waiting.is_dir() else ():
        shelf.placed(folder, shelf.path(state, folder.name))
    for name in (*FOLDERS, *FILES):
        source, target = ready / name, state / name
        if source.exists():
            if target.is_dir():
                shutil.rmtree(target)
            source.rename(target)
    if (ready / manifest.NAME).exists():
        known = manifest.read(ready)
        manifest.write(state, known)
        shelf.sweep(state, known)
    cleared(ready)
    return True


def cleared(folder: Path) -> None:
    """Remove a folder of ours, read-only ones in it too."""
    for one in (folder, *folder.rglob("*")):
        if one.is_dir() and not one.is_symlink():
            one.chmod(0o700)
    shutil.rmtree(folder)


def unbegun(state: Path) -> None:
    """Remove what a restore has put aside and not begun with; also one that was killed. Under the publication lock."""
    for staged in state.glob(f"{STAGED}*"):
        cleared(staged)
