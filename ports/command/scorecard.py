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

_HEADS = (
    *("product", "domain", "consumers", "queries", "CPU", "sent", "pace", "change", "complete", "failed", "repaired"),
    "return",
)
_BYTES = ("B", "kB", "MB", "GB", "TB")


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
            f"{group.cpu_s:g} s of CPU, {group.sent_bytes} bytes sent, change {_share(group.change)}, "
            f"{_share(group.change_failure_rate)} of changes failed, {group.incidents} incidents, "
            f"repaired in {_minutes(group.mttr_s)}, return {_share(group.roi)}"
        )
    for one in cards:
        if one.cases:
            seen = [f"{it.name} ({', '.join(it.seen_as)})" for it in one.cases if it.seen_as]
            missing = [it.name for it in one.cases if not it.seen_as]
            show.line(f"use cases of {one.product}: seen {_listed(seen)}; not seen {_listed(missing)}")
    for one in cards:
        for reason in one.retire:
            show.line(f"to retire? {one.product}: {reason}")


def _row(one: Scorecard) -> tuple[str, ...]:
    consumers = ", ".join(f"{count} {kind}" for kind, count in one.consumers.items())
    return (
        one.product,
        one.domain,
        consumers or "-",
        str(one.queries),
        f"{one.cpu_s:.1f} s",
        _bytes(one.sent_bytes),
        one.pace,
        _share(one.change),
        _share(one.care.compliance),
        _share(one.change_failure_rate),
        _minutes(one.mttr_s),
        _share(one.roi),
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"


def _minutes(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds / 60:.0f} min"


def _bytes(count: float) -> str:
    """A count of bytes, short."""
    unit = 0
    while count >= 1000 and unit < len(_BYTES) - 1:
        count, unit = count / 1000, unit + 1
    return f"{count:.0f} {_BYTES[unit]}" if unit == 0 else f"{count:.1f} {_BYTES[unit]}"
