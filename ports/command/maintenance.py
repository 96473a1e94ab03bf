"""`outport maintenance`: times in which products need not be served, declared beforehand, and on record. Touches the
ledger by the room that owns it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from gateway import ticking
from gateway.accounting.ledger import Ledger
from gateway.accounting.operator import Act, recorded
from gateway.service_levels import maintenance
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from ports.command import account, show
from ports.command.flags import PLACES, with_settings

app = typer.Typer(no_args_is_help=True, help="Say beforehand when products are not served: promises do not count it.")
_FORMS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
_WORDS = 500
_HEADS = ("window", "begins (UTC)", "ends (UTC)", "products", "by", "reason")


@app.command("declare")
@with_settings(*PLACES)
def declare(
    *,
    begins: Annotated[datetime, typer.Option("--from", formats=_FORMS, help="when it begins, UTC")],
    ends: Annotated[datetime, typer.Option("--until", formats=_FORMS, help="when it ends, UTC")],
    product: Annotated[list[str] | None, typer.Option(help="this product only; may be said again")] = None,
    reason: Annotated[str, typer.Option(help="why, in your own words: it goes on record")],
    settings: Settings,
) -> None:
    """Declare a window of maintenance: minutes in it do not count, from now on."""
    if not reason.strip() or not reason.isprintable() or len(reason) > _WORDS:
        raise typer.BadParameter(f"--reason takes a line of at most {_WORDS} characters")
    span = begins.replace(tzinfo=UTC), ends.replace(tzinfo=UTC)
    one = maintenance.declared(*span, product or (), account.name(), reason, ticking.MACHINE.now())
    recorded(settings, Act(account.name(), "maintenance", f"{begins} until {ends}", reason), one.products)
    Ledger(settings.state).append(maintenance.KIND, [one.row])
    served = Catalog(settings.state).current()
    if missing := [name for name in one.products if served.find(name) is None]:
        show.note(f"not served now, if that is no slip of the pen: {', '.join(missing)}")
    show.line(f"{one.id}: {', '.join(one.products) or 'every product'} from {begins} until {ends} UTC")


@app.command("cancel")
@with_settings(*PLACES)
def cancel(window: Annotated[str, typer.Argument(help="its id")], *, settings: Settings) -> None:
    """End a window now, or before it begins."""
    ledger, now = Ledger(settings.state), ticking.MACHINE.now()
    row = maintenance.cancelled(maintenance.windows(ledger, now), window, account.name(), now)
    recorded(settings, Act(account.name(), "maintenance", f"{window} cancelled"), ())
    ledger.append(maintenance.KIND, [row])
    show.line(f"{window} is cancelled")


@app.command("list")
@with_settings(*PLACES)
def listing(*, settings: Settings) -> None:
    """The windows of the last days, and those to come."""
    found = maintenance.windows(Ledger(settings.state), ticking.MACHINE.now())
    rows = [
        (one.id, f"{one.begins:%Y-%m-%d %H:%M}", f"{one.ends:%Y-%m-%d %H:%M}", ", ".join(one.products) or "all", one.by,
         one.reason)
        for one in found
    ]  # fmt: skip
    show.console().print(show.table(_HEADS, rows))
