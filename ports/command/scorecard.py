"""`outport scorecard`: what each product is to those who use it, for who operates the deployment. Reads its ledger."""

from __future__ import annotations

from typing import Annotated

import orjson
import typer

from gateway import ticking
from gateway.desks import scorecards
from gateway.errors import NotFound
from gateway.service_levels.measurement import Scorecard, domains, reused, together
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from ports.command import show
from ports.command.flags import PLACES, with_settings

_HEADS = ("product", "domain", "consumers", "queries", "pace", "change", "complete", "failed", "repaired", "return")


@with_settings(*PLACES)
def command(
    product: Annotated[str | None, typer.Argument(help="one product, in full")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="everything, as JSON")] = False,
    settings: Settings,
) -> None:
    """Show usage, care, failures, cost and return of every product over 30 days, and which may be retired."""
    now = ticking.MACHINE.now()
    served = Catalog(settings.state).current()
    cards = [reused(one, served) for one in scorecards.made(settings, served, now)]
    if product is not None:
        cards = [one for one in cards if one.product == product.lower()]
        if not cards:
            raise NotFound(f"product {product:.128} is not served", reason="product", hint="outport get")
    if as_json or product is not None:
        told = scorecards.told(cards, ticking.text(now)) if product is None else cards[0].document
        show.line(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return
    show.console().print(show.table(_HEADS, [_row(one) for one in cards]))
    named = [(f"domain {group.domain}" if group.domain else "no domain", group) for group in domains(cards)]
    for name, group in (*named, ("portfolio", together(cards))):
        show.line(
            f"{name}: {group.consumed} of {group.products} products consumed, {group.queries} queries, "
            f"{group.computed_s:g} s computed, {group.incidents} incidents, return {_share(group.roi)}"
        )
    for one in cards:
        for reason in one.retire:
            show.line(f"to retire? {one.product}: {reason}")


def _row(one: Scorecard) -> tuple[str, ...]:
    consumers = ", ".join(f"{count} {kind}" for kind, count in one.consumers.items())
    repaired = "-" if one.mttr_s is None else f"{one.mttr_s / 60:.0f} min"
    return (
        one.product,
        one.domain,
        consumers or "-",
        str(one.queries),
        one.pace,
        _share(one.change),
        _share(one.care.compliance),
        _share(one.change_failure_rate),
        repaired,
        _share(one.roi),
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
