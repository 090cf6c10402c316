"""What is answered where the service reports on groups only: what is listed here; no other route, and no new one."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from server.errors import envelope
from server.operation.matching import route_of

GROUPS = "POST /v1/aggregates"
NO_TEXTS = frozenset(  # no answer of these depends on any text
    "GET " + path for path in ("/healthz", "/readyz", "/metrics", "/v1/models", "/openapi.json", "/docs", "/web/{name}")
) | {"POST /v1/session", "DELETE /v1/session"}
_GROUPS_ONLY = (
    "This service reports on groups only, and this path may tell of single texts. Send a cohort to "
    "POST /v1/aggregates; for single texts the operator starts a service with MEMPROBE_REPORTING=texts."
)
_TEXTS = (
    "This service tells of single texts, so that noise on groups would hide nothing. The operator starts one that "
    "reports on groups with MEMPROBE_REPORTING=aggregate."
)


class Reporting:
    """ASGI middleware: 403 for what the mode of reporting forbids, before the body is read."""

    def __init__(self, app: ASGIApp, groups_only: bool) -> None:
        self._app, self._groups_only = app, groups_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = " ".join(route_of(scope) or ()) if scope["type"] != "lifespan" else ""
        if found and self._groups_only and found not in NO_TEXTS | {GROUPS}:
            await envelope(403, _GROUPS_ONLY, "groups_only")(scope, receive, send)
        elif found == GROUPS and not self._groups_only:
            await envelope(403, _TEXTS, "texts_only")(scope, receive, send)
        else:
            await self._app(scope, receive, send)
