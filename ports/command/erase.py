"""`outport erase`: a subject's rows out of everything that is served and kept. Asks the gateway's room for it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.accounting.operator import Act
from gateway.operations.erase import Erased, Subject
from gateway.operations.erase import erase as erased
from gateway.settings import Settings
from ports.command import account, show
from ports.command.flags import PLACES, with_settings

_REASON_LIMIT = 500
_KEY_BYTES = 10_000


@with_settings(*PLACES)
def erase(
    table: Annotated[str, typer.Argument(metavar="PRODUCT.TABLE", help="where the subject has a row of its own")],
    *,
    key_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="its key there, a line for each column; - is standard input")
    ] = None,
    reason: Annotated[str, typer.Option(help="why, for the record; name nobody in it")],
    settings: Settings,
) -> None:
    """Erase a subject: its row, what refers to it, what other products have made of them; on record without the key.

    The key is asked for, or read from a file: other accounts of the machine see the words of a command. Kept snapshots
    and quarantines of these products go as a whole: who had pinned one hears that it has expired.
    """
    product, dot, name = table.lower().partition(".")
    if not (product and dot and name) or "." in name:
        raise typer.BadParameter("PRODUCT.TABLE, such as shop.customers")
    if not (reason.strip() and reason.isprintable() and len(reason) <= _REASON_LIMIT):
        raise typer.BadParameter(f"--reason takes at most {_REASON_LIMIT} characters, in one line")
    act = Act(account.name(), "erase", reason=reason.strip())
    done = erased(settings, Subject(product, name, _key(key_file)), act, lambda _: None)
    _tell(done, product, table)
    if done.left:
        raise typer.Exit(1)


def _key(file: str | None) -> tuple[str, ...]:
    """The texts of the key, a line each."""
    if file is None and sys.stdin.isatty():
        return tuple(typer.prompt("the key, its columns separated by tabs", hide_input=True).split("\t"))
    if file is None:
        raise typer.BadParameter("where is the key? --key-file FILE, or - for standard input: a line for each column")
    if file == "-":
        text = sys.stdin.read(_KEY_BYTES)
    else:
        try:
            text = Path(file).read_text(encoding="utf-8")[:_KEY_BYTES]
        except (OSError, UnicodeDecodeError) as error:
            raise typer.BadParameter(f"--key-file {file} cannot be read") from error
    lines = tuple(text.removesuffix("\n").replace("\r\n", "\n").split("\n"))
    if not text.strip():
        raise typer.BadParameter("the key is empty: a line for each column")
    return lines


def _tell(done: Erased, product: str, table: str) -> None:
    rows = ", ".join(f"{count:,} of {product}.{name}" for name, count in sorted(done.rows.items()) if count)
    show.line(f"rows erased: {rows or 'none had this key'}")
    show.line(f"made anew: {', '.join(done.rebuilt) or 'nothing, no product is made of it'}")
    show.line(f"snapshots removed: {len(done.removed)}")
    if done.upstream:
        show.note(f"{product} is made of {', '.join(done.upstream)}: erase there too, or it comes back")
    if done.referring:
        show.note(f"not touched, though it refers to {table}: {', '.join(done.referring)}")
    for one in done.naming:
        show.note(f"the key stands in {one}, as somebody's words: read it, and take them out by hand")
    show.note("the source's own files, and backups, hold what they held: the next publication reads the former")
    for one, why in done.left:
        show.error(f"{one} still holds what it held: {why}")
