"""Which route answers a request, before it is answered."""

from __future__ import annotations

from starlette.routing import BaseRoute, Match
from starlette.types import Scope

_ROUTE = "memprobe.route"


def route_of(scope: Scope) -> tuple[str, str] | None:
    """Returns the method and /path/{of}/the/route that will answer, None where none will."""
    path = getattr(_found(scope), "path", None)
    return None if path is None else (scope.get("method", "WEBSOCKET").replace("HEAD", "GET"), path)


def takes_body(scope: Scope) -> bool:
    """Whether the route that will answer reads a body."""
    return getattr(_found(scope), "body_field", None) is not None


def _found(scope: Scope) -> BaseRoute | None:
    """Returns the route, looked up once a request."""
    if _ROUTE not in scope:
        full = (route for route in scope["app"].routes if route.matches(scope)[0] is Match.FULL)
        scope[_ROUTE] = next(full, None)
    found: BaseRoute | None = scope[_ROUTE]
    return found
