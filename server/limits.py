"""Refuses a body that is too large before it is held in memory."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import envelope

UPLOADS = ("/v1/files", "/v1/documents")


class BodyLimit:
    """ASGI middleware: 413 for more than `limit` bytes, whether announced or not. Uploads have a limit of their own,
    and go to disk piece by piece.
    """

    def __init__(self, app: ASGIApp, limit: int, uploads: int) -> None:
        self._app, self._limit, self._uploads = app, limit, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        upload = scope["path"] in UPLOADS and scope["method"] == "POST"
        limit = self._uploads if upload else self._limit
        if announced.isdigit() and int(announced) > limit:
            await self._refuse(scope, receive, send, limit)
            return
        if upload:
            await self._app(scope, _counted(receive, limit), send)
            return
        body: list[Message] = []
        size, more = 0, True
        while more:
            message = await receive()
            body.append(message)
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
            if size > self._limit:
                await self._refuse(scope, receive, send, limit)
                return

        async def replay() -> Message:
            return body.pop(0) if body else await receive()

        await self._app(scope, replay, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        message = f"The body is larger than {limit:,} bytes; send fewer or shorter texts per request."
        await envelope(413, message, "body_too_large", headers={"Connection": "close"})(scope, receive, send)


def _counted(receive: Receive, limit: int) -> Receive:
    """Ends a body that grows past the limit as if the client had gone."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        return message if size <= limit else {"type": "http.disconnect"}

    return counted
