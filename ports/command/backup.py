"""`outport backup` and `restore`: the deployment's state to one file and back. Asks the gateway's room for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.accounting.operator import Act
from gateway.operations import backup as rooms
from gateway.settings import Settings
from ports.command import account, show
from ports.command.flags import PLACES, with_settings


@with_settings(*PLACES)
def backup(
    file: Annotated[Path, typer.Argument(help="the file to write; it must not be there yet")],
    *,
    audit: Annotated[bool, typer.Option("--audit", help="the audit's records too")] = False,
    secrets: Annotated[bool, typer.Option("--secrets", help="principals, their verifiers, the demo's key")] = False,
    settings: Settings,
) -> None:
    """Write what the deployment holds into one file, while servers run: snapshots, ledger, feedback; no secret.

    Products and policies are folders of yours, and are not in it; nor are secret_key and mask_key.
    """
    act = Act(account.name(), "backup", " ".join(name for name, on in (("audit", audit), ("secrets", secrets)) if on))
    saved = rooms.backup(settings, file, act, audit=audit, secret=secrets)
    size = f"{saved.size_bytes / 1e6:,.1f} MB"
    show.line(f"{file}: {len(saved.snapshots)} snapshots, {len(saved.files)} files, {size}")
    if not secrets:
        show.note("without principals and keys: keep those by your own means, or ask for them by --secrets")


@with_settings(*PLACES)
def restore(
    file: Annotated[Path, typer.Argument(help="a file of `outport backup`")],
    *,
    force: Annotated[bool, typer.Option("--force", help="replace what the state folder holds")] = False,
    trust: Annotated[bool, typer.Option("--trust", help="take a file that was made under another mask key")] = False,
    settings: Settings,
) -> None:
    """Put back what `outport backup` has written; what is damaged, cut off or not ours changes nothing."""
    for one in rooms.restore(settings, file, Act(account.name(), "restore"), force=force, trust=trust):
        product = one.product
        show.line(f"{product.name} {product.version} is served by {one.id}, {product.digest[:12]}")
