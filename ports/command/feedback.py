"""`outport feedback`: what was said of products, for who operates the deployment. That it is read is on record."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from gateway.access import keys
from gateway.accounting import audit
from gateway.accounting.observe import FeedbackRead
from gateway.desks.feedback import Shelf
from gateway.errors import NotFound
from gateway.serving.catalog import Catalog
from gateway.settings import Settings
from ports.command import account, show
from ports.command.flags import PLACES, with_settings

app = typer.Typer(no_args_is_help=True, help="What those who use products say of them.")


@app.callback()
def _group() -> None:
    """Keep `list` a command of its own."""


@app.command("list")
@with_settings(*PLACES)
def list_all(
    product: Annotated[str, typer.Argument(help="the product")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="for machines: one object a line")] = False,
    settings: Settings,
) -> None:
    """List what was said of a product, the newest first."""
    found = Catalog(settings.state).current().find(product.lower())
    if found is None:
        raise NotFound(f"product {product:.128} is not served", reason="product", hint="outport get")
    said = Shelf(settings.feedback).of(found.product.name)
    record = audit.of(settings, keys.load(settings))
    told = FeedbackRead(
        subject=f"account:{account.name()}", port="command", purpose=None, products=(found.product.name,),
        items=len(said),
    )  # fmt: skip
    record.record(told)
    record.close()
    if as_json:
        for one in said:
            show.line(json.dumps(asdict(one)))
        return
    rows = [
        (
            one.at[:16],
            one.kind,
            "" if one.rating is None else str(one.rating),
            _whom(one.subject, one.on_behalf_of),
            one.text,
        )
        for one in said
    ]
    show.console().print(show.table(("at", "kind", "rating", "from", "text"), rows))


def _whom(subject: str, behalf: str | None) -> str:
    return subject if behalf is None else f"{subject} for {behalf}"
