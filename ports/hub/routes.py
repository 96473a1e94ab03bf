"""The hub: where people find products, understand them, ask them and talk back. Server-rendered; no outside host.

In the demo a switch shows each page as each persona; elsewhere it takes a login and shows one's own view.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gateway import SIGN_IN_RETURN, Gateway
from ports.hub.browser import SIGN_IN, Browser
from ports.hub.listing import Listing
from ports.hub.machines import Machines
from ports.hub.playground import PATH, Ask, Playground
from ports.hub.product_page import ProductPage
from ports.hub.sending import Sending
from ports.hub.signing_in import SigningIn
from ports.hub.steward_page import StewardPage
from ports.hub.talk import Talk
from ports.hub.worth import PATH as SCORECARDS
from ports.hub.worth import Worth

_HERE = Path(__file__).parent
_ASSETS = {"hub.css": "text/css", "hub.svg": "image/svg+xml", "hub.js": "text/javascript"}


def routes(gateway: Gateway, graphql: Ask) -> APIRouter:
    """The routes of the hub. What is no product's page has `-` where a product's name would be."""
    router = APIRouter()
    browser = Browser(gateway)
    _assets(router)
    _signing(router, SigningIn(browser))
    _finding(router, browser)
    _talking(router, browser)
    _sending(router, Sending(browser), browser)
    _managing(router, StewardPage(browser), browser)
    _telling(router, Machines(browser), browser)
    _playing(router, Playground(browser, graphql), browser)
    return router


def _assets(router: APIRouter) -> None:
    contents = {name: (_HERE / name).read_bytes() for name in _ASSETS}

    @router.get("/hub.css")
    @router.get("/hub.svg")
    @router.get("/hub.js")
    async def asset(request: Request) -> Response:
        name = request.url.path.removeprefix("/")
        return Response(contents[name], media_type=_ASSETS[name], headers={"Cache-Control": "public, max-age=300"})


def _signing(router: APIRouter, signing: SigningIn) -> None:
    @router.get(SIGN_IN)
    async def form(request: Request) -> Response:
        return await signing.form(request)

    @router.post(SIGN_IN)
    async def by_form(request: Request) -> Response:
        return await signing.by_form(request)

    @router.get(f"{SIGN_IN}/{{issuer}}")
    async def away(request: Request) -> Response:
        return await signing.away(request)

    @router.get(f"{SIGN_IN_RETURN}/{{issuer}}")
    async def back(request: Request) -> Response:
        return await signing.back(request)

    @router.post("/hub/-/sign-out")
    async def out(request: Request) -> Response:
        return await signing.out(request)


def _finding(router: APIRouter, browser: Browser) -> None:
    listing, product, worth = Listing(browser), ProductPage(browser), Worth(browser)

    @router.get("/")
    async def products(request: Request) -> Response:
        return await browser.get(request, listing.products)

    @router.get("/hub/-/search")
    async def search(request: Request) -> Response:
        return await browser.get(request, listing.search)

    @router.get(SCORECARDS)
    async def scorecards(request: Request) -> Response:
        return await browser.get(request, worth.page)

    @router.get("/hub/{product}")
    async def one(request: Request) -> Response:
        return await browser.get(request, product.page)


def _talking(router: APIRouter, browser: Browser) -> None:
    talk = Talk(browser)

    @router.post("/hub/{product}/-/feedback")
    async def give(request: Request) -> Response:
        return await browser.post(request, talk.give)

    @router.post("/hub/{product}/-/answers")
    async def answer(request: Request) -> Response:
        return await browser.post(request, talk.answer)

    @router.post("/hub/{product}/-/closed")
    async def close(request: Request) -> Response:
        return await browser.post(request, talk.close)


def _sending(router: APIRouter, sending: Sending, browser: Browser) -> None:
    @router.post("/hub/{product}/-/push")
    async def send(request: Request) -> Response:
        return await browser.post(request, sending.send)


def _playing(router: APIRouter, playground: Playground, browser: Browser) -> None:
    @router.get(PATH)
    async def form(request: Request) -> Response:
        return await browser.get(request, playground.form)

    @router.post(PATH)
    async def ask(request: Request) -> Response:
        return await browser.post(request, playground.ask)


def _telling(router: APIRouter, machines: Machines, browser: Browser) -> None:
    works = {
        "/catalog.jsonld": machines.dcat,
        "/llms.txt": machines.llms,
        "/products/{product}/-/odps": machines.odps,
        "/products/{product}/-/odcs": machines.odcs,
        "/products/{product}/-/openlineage": machines.openlineage,
    }

    @router.get("/catalog.jsonld")
    @router.get("/llms.txt")
    @router.get("/products/{product}/-/odps")
    @router.get("/products/{product}/-/odcs")
    @router.get("/products/{product}/-/openlineage")
    async def told(request: Request) -> Response:
        return await browser.get(request, works[request.scope["route"].path])


def _managing(router: APIRouter, steward: StewardPage, browser: Browser) -> None:
    @router.get("/hub/{product}/-/steward")
    async def page(request: Request) -> Response:
        return await browser.get(request, steward.page)

    @router.post("/hub/{product}/-/steward/refresh")
    async def refresh(request: Request) -> Response:
        return await browser.post(request, steward.refresh)

    @router.post("/hub/{product}/-/steward/apply")
    async def apply(request: Request) -> Response:
        return await browser.post(request, steward.apply)

    @router.post("/hub/{product}/-/steward/acknowledge")
    async def acknowledge(request: Request) -> Response:
        return await browser.post(request, steward.acknowledge)
