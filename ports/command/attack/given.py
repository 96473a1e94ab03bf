"""What the doors give out to be handed back: tokens, tickets, cursors, entity tags; forged, or given to another."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator

from gateway.access.credentials import Bearer
from ports.command.attack.attacks import Door
from ports.command.attack.flight import FlightClient
from ports.command.attack.reply import CannotConnect, Client
from ports.command.attack.rest import RestClient
from ports.command.attack.trial import Try

_TOKENS, _SEALED = "forged credentials", "what was given to another, or forged"


def forged_tokens(door: Door, token: str, connect: Callable[[Bearer], Client], text: str) -> Iterator[Try]:
    """Tokens that nobody issued must open no door; the one that was issued must."""
    for number, forged in enumerate(_forgeries(token), start=1):
        yield Try(
            f"{door}/forged-credentials/{number}",
            _TOKENS,
            door,
            "a forged token was taken" if _opens(connect, forged, text) else "",
            _opens(connect, token, text),
        )


def _opens(connect: Callable[[Bearer], Client], token: str, text: str) -> bool:
    try:
        client = connect(Bearer(token))
    except CannotConnect:
        return False
    try:
        return client.ask(text).outcome == "answered"
    finally:
        client.close()


def _forgeries(token: str) -> Iterator[str]:
    """Variations of a token: other signatures, no signature, other claims, other algorithms, parts that are missing."""
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    turned = ("B" if signature[0] == "A" else "A") + signature[1:]
    yield f"{head}.{body}.{turned}"
    yield f"{head}.{body}."
    yield f"{head}.{body}.{signature[:-8]}"
    for algorithm in ("none", "None", "HS512", "RS256", "ES256"):
        yield f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{body}.{'' if algorithm.lower() == 'none' else signature}"
    for change in ({"exp": 99999999999}, {"sub": "steward"}, {"role": ["steward"]}, {"iss": "https://issuer.example"}):
        yield f"{head}.{_part({**claims, **change})}.{signature}"
    yield f"{_part({'alg': 'HS256', 'kid': '../../dev/null'})}.{body}.{signature}"
    yield "x.y.z"


def _part(members: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


def tickets(mine: FlightClient, others: FlightClient | None, text: str) -> Iterator[Try]:
    """A ticket is its principal's, and as the server gave it."""
    own = mine.ticket(text)
    if own is None:
        return
    middle = len(own) // 2
    wrong = [own[:-1], own[:middle], b"", text.encode(), own[:middle] + bytes([own[middle] ^ 1]) + own[middle + 1 :]]
    foreign = others.ticket("SELECT 1 AS one") if others is not None else None
    for number, ticket in enumerate([*wrong, *([foreign] if foreign is not None else [])], start=1):
        fault = "a ticket was redeemed that was not given to the principal" if mine.redeem(ticket).rows else ""
        yield Try(f"flight/tickets/{number}", _SEALED, "flight", fault, mine.redeem(own).outcome == "answered")


def narrowed(whole: Client, narrow: Client, product: str) -> Iterator[Try]:
    """A token for questions alone manages nothing, whoever's it is."""
    for number, verb in enumerate(("plan", "refreshes", "quarantine"), start=1):
        address = f"GET /products/{product}/-/{verb}"
        fault = "a token for questions alone has managed" if narrow.ask(address).outcome == "answered" else ""
        honest = whole.ask(f"GET /products/{product}/-/refreshes?limit=1").outcome == "answered"
        yield Try(f"rest/narrowed-tokens/{number}", _TOKENS, "rest", fault, honest)


def pages(mine: RestClient, others: RestClient | None, path: str) -> Iterator[Try]:
    """A cursor and an entity tag are their principal's, and as the server gave them."""
    own = _cursor(mine, path)
    if own is not None:
        foreign = _cursor(others, path) if others is not None else None
        wrong = [own[:-2], own[: len(own) // 2], own[::-1], *([foreign] if foreign is not None else [])]
        for number, cursor in enumerate(wrong, start=1):
            taken = mine.ask(f"GET {path}&cursor={cursor}").outcome == "answered"
            honest = mine.ask(f"GET {path}&cursor={own}").outcome == "answered"
            fault = "a cursor was taken that was not given to the principal" if taken else ""
            yield Try(f"rest/cursors/{number}", _SEALED, "rest", fault, honest)
    tag, foreign = _tag(mine, path), _tag(others, path) if others is not None else None
    if tag is not None:
        wrong = ['"0"', tag[:-2] + '"', *([foreign] if foreign is not None else [])]
        for number, one in enumerate(wrong, start=1):
            held = _status(mine, path, one) == "200"
            fault = "" if held else "an entity tag was believed that was not given to the principal"
            yield Try(f"rest/entity-tags/{number}", _SEALED, "rest", fault, _status(mine, path, tag) == "304")


def _cursor(client: RestClient, path: str) -> str | None:
    found = re.search(rb'"next":\s*"([\w-]+)"', client.ask(f"GET {path}").data)
    return None if found is None else found.group(1).decode()


def _tag(client: RestClient, path: str) -> str | None:
    found = re.search(rb"(?m)^etag: (.+)$", client.ask(f"GET {path}").data)
    return None if found is None else found.group(1).decode().strip()


def _status(client: RestClient, path: str, tag: str) -> str:
    return client.ask(f"GET {path}\nIf-None-Match: {tag}").words
