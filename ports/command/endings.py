"""`outport promote`, `deprecate`, `retire` and `delete`: what becomes of a product, on record as the operator's act."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial
from typing import Annotated

import typer

from gateway.accounting.operator import Act, recorded
from gateway.contracts.contract import ContractError
from gateway.operations import retirement
from gateway.policies.owners import owners
from gateway.publication import bundle
from gateway.settings import Settings
from gateway.snapshot import Snapshot
from ports.command import account, audit, show
from ports.command.flags import PLACES, with_settings
from ports.command.publication import finding

Name = Annotated[str, typer.Argument(help="the product")]
Major = Annotated[int | None, typer.Option(min=0, help="this major version only")]
Reason = Annotated[str, typer.Option(help="why, in your own words: it goes on record")]
Force = Annotated[str, typer.Option("--force", metavar="REASON", help="though it is not over yet, or in use")]
_WORDS = 500


@with_settings(*PLACES)
def deprecate(
    product: Name,
    *,
    sunset: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="the day on which it ends")],
    major: Major = None,
    reason: Reason = "",
    settings: Settings,
) -> None:
    """Say in the descriptor that a product is deprecated and when it ends, and publish that: every door tells it."""
    day: date = sunset.date()
    act = partial(retirement.deprecate, settings, product, major, day, _words(reason), _on_record(settings))
    made = _done(settings, act)
    show.line(f"{product} {made.product.version} is deprecated and ends on {day}, snapshot {made.id}")


@with_settings(*PLACES)
def promote(
    product: Name,
    *,
    owner: Annotated[str | None, typer.Option("--as", help="the owner who accepts it, as in the descriptor")] = None,
    reason: Reason = "",
    settings: Settings,
) -> None:
    """Make a draft active: with its owner's acceptance, and nothing missing. Both stand in the descriptor."""
    accepted = owner or account.name()
    for one in bundle.read(bundle.folders([settings.products]), settings.environment).products:
        owning = owners(one.product)
        if one.product.name == product and owning.usernames and accepted not in owning:
            named = " or ".join(sorted({*owning.usernames, *owning.names}))
            raise typer.BadParameter(f"{accepted} does not own {product}: --as {named}")
    act = partial(retirement.promote, settings, product, accepted, _words(reason), _on_record(settings))
    made = _done(settings, act)
    show.line(f"{product} {made.product.version} is active, accepted by {accepted}, snapshot {made.id}")


@with_settings(*PLACES)
def retire(
    product: Name,
    *,
    major: Major = None,
    successor: Annotated[str, typer.Option(help="the product that follows it")] = "",
    force: Force = "",
    settings: Settings,
) -> None:
    """Serve a product no more: who saw it is told so, and what follows it. After its sunset, or by force."""
    for one in retirement.retire(settings, product, major, _words(force), successor, _on_record(settings)):
        show.line(f"{product} {one.product.version} is retired; its rows stay until `outport delete {product}`")


@with_settings(*PLACES)
def delete(product: Name, *, force: Force = "", settings: Settings) -> None:
    """Remove every snapshot of a product; refused while it is in use. Its folder stays."""
    audit.looked(settings, None, "delete", (f"product={product}",))
    count = retirement.delete(settings, product, _words(force), _on_record(settings))
    show.line(f"{count} snapshots of {product} are gone; its folder is still {settings.products / product}")


def _on_record(settings: Settings) -> retirement.Recorder:
    def record(products: Sequence[str], action: str, what: str, reason: str) -> None:
        recorded(settings, Act(account.name(), action, what, reason), products)

    return record


def _done(settings: Settings, act: Callable[[], Snapshot]) -> Snapshot:
    """What `act` publishes; every finding is told where it is refused."""
    try:
        return act()
    except ContractError as error:
        for found in error.findings:
            finding(error.folder or settings.products, found)
        show.error("nothing was changed")
        raise typer.Exit(1) from None


def _words(text: str) -> str:
    if not text.isprintable() or len(text) > _WORDS:
        raise typer.BadParameter(f"a reason has at most {_WORDS} characters, in one line")
    return text.strip()
