"""What an issuer tells of itself at its well-known address: which addresses are whose. Touches the network by fetch.py.

Source: OpenID Connect Discovery 1.0, 3 and 4.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.access.fetch import FetchError, fetch, fit, loopback


def discovered(issuer: str, authorities: Path | None) -> dict[str, Any]:
    """The issuer's discovery document. Raises FetchError, also where it is of another issuer."""
    said = document(fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration", authorities))
    if said.get("issuer") != issuer:
        raise FetchError("its discovery document is of another issuer")
    return said


def address(said: Mapping[str, Any], name: str, issuer: str) -> str:
    """The address that the document `said` names so. Raises FetchError for none that may be asked."""
    url = said.get(name)
    if not isinstance(url, str) or not fit(url) or (loopback(url) and not loopback(issuer)):
        raise FetchError(f"its discovery document names no {name} that may be asked")
    return url


def document(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises FetchError for anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise FetchError("it is not JSON") from error
    if not isinstance(found, dict):
        raise FetchError("it is no JSON object")
    return found
