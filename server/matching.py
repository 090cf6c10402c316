"""Which route answers a request, before it is answered."""

from __future__ import annotations

from starlette.routing import Match
from starlette.types import Scope


def route_of(scope: Scope) -> tuple[str, str] | None:
    """Returns the method and /path/{of}/the/route that will answer, None where none will."""
    method = scope.get("method", "WEBSOCKET").replace("HEAD", "GET")
    for route in scope["app"].routes:
        if route.matches(scope)[0] is Match.FULL:
            return method, route.path
    return None
