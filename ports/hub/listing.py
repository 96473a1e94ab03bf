"""The pages that lead to products: all of them, and those that words mean. Touches the gateway's front door only."""

from __future__ import annotations

from collections import Counter

from fastapi import Request

from ports.http import finding, provenance
from ports.http.exchange import Answer, Lifeline
from ports.http.pages import Reader
from ports.hub import personas
from ports.hub.browser import Browser

QUERY_LIMIT = 200
# The product of our own record: what there is of others comes first.
_OWN = "outport"


class Listing:
    """The work of these pages."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._gateway = browser.gateway

    def products(self, reader: Reader, _: Request, __: Lifeline) -> Answer:
        """Every product that the reader may see, or those of the domain that is asked for; our own record last."""
        visible = sorted(self._gateway.products(reader.session), key=lambda one: one.product.name == _OWN)
        domains = sorted(Counter(one.product.domain for one in visible if one.product.domain).items())
        asked = dict(reader.asked).get("domain", "")
        domain = asked if asked in dict(domains) else ""
        waiting = len(self._gateway.ready().missing) if reader.personas else 0
        headers = provenance.of_products(visible)
        seen = personas.every(self._gateway, reader, visible)
        questions = {one.product.name: self._gateway.feedback.waiting(reader.session, one) for one in visible}
        return self._browser.page(
            "products.html",
            reader,
            headers,
            products=[one for one in visible if not domain or one.product.domain == domain],
            total=len(visible),
            domains=domains,
            domain=domain,
            waiting=waiting,
            personas=seen,
            experiment=personas.experiment(seen, visible),
            questions=questions,
        )

    def search(self, reader: Reader, _: Request, __: Lifeline) -> Answer:
        """What the words of `q` mean among them, the best first."""
        query = dict(reader.asked).get("q", "").strip()[:QUERY_LIMIT]
        visible = self._gateway.products(reader.session)
        meant = finding.mended(visible, query)
        changed = finding.words(meant) != finding.words(query)
        found = finding.search(visible, meant if changed else query, begun=True)
        found.sort(key=lambda one: (-one.points, one.visible.product.name == _OWN))
        return self._browser.page("search.html", reader, query=query, meant=meant if changed else "", found=found)
