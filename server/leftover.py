"""Lets a client hear why it is refused: a connection that is closed on what it still sends is reset, and the answer
lost with it. What is left of a body is read and dropped before an answer begins, for a while.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS, _MOST = 2.0, 64 << 20  # what is dropped at most; whoever sends more does not listen


class Leftover:
    """ASGI middleware, the outermost of those that may answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        sends = b"content-length" in headers or b"transfer-encoding" in headers
        # one that waits to be told to go on has sent nothing
        if scope["type"] != "http" or not sends or b"expect" in headers:
            await self._app(scope, receive, send)
            return
        over = False

        async def watched() -> Message:
            nonlocal over
            message = await receive()
            over = not message.get("more_body", False)
            return message

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and not over:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_SECONDS):
                        left = _MOST
                        while left > 0 and not over:
                            left -= len((await watched()).get("body", b""))
            await send(message)

        await self._app(scope, watched, answer)
