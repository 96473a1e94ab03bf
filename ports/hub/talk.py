"""What is said of a product on its page: given, answered, read. Touches the gateway's front door only."""

from __future__ import annotations

from contextlib import suppress

from fastapi import Request

from gateway import BadQuery, Gateway, GatewayError, Thread, VisibleProduct, threads
from ports.http.exchange import Answer, Lifeline
from ports.http.pages import Reader
from ports.hub.browser import Browser, Form, see_other

THREADS_LIMIT = 50
_RATINGS = {"": None, **{str(number): number for number in range(1, 6)}}


class Talk:
    """The work of its forms."""

    def __init__(self, browser: Browser) -> None:
        self._gateway = browser.gateway

    def give(self, reader: Reader, request: Request, form: Form, _: Lifeline) -> Answer:
        """Keep a question, a problem, praise or a request, with a rating or without."""
        visible = self._product(reader, request)
        rating = form.get("rating", "")
        if rating not in _RATINGS:
            raise BadQuery("a rating is a whole number from 1 to 5", reason="value")
        self._gateway.feedback.give(
            reader.session, visible, form.get("kind", ""), form.get("text", ""), _RATINGS[rating]
        )
        return _back(reader, visible)

    def answer(self, reader: Reader, request: Request, form: Form, _: Lifeline) -> Answer:
        """Keep an answer to what the reader may read."""
        visible = self._product(reader, request)
        self._gateway.feedback.answer(reader.session, visible, form.get("thread", ""), form.get("text", ""))
        return _back(reader, visible)

    def close(self, reader: Reader, request: Request, form: Form, _: Lifeline) -> Answer:
        """Keep that a thread is over."""
        visible = self._product(reader, request)
        self._gateway.feedback.close(reader.session, visible, form.get("thread", ""))
        return _back(reader, visible)

    def _product(self, reader: Reader, request: Request) -> VisibleProduct:
        return self._gateway.product(reader.session, request.path_params["product"])


def read(gateway: Gateway, reader: Reader, visible: VisibleProduct) -> list[Thread]:
    """What the reader may read of it, the newest first; nothing where that cannot be told now."""
    with suppress(GatewayError):
        return threads(gateway.feedback.read(reader.session, visible))[:THREADS_LIMIT]
    return []


def _back(reader: Reader, visible: VisibleProduct) -> Answer:
    return see_other(reader.link(f"/hub/{visible.product.name}", said="1") + "#talk")
