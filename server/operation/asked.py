"""One request as logs and metrics know it: an id, a route, counts; nothing that a caller wrote but that id."""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import uuid4

from starlette.types import Scope

from server.operation.matching import route_of

HEADER = "X-Request-ID"
NOWHERE = "none"  # the route of a path that leads nowhere, which is the caller's own words
_WELL_FORMED = re.compile(rb"[A-Za-z0-9_-]{8,64}")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"))
_current: ContextVar[Asked | None] = ContextVar("asked", default=None)


@dataclass(slots=True)
class Asked:
    """counts: what is known of its size, such as texts and tokens."""

    id: str
    method: str
    route: str
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, scope: Scope) -> Asked:
        """Takes the caller's id where it is one: letters, digits, dashes, 8 to 64 of them."""
        given = dict(scope["headers"]).get(HEADER.lower().encode(), b"")
        name = given.decode() if _WELL_FORMED.fullmatch(given) else uuid4().hex
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        return cls(name, method, (route_of(scope) or ("", NOWHERE))[1])


def begin(asked: Asked) -> None:
    """Makes it the request that this task, and what it starts, is about."""
    _current.set(asked)


def note(**counts: int) -> None:
    """Adds to what is known of the request that is being answered, if one is."""
    if asked := _current.get():
        asked.counts |= counts


def request_id() -> str | None:
    """Returns the id of the request that is being answered."""
    return asked.id if (asked := _current.get()) else None
