"""What products are worth, as a page: each of those that its reader sees, their domains, and all of them together.

Touches the gateway's front door only. What is not told to its reader is not there, and is in no sum either.
"""

from __future__ import annotations

from fastapi import Request

from ports.http.exchange import Answer, Lifeline
from ports.http.pages import Reader
from ports.hub.browser import Browser

PATH = "/hub/-/scorecards"


class Worth:
    """The work of this page."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._gateway = browser.gateway

    def page(self, reader: Reader, _: Request, __: Lifeline) -> Answer:
        """Every scorecard that is told to the reader, by domain, and what may be retired."""
        found = self._gateway.scorecards.of(reader.session)
        cards = sorted(found["products"], key=lambda one: (one["domain"], one["product"]))
        return self._browser.page(
            "scorecards.html", reader, cards=cards, domains=found["domains"], whole=found["portfolio"], at=found["at"]
        )
