"""Which names this server answers to: a page of another name that leads here is none of ours. Pure.

Against DNS rebinding: where everybody on this machine may look as each persona, a page of the web that has its own name
point to this machine must not read what it gets. An address cannot be made to point elsewhere, so each is taken.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from gateway import Settings


class Hosts:
    """The names of one deployment; every one where none is set, but in the demo."""

    def __init__(self, settings: Settings) -> None:
        named = [one.strip() for one in (settings.http_hosts or "").split(",")]
        ours = ["localhost", settings.host, urlsplit(settings.hub_url or "").hostname or ""]
        self._names = frozenset(_plain(one) for one in (*named, *ours) if one)
        self._every = settings.http_hosts is None and not settings.demo

    def takes(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether a request with these headers is for this server."""
        if self._every:
            return True
        given = [value for name, value in headers if name == b"host"]
        return len(given) == 1 and self._known(given[0].decode("latin-1"))

    def _known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return _plain(name) in self._names or _is_address(name)


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
