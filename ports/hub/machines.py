"""The addresses of the machine-readable twin of the hub. Touches the gateway's front door only."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from fastapi import Request

from gateway import VisibleProduct
from ports.http import pages, provenance
from ports.http.exchange import Answer, Lifeline
from ports.http.pages import Reader
from ports.hub import catalog, descriptors
from ports.hub.browser import Browser

JSON, JSON_LD, TEXT = "application/json", "application/ld+json", "text/plain; charset=utf-8"


class Machines:
    """The work of these addresses: what their reader may see, in the words of standards."""

    def __init__(self, browser: Browser) -> None:
        self._gateway = browser.gateway

    def dcat(self, reader: Reader, request: Request, _: Lifeline) -> Answer:
        """Every product, as a DCAT catalog."""
        return _json(catalog.dcat(self._gateway.products(reader.session), self._base(request)), JSON_LD)

    def llms(self, reader: Reader, request: Request, _: Lifeline) -> Answer:
        """The same for agents."""
        text = catalog.llms(self._gateway.products(reader.session), self._base(request))
        return Answer(TEXT, iter([text.encode()]))

    def odps(self, reader: Reader, request: Request, _: Lifeline) -> Answer:
        """The descriptor of one product."""
        visible = self._product(reader, request)
        return _json(descriptors.odps(visible, self._known(reader)), JSON, provenance.of_product(visible))

    def odcs(self, reader: Reader, request: Request, _: Lifeline) -> Answer:
        """Its contract."""
        visible = self._product(reader, request)
        return _json(descriptors.odcs(visible), JSON, provenance.of_product(visible))

    def openlineage(self, reader: Reader, request: Request, _: Lifeline) -> Answer:
        """Its publications that are kept, as OpenLineage events."""
        visible = self._product(reader, request)
        kept = self._gateway.snapshots(reader.session, visible.product.name)
        events = catalog.openlineage(visible, self._known(reader), kept, self._base(request))
        return _json(events, JSON, provenance.of_product(visible))

    def _product(self, reader: Reader, request: Request) -> VisibleProduct:
        return self._gateway.product(reader.session, request.path_params["product"])

    def _known(self, reader: Reader) -> Mapping[str, VisibleProduct]:
        return {one.product.name: one for one in self._gateway.products(reader.session)}

    def _base(self, request: Request) -> str:
        return f"{request.url.scheme}://{pages.host(self._gateway, request)}"


def _json(content: object, media_type: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(media_type, iter([orjson.dumps(content)]), headers or {})
