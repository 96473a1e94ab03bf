"""`outport erase`: a subject's rows out of everything that is served and kept. Asks the gateway's room for it."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.erase import Subject
from gateway.erase import erase as erased
from gateway.operator import Act
from gateway.settings import Settings
from ports.command import account, show
from ports.command.flags import PLACES, with_settings

_REASON_LIMIT = 500


@with_settings(*PLACES)
def erase(
    table: Annotated[str, typer.Argument(metavar="PRODUCT.TABLE", help="where the subject has a row of its own")],
    key: Annotated[list[str], typer.Argument(help="its key there, each column in its order")],
    *,
    reason: Annotated[str, typer.Option(help="why, for the record; name nobody in it")],
    settings: Settings,
) -> None:
    """Erase a subject: its row, what refers to it, what other products have made of them; on record without the key.

    Kept snapshots and quarantines of these products go as a whole: who had pinned one hears that it has expired.
    """
    product, dot, name = table.lower().partition(".")
    if not (product and dot and name) or "." in name:
        raise typer.BadParameter("PRODUCT.TABLE, such as shop.customers")
    if not (reason.strip() and reason.isprintable() and len(reason) <= _REASON_LIMIT):
        raise typer.BadParameter(f"--reason takes at most {_REASON_LIMIT} characters, in one line")
    act = Act(account.name(), "erase", reason=reason.strip())
    done = erased(settings, Subject(product, name, tuple(key)), act, lambda _: None)
    rows = ", ".join(f"{count:,} of {product}.{name}" for name, count in sorted(done.rows.items()) if count)
    show.line(f"rows erased: {rows or 'none had this key'}")
    show.line(f"made anew: {', '.join(done.rebuilt) or 'nothing, no product is made of it'}")
    show.line(f"snapshots removed: {len(done.removed)}")
    if done.upstream:
        show.note(f"{product} is made of {', '.join(done.upstream)}: erase there too, or it comes back")
    if done.referring:
        show.note(f"not touched, though it refers to {table}: {', '.join(done.referring)}")
    show.note("the source's own files, and backups, hold what they held: the next publication reads the former")
    for one, why in done.left:
        show.error(f"{one} still holds what it held: {why}")
    if done.left:
        raise typer.Exit(1)
