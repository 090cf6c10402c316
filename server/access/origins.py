"""Keeps pages of other sites out: a browser names the host that it asked and the site that it asks for.

Without keys only the machine's own names are answered: a page whose name is made to point here (DNS rebinding) still
says its own name. With keys any name is, unless some are listed; a key is nothing that a browser adds by itself.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from server.access.opening import LOCAL_NAMES, Access
from server.errors import envelope

_HEALTH = ("/healthz", "/readyz")  # supervisors on this machine ask them, under whatever name; nothing secret is told
_FOREIGN = "Pages of another site may not ask this service (MEMPROBE_ALLOWED_ORIGINS)."


class Origins:
    """ASGI middleware: 403 for a foreign Host or Origin."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else ""
        if refusal:
            await envelope(403, refusal, "foreign_origin")(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str:
        headers = {name: value.decode("latin-1").lower() for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        names = self._names(scope["path"])
        if names and _name(host) not in names:
            return "This service is not known by this name of a host (MEMPROBE_ALLOWED_HOSTS)."
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc != host and origin not in self._access.origins:
            return _FOREIGN
        if origin is None and headers.get(b"sec-fetch-site") in ("cross-site", "same-site") and not _navigates(headers):
            return _FOREIGN  # a request of a page that says no origin: an image, a script, a form of another site
        return ""

    def _names(self, path: str) -> frozenset[str]:
        """Returns the hosts that are answered, none for any."""
        try:
            if not self._access.required:
                return LOCAL_NAMES | self._access.hosts
            local = LOCAL_NAMES if self._access.hosts and path in _HEALTH else frozenset[str]()
            return self._access.hosts | local
        except Exception:  # a file of keys that cannot be read is told by the guard, to this machine's own names only
            return LOCAL_NAMES


def _navigates(headers: dict[bytes, str]) -> bool:
    """True where somebody followed a link to a page of ours."""
    return headers.get(b"sec-fetch-mode") == "navigate" and headers.get(b"sec-fetch-dest") == "document"


def _name(host: str) -> str:
    """Returns the name without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
