"""What all pages share: who looks, where the doors are, the frame. Server-rendered, no script, no outside host.

In the demo a switch shows a page as each persona, to who has not signed in; elsewhere it takes a login and shows one's
own view.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway import Gateway, NotFound, Session
from ports.http import authentication

HTML = "text/html; charset=utf-8"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_DEFAULT_PERSONA = "steward"
_FRAME = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Reader:
    """Who looks at the page; `personas` are those that it can switch to, none outside the demo."""

    session: Session
    personas: tuple[str, ...]

    @property
    def subject(self) -> str:
        """The principal as whom the page is shown."""
        return self.session.principal.subject

    @property
    def password(self) -> str | None:
        """The persona's, which everybody knows; None outside the demo."""
        return f"{self.subject}-demo" if self.personas else None

    def link(self, path: str) -> str:
        """`path` as the same reader sees it. A persona's name needs no escaping: see `read`."""
        return f"{path}?as={self.subject}" if self.personas else path


def read(gateway: Gateway, request: Request, port: str) -> Reader:
    """Raises Unauthenticated outside the demo without a login, NotFound for an unknown persona."""
    personas = tuple(one for one in gateway.personas() if re.fullmatch(r"[A-Za-z0-9_.-]+", one))
    if not personas:
        return Reader(authentication.session(gateway, request, port), ())
    default = _DEFAULT_PERSONA if _DEFAULT_PERSONA in personas else personas[0]
    given = parse_qs(request.scope["query_string"].decode("latin-1"))
    if "as" not in given and "authorization" in request.headers:
        session = authentication.session(gateway, request, port)
        return Reader(session, personas if session.principal.subject in personas else ())
    subject = given.get("as", [default])[0]
    if subject not in personas:
        raise NotFound("there is no such persona", reason="principal", hint=f"personas: {', '.join(personas)}")
    return Reader(gateway.impersonate(subject, port), personas)


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

    def render(self, template: str, reader: Reader, **values: object) -> Iterator[bytes]:
        """One page, whole."""
        return iter([self._pages.get_template(template).render(reader=reader, **values).encode()])
