"""Refuses a body that is too large before it is held in memory."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import envelope


class BodyLimit:
    """ASGI middleware: 413 for more than `limit` bytes, whether announced or not."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._limit:
            await self._refuse(scope, receive, send)
            return
        body: list[Message] = []
        size, more = 0, True
        while more:
            message = await receive()
            body.append(message)
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
            if size > self._limit:
                await self._refuse(scope, receive, send)
                return

        async def replay() -> Message:
            return body.pop(0) if body else await receive()

        await self._app(scope, replay, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = f"The body is larger than {self._limit:,} bytes; send fewer or shorter texts per request."
        await envelope(413, message, "body_too_large", headers={"Connection": "close"})(scope, receive, send)
