"""Signing in to the pages, by a login or at an issuer, and out again. Touches the gateway's front door only.

Nothing that a browser could be led to does it by itself: forms are our own, and who comes back from an issuer must have
been sent there from here. No token and no secret stands in an address.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import Response

from gateway import Bearer, GatewayError, Password, Unauthenticated
from ports.http import asked, authentication, kept_login
from ports.http.exchange import Answer, Lifeline, body, exchange
from ports.http.pages import HEADERS, HTML
from ports.hub.browser import PORT, SIGN_IN, Browser, Form, fields, see_other

# A cookie holds it beside what proves a sign-in.
_PAGE_BYTES = 1500
_ELSEWHERE = frozenset({"cross-site", "same-site"})


class SigningIn:
    """The work of the sign-in's pages."""

    def __init__(self, browser: Browser) -> None:
        self._browser, self._gateway = browser, browser.gateway

    async def form(self, request: Request) -> Response:
        """The form by itself: to come here is no refusal."""
        left = request.query_params.get("out", "")
        return await exchange(request, lambda _: self._browser.sign_in("/", "", left, 200))

    async def by_form(self, request: Request) -> Response:
        """Keep the credentials that the form brings, once they have proved somebody."""
        given = fields(await body(request))
        return await exchange(request, partial(self._by_form, request, given))

    async def away(self, request: Request) -> Response:
        """To an issuer."""
        return await exchange(request, partial(self._away, request))

    async def back(self, request: Request) -> Response:
        """From it, once."""
        response = await exchange(request, partial(self._back, request))
        response.headers.append("Set-Cookie", kept_login.returned(self._gateway, request))
        return response

    async def out(self, request: Request) -> Response:
        """Forget the login; the issuer's own is that of its pages."""
        left = kept_login.issuer(self._gateway, request)
        to = f"{SIGN_IN}?{urlencode({'out': left})}" if left else SIGN_IN
        headers = {"Set-Cookie": kept_login.forgetting(self._gateway, request)}

        def over(*_: object) -> Answer:
            kept_login.ended(self._gateway, request)
            return see_other(to, headers)

        return await self._browser.post(request, over)

    def _by_form(self, request: Request, form: Form, _: Lifeline) -> Answer:
        name, secret = form.get("name", "").strip(), form.get("secret", "").strip()
        to = _ours(form.get("next", "/"))
        try:
            kept_login.check(self._gateway, request, None, form.get("token", ""))
            proof = Password(name, secret) if name else Bearer(secret)
            authentication.session_of(self._gateway, request, PORT, proof)
            cookie = kept_login.keeping(self._gateway, request, proof)
        except GatewayError as error:
            return self._refused(request, to, error)
        return see_other(_quoted(to), {"Set-Cookie": cookie})

    def _away(self, request: Request, _: Lifeline) -> Answer:
        to = _ours(request.query_params.get("next", "/"))
        if request.headers.get("sec-fetch-site") in _ELSEWHERE:
            return self._browser.sign_in(to, "")
        try:
            url, pending = self._browser.flow.begin(request.path_params["issuer"])
        except GatewayError as error:
            return self._refused(request, to, error)
        headers = {"Set-Cookie": kept_login.sending(self._gateway, request, pending, to)}
        return see_other(url, {**headers, "Referrer-Policy": "no-referrer"})

    def _back(self, request: Request, _: Lifeline) -> Answer:
        pending, to = kept_login.away(self._gateway, request)
        asked.note(request.scope, PORT, None)
        try:
            given = _once(request)
            done = self._browser.flow.finish(pending, request.path_params["issuer"], given)
            session = authentication.session_of(self._gateway, request, PORT, done.proof)
            at = request.path_params["issuer"]
            cookie = kept_login.keeping(self._gateway, request, done.proof, done.ends, at)
        except GatewayError as error:
            return self._refused(request, to, error)
        # A strict cookie is sent where a page of ours leads on, and not where the issuer's redirect does.
        content = self._browser.render("signed_in.html", None, subject=session.principal.subject, to=_quoted(to))
        told = {"Set-Cookie": cookie, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return Answer(HTML, content, {**HEADERS, **told})

    def _refused(self, request: Request, to: str, error: GatewayError) -> Answer:
        told = asked.told(self._gateway, request.scope, error)
        assert isinstance(told, GatewayError)
        return self._browser.sign_in(to, told.message)


def _once(request: Request) -> dict[str, str]:
    """The address's parameters. Raises Unauthenticated where one stands twice: a proxy may have read the other."""
    pairs = request.query_params.multi_items()
    if len(dict(pairs)) != len(pairs):
        raise Unauthenticated("this answer is malformed: begin the sign-in again", reason="malformed")
    return dict(pairs)


def _ours(to: str) -> str:
    """A page of this server, "/" for any other address, and for one that no cookie can hold."""
    own = to.startswith("/") and not to.startswith(("//", "/\\")) and len(_quoted(to)) <= _PAGE_BYTES
    return to if own else "/"


def _quoted(to: str) -> str:
    return quote(to, safe="/?&=%#-._~:@")
