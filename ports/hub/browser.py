"""A browser's request to a page: who looks, refusals as pages, forms read. Touches the gateway's front door only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from gateway import CodeFlow, Gateway, GatewayError, Offer, Unauthenticated
from ports.http import accept, asked, errors, kept_login, pages
from ports.http.exchange import Answer, Lifeline, body, exchange
from ports.http.pages import HEADERS, HTML, Pages, Reader
from ports.hub import words

PORT = "hub"
FIELDS_LIMIT = 50
SIGN_IN = "/hub/-/sign-in"
_HERE = Path(__file__).parent
Form = Mapping[str, str]
Work = Callable[[Reader, Request, Lifeline], Answer]
FormWork = Callable[[Reader, Request, Form, Lifeline], Answer]


class Browser:
    """Answers browsers: runs the work of a page as whoever looks, shows what it refuses as a page too."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.flow = CodeFlow(gateway.settings, gateway.issuers)
        self.pages = Pages(_HERE / "templates", **words.FILTERS)

    def render(self, template: str, reader: Reader | None, **values: object) -> Iterator[bytes]:
        """One page, whole."""
        return self.pages.render(template, reader, **values)

    def page(
        self,
        template: str,
        reader: Reader,
        headers: Mapping[str, str] | None = None,
        status: int = 200,
        **values: object,
    ) -> Answer:
        """One page as an answer."""
        return Answer(HTML, self.render(template, reader, **values), {**HEADERS, **(headers or {})}, status)

    async def get(self, request: Request, work: Work) -> Response:
        """The page that `work` makes for who looks."""
        return await exchange(request, partial(self._shown, request, work))

    async def post(self, request: Request, work: FormWork) -> Response:
        """What `work` makes of a form that is one of ours."""
        given = fields(await body(request))
        return await exchange(request, partial(self._sent, request, given, work))

    def _shown(self, request: Request, work: Work, lifeline: Lifeline) -> Answer:
        try:
            return work(pages.read(self.gateway, request, PORT), request, lifeline)
        except GatewayError as error:
            return self._refused(request, error)

    def _sent(self, request: Request, form: Form, work: FormWork, lifeline: Lifeline) -> Answer:
        try:
            return work(pages.read(self.gateway, request, PORT, form), request, form, lifeline)
        except GatewayError as error:
            return self._refused(request, error)

    def _refused(self, request: Request, error: GatewayError) -> Answer:
        """A refusal as a page; raises it where no browser asks."""
        if not is_browser(request):
            raise error
        told = asked.told(self.gateway, request.scope, error)
        assert not isinstance(told, HTTPException)
        if isinstance(told, Unauthenticated):
            came = request.url.path if request.method == "GET" else "/"
            text = "" if told.reason == "missing" else told.message
            return self.sign_in(came, text)
        reader = None
        with suppress(GatewayError):
            reader = pages.read(self.gateway, request, PORT)
        status, title = errors.status(told)
        content = self.render("problem.html", reader, error=told, title=title)
        return Answer(HTML, content, {**HEADERS, "Cache-Control": "no-store"}, status)

    def sign_in(self, to: str, text: str, left: str = "", status: int = 401) -> Answer:
        """The form that takes a login, and leads on `to` a page. `left` is the issuer of a login that has ended."""
        offers: tuple[Offer, ...] = ()
        with suppress(GatewayError):
            offers = self.flow.offers()
        known = [one for one in offers if one.name == left]
        content = self.render(
            "sign_in.html",
            None,
            words=text,
            next=to,
            token=kept_login.token(self.gateway, ""),
            offers=[(one.title, f"{SIGN_IN}/{one.name}?{urlencode({'next': to})}") for one in offers],
            left=[(one.title, self.flow.end(one.name)) for one in known],
        )
        # Bearer alone: for Basic a browser would ask in a window of its own.
        refused = {"WWW-Authenticate": 'Bearer realm="outport"'} if status == 401 else {}
        return Answer(HTML, content, {**HEADERS, **refused, "Cache-Control": "no-store"}, status)


def see_other(to: str, headers: Mapping[str, str] | None = None) -> Answer:
    """On to another page, which is got (RFC 9110, 15.4.4)."""
    return Answer(None, iter(()), {"Location": to, "Cache-Control": "no-store", **(headers or {})}, 303)


def fields(content: bytes) -> Form:
    """The fields of a form. Raises HTTPException 400 for what is none."""
    try:
        pairs = parse_qsl(content.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_LIMIT)
    except ValueError as error:
        raise HTTPException(400, "a form of application/x-www-form-urlencoded is taken here") from error
    return dict(pairs)


def is_browser(request: Request) -> bool:
    """Whether a page is wanted rather than a problem document."""
    found = accept.ranges(",".join(request.headers.getlist("accept")))
    return any(one.value == "text/html" and one.weight > 0 for one in found)
