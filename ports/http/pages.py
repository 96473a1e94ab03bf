"""What all pages share: who looks, where the doors are, the frame. Server-rendered; no script in them, no outside host.

In the demo a switch shows a page as each persona, to who has not signed in; elsewhere it takes a login and shows one's
own view.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway import Gateway, NotFound, Session
from ports.http import authentication, kept_login

HTML = "text/html; charset=utf-8"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    # Without an origin of its own a form could not be told from another site's.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_DEFAULT_PERSONA = "steward"
_FRAME = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Reader:
    """Who looks at the page; `personas` are those that it can switch to, none outside the demo.

    `token` is what its forms send along; `kept` whether a cookie keeps its login; `asked` are the parameters of the
    address that a switch leaves as they are.
    """

    session: Session
    personas: tuple[str, ...]
    token: str
    kept: bool = False
    asked: tuple[tuple[str, str], ...] = ()

    @property
    def subject(self) -> str:
        """The principal as whom the page is shown."""
        return self.session.principal.subject

    @property
    def password(self) -> str | None:
        """The persona's, which everybody knows; None outside the demo."""
        return f"{self.subject}-demo" if self.personas else None

    def link(self, path: str, **asked: str) -> str:
        """`path` as the same reader sees it."""
        pairs = [*asked.items(), *self.place]
        return f"{path}?{urlencode(pairs)}" if pairs else path

    @property
    def place(self) -> tuple[tuple[str, str], ...]:
        """The parameters that say who looks, and for which purpose."""
        stated = self.session.purpose
        return (
            *((("as", self.subject),) if self.personas else ()),
            *((("for", stated),) if stated is not None else ()),
        )

    @property
    def purposes(self) -> tuple[str, ...]:
        """The purposes that it may state."""
        granted = self.session.principal.attributes.get("purpose")
        return tuple(str(one) for one in granted) if isinstance(granted, tuple) else ()


def read(gateway: Gateway, request: Request, port: str, form: Mapping[str, str] | None = None) -> Reader:
    """Who looks, or has sent the `form`.

    Raises Unauthenticated outside the demo without a login, NotFound for an unknown persona; Forbidden for a form that
    is none of ours.
    """
    personas = tuple(one for one in gateway.personas() if re.fullmatch(r"[A-Za-z0-9_.-]+", one))
    given = dict(parse_qsl(request.scope["query_string"].decode("latin-1")))
    said = {**given, **(form or {})}
    session, kept = _session(gateway, request, port, personas, said.get("as"))
    session = gateway.stating(session, said["for"]) if said.get("for") else session
    subject = session.principal.subject
    if form is not None:
        kept_login.check(gateway, request, session, form.get("token", ""))
    asked = tuple((name, value) for name, value in given.items() if name not in {"as", "for", "said", "sent"})
    token = kept_login.token(gateway, subject)
    return Reader(session, personas if subject in personas else (), token, kept, asked)


def _session(
    gateway: Gateway, request: Request, port: str, personas: tuple[str, ...], switched: str | None
) -> tuple[Session, bool]:
    """The reader's session, and whether a cookie keeps its login."""
    if personas and (switched is not None or "authorization" not in request.headers):
        subject = switched or (_DEFAULT_PERSONA if _DEFAULT_PERSONA in personas else personas[0])
        if subject not in personas:
            raise NotFound("there is no such persona", reason="principal", hint=f"personas: {', '.join(personas)}")
        return gateway.impersonate(subject, port), False
    login = None if personas else kept_login.login(gateway, request)
    session = authentication.session_of(gateway, request, port, login)
    return session, login is not None and "authorization" not in request.headers


def host(gateway: Gateway, request: Request) -> str:
    """This server's name and port, as the browser reached it."""
    named = request.headers.get("host", "")
    if re.fullmatch(r"[A-Za-z0-9.-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?", named):
        return named
    return f"{gateway.settings.host}:{gateway.settings.http_port}"


class Pages:
    """The templates of one port, in the frame of all."""

    def __init__(self, templates: Path, **filters: object) -> None:
        self._pages = Environment(
            loader=FileSystemLoader([templates, _FRAME]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters |= filters

    def render(self, template: str, reader: Reader | None, **values: object) -> Iterator[bytes]:
        """One page, whole."""
        return iter([self._pages.get_template(template).render(reader=reader, **values).encode()])
