"""The forms of the hub, sent as another site's page would have them sent, or leading whoever signs in elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

from ports.command.attack.rest import RestClient
from ports.command.attack.trial import Try

_FORMS, _LEADS = "forms of the hub that are not its own", "where a sign-in leads"
_PLAYGROUND, _SIGN_IN = "/hub/-/playground", "/hub/-/sign-in"
_FORM = "Content-Type: application/x-www-form-urlencoded"
_OWN = "Sec-Fetch-Site: same-origin"
_TOKEN = re.compile(rb'name="token" value="([^"]+)"')
_LEADING = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/\t/evil.example/",
    "\t//evil.example/",
    "/%09/evil.example/",
    "///evil.example/",
    "javascript:alert(1)",
    "https:evil.example",
    "/\r\nzq-split: 1",
    "@evil.example",
)


def forged(mine: RestClient, others: RestClient | None) -> Iterator[Try]:
    """A form is taken from the hub's own page, and with the token that this page gave to who sends it."""
    token = _token(mine, _PLAYGROUND)
    if token is None:
        return
    elsewhere = ("Origin: https://evil.example", "Origin: null", *(f"Sec-Fetch-Site: {site}" for site in _SITES))
    wrong = [(token, f"{one}\nX-Forwarded-Host: evil.example") for one in elsewhere]
    strangers = _token(others, _PLAYGROUND) if others is not None else None
    forgeries = ("", token[:-2], token[::-1], _token(mine, _SIGN_IN), strangers)
    wrong += [(one, _OWN) for one in forgeries if one is not None]
    for number, (one, header) in enumerate(wrong, start=1):
        taken = _asked(mine, one, header)
        fault = "a form was taken that is not the hub's own" if taken else ""
        yield Try(f"rest/forms/{number}", _FORMS, "rest", fault, _asked(mine, token, _OWN))


_SITES = ("cross-site", "same-site", "none")


def led_astray(mine: RestClient, login: str) -> Iterator[Try]:
    """Who signs in stays on this server, whatever the address that led there said."""
    for number, to in enumerate(_LEADING, start=1):
        fault = "" if _led(mine, login, to) is not None else "a sign-in leads to another server"
        yield Try(f"rest/sign-in/{number}", _LEADS, "rest", fault, _led(mine, login, _PLAYGROUND) == _PLAYGROUND)


def _asked(client: RestClient, token: str, header: str) -> bool:
    form = urlencode({"kind": "sql", "text": "SELECT 1 AS one", "token": token})
    return client.ask(f"POST {_PLAYGROUND}\n{_FORM}\n{header}\n\n{form}").outcome == "answered"


def _led(client: RestClient, login: str, to: str) -> str | None:
    """Where a sign-in leads as a browser reads it, "" where to nowhere, None where to another server."""
    form = urlencode({"name": "", "secret": login, "next": to, "token": _token(client, _SIGN_IN) or ""})
    reply = client.ask(f"POST {_SIGN_IN}\n{_FORM}\n{_OWN}\n\n{form}")
    head = reply.data.partition(b"\n\n")[0].decode("latin-1")
    found = re.search(r"(?m)^location: (.*)$", head)
    # Browsers leave tabs out and take a backslash for a slash (WHATWG URL, 4.4).
    place = "" if found is None else re.sub(r"[\t\r\n]", "", found.group(1)).strip().replace("\\", "/")
    parts = urlsplit(place)
    safe = (
        not parts.scheme and not parts.netloc and not place.startswith("//") and not re.search("(?m)^zq-split:", head)
    )
    return place if safe else None


def _token(client: RestClient, path: str) -> str | None:
    found = _TOKEN.search(client.ask(f"GET {path}\nAccept: text/html").data)
    return None if found is None else found.group(1).decode()
