"""A row sent to a product's input from its page, by who may push to it. Touches the gateway's front door only.

It goes the way of every push: checked by its contract, on record, taken whole or not at all.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import orjson
from fastapi import Request

from gateway import Gateway, VisibleProduct, pushable
from ports.http.exchange import Answer, Lifeline
from ports.http.pages import Reader
from ports.hub.browser import Browser, Form, see_other


@dataclass(frozen=True)
class Pushed:
    """A table that rows may be pushed to, with an example of one as JSON."""

    source: str
    table: str
    row: str


class Sending:
    """The work of its form."""

    def __init__(self, browser: Browser) -> None:
        self._gateway = browser.gateway

    def send(self, reader: Reader, request: Request, form: Form, _: Lifeline) -> Answer:
        """Take rows as JSON. Raises as a push over REST does."""
        product = request.path_params["product"]
        source, table = form.get("input", ""), form.get("table") or None
        push = self._gateway.intake.begin(reader.session, product, source, table, uuid.uuid4().hex, "json", "refuse")
        try:
            push.write(form.get("rows", "").encode())
            push.keep()
        finally:
            push.discard()
        return see_other(reader.link(f"/hub/{push.target.product.name}", sent="1") + "#send")


def offered(gateway: Gateway, reader: Reader, visible: VisibleProduct) -> tuple[Pushed, ...]:
    """What its reader may push to the product."""
    if not gateway.intake.takes(reader.session, visible.product):
        return ()
    every = pushable(visible.product)
    return tuple(Pushed(one.source, one.table, orjson.dumps(dict(one.row)).decode()) for one in every)
