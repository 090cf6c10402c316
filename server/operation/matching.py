"""Which route answers a request, before it is answered."""

from __future__ import annotations

from starlette.routing import Match
from starlette.types import Scope

_ROUTE = "memprobe.route"


def route_of(scope: Scope) -> tuple[str, str] | None:
    """Returns the method and /path/{of}/the/route that will answer, None where none will; looked up once a request."""
    if _ROUTE not in scope:
        full = (route.path for route in scope["app"].routes if route.matches(scope)[0] is Match.FULL)
        path = next(full, None)
        method = scope.get("method", "WEBSOCKET").replace("HEAD", "GET")
        scope[_ROUTE] = None if path is None else (method, path)
    found: tuple[str, str] | None = scope[_ROUTE]
    return found
