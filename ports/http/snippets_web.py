"""What snippets for the web door have in common: a proof, a line for curl, what Python's TLS needs. Pure."""

from __future__ import annotations

import json
import shlex
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway import Bearer, Password
from ports.http.reach import Login, Trust
from ports.http.snippets_postgres import CERT, KEY


def authorization(credentials: Login) -> str:
    """The header that proves who asks."""
    match credentials:
        case Password(subject, secret):
            return f"Basic {b64encode(f'{subject}:{secret}'.encode()).decode()}"
        case Bearer(token):
            return f"Bearer {token}"


def curl(credentials: Login, body: dict[str, str], url: str, trust: Trust | None) -> str:
    """One shell line that posts `body`."""
    return f"curl -s{_opened(credentials, trust)} --json {shlex.quote(json.dumps(body))} {url}"


def push(credentials: Login, row: Mapping[str, object], url: str, trust: Trust | None) -> str:
    """Shell lines that push one row; the key is another one each time, so that each time is a push of its own."""
    about = "-H 'Content-Type: application/x-ndjson' -H \"Idempotency-Key: $(date +%s)\""
    head, body = f"curl -s{_opened(credentials, trust)} {about}", f"--data-binary {shlex.quote(json.dumps(row))}"
    parts = [head, body, shlex.quote(url)]
    return " \\\n  ".join(parts)


def _opened(credentials: Login, trust: Trust | None) -> str:
    """What curl is told of TLS and of who asks."""
    match credentials:
        case Password(subject, secret):
            proof = f"--user {shlex.quote(f'{subject}:{secret}')}"
        case Bearer(token):
            proof = f"--oauth2-bearer {token}"
    files = "".join(f" --{name} {shlex.quote(str(path))}" for name, path in _files(trust))
    return f"{files} {proof}"


def _files(trust: Trust | None) -> Iterator[tuple[str, Path | str]]:
    if trust is not None and trust.ca is not None:
        yield "cacert", trust.ca
    if trust is not None and trust.mutual:
        yield from (("cert", CERT), ("key", KEY))


def context(trust: Trust | None) -> list[str]:
    """Lines that make what Python needs beyond the system's trust; none where that is enough."""
    if trust is None or (trust.ca is None and not trust.mutual):
        return []
    ca = "" if trust.ca is None else f"cafile={json.dumps(str(trust.ca))}"
    own = [f'context.load_cert_chain("{CERT}", "{KEY}")'] if trust.mutual else []
    return [f"context = ssl.create_default_context({ca})", *own]
