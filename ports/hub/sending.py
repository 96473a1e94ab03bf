"""A row sent to a product's input from its page, by who may push to it. Touches the gateway's front door only.

It goes the way of every push: checked by its contract, on record, taken whole or not at all, and once where
a form is sent twice.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

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
        rows = form.get("rows", "").encode()
        # Each look at the page has a token of its own: the same rows from one form are one push.
        key = hashlib.sha256(b"\0".join((form.get("token", "").encode(), rows))).hexdigest()
        push = self._gateway.intake.begin(reader.session, product, source, table, key, "json", "refuse")
        try:
            push.write(rows)
            push.keep()
        finally:
            push.discard()
        return see_other(reader.link(f"/hub/{push.target.product.name}", sent="1") + "#send")


def offered(gateway: Gateway, reader: Reader, visible: VisibleProduct) -> tuple[Pushed, ...]:
    """What its reader may push to the product."""
    if not gateway.intake.takes(reader.session, visible.product):
        return ()
    every = pushable(visible.product)
    return tuple(Pushed(one.source, one.table, json.dumps(dict(one.row), ensure_ascii=False)) for one in every)
