"""What nobody foresaw is answered and logged by its kind and place, for its message may hold a text."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from probe.untold import told
from server.errors import internal

_LOG = logging.getLogger(__name__)


class Broken(Exception):
    """An answer that had begun cannot be ended: the server cuts the connection, so that nobody takes it for whole."""


class Quiet:
    """ASGI middleware, the outermost: whatever no handler knows becomes a 500 here, and is logged here alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noticed(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except Exception as error:
            if scope["type"] != "http":  # at start-up: who starts it is told
                raise
            _LOG.error("%s %s failed.\n%s", scope["method"], _route(scope), told(error))
            if begun:
                raise Broken from None
            await internal()(scope, receive, send)


def _route(scope: Scope) -> str:
    """Returns the path of the route, without what the caller put in it."""
    return str(getattr(scope.get("route"), "path", "a request"))


def quieten(loop: asyncio.AbstractEventLoop) -> None:
    """Lets asyncio log what nobody waited for in the same way."""

    def handler(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        _LOG.error("%s%s", context["message"], f"\n{told(error)}" if error else "")

    loop.set_exception_handler(handler)
