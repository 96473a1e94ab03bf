"""The pages that lead to products: all of them, and those that words mean. Touches the gateway's front door only."""

from __future__ import annotations

from fastapi import Request

from ports.http import finding, provenance
from ports.http.exchange import Answer, Lifeline
from ports.http.pages import Reader
from ports.hub import personas
from ports.hub.browser import Browser

QUERY_LIMIT = 200


class Listing:
    """The work of these pages."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._gateway = browser.gateway

    def products(self, reader: Reader, _: Request, __: Lifeline) -> Answer:
        """Every product that the reader may see."""
        visible = self._gateway.products(reader.session)
        waiting = len(self._gateway.ready().missing) if reader.personas else 0
        headers = provenance.of_products(visible)
        seen = personas.every(self._gateway, reader)
        questions = {one.product.name: self._gateway.feedback.waiting(reader.session, one) for one in visible}
        return self._browser.page(
            "products.html", reader, headers, products=visible, waiting=waiting, personas=seen, questions=questions
        )

    def search(self, reader: Reader, _: Request, __: Lifeline) -> Answer:
        """What the words of `q` mean among them, the best first."""
        query = dict(reader.asked).get("q", "").strip()[:QUERY_LIMIT]
        found = finding.search(self._gateway.products(reader.session), query, begun=True)
        return self._browser.page("search.html", reader, query=query, found=found)
