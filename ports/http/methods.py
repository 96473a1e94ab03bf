"""Which methods an address takes, and HEAD as the GET of which nothing is read. Touches the routing table only."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, Request
from starlette.routing import Route
from starlette.types import Scope

_HEAD = "outport.head"


class Methods:
    """The methods of every address of some routers."""

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        self._routes = tuple(route for router in routers for route in router.routes if isinstance(route, Route))

    def of(self, path: str) -> tuple[str, ...]:
        """The methods that `path` takes, OPTIONS and HEAD included, in order; none where nothing is at it."""
        return _ordered({method for route in self._at(path) for method in route.methods or ()})

    def every(self) -> tuple[str, ...]:
        """The methods that any address takes."""
        return _ordered({method for route in self._routes for method in route.methods or ()})

    def handled(self, path: str, method: str) -> bool:
        """Whether a route was there for it: a refusal is then that route's own."""
        return any(method in (route.methods or ()) for route in self._at(path))

    def _at(self, path: str) -> list[Route]:
        found = [route for route in self._routes if route.path_regex.match(path)]
        # `/-/` holds what is no table, so that an address of tables and keys that fits it too means nothing.
        return [route for route in found if "/-/" in route.path] or found


def as_get(scope: Scope) -> Scope:
    """A HEAD request as the GET that it stands for, any other as it is. The server leaves the body out."""
    return {**scope, "method": "GET", _HEAD: True} if scope["method"] == "HEAD" else scope


def is_head(request: Request) -> bool:
    """Whether only the headers of the answer are asked for."""
    return bool(request.scope.get(_HEAD))


def _ordered(methods: set[str]) -> tuple[str, ...]:
    if not methods:
        return ()
    every = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    return tuple(sorted(every))
