"""Refuses a body before it is held: too large, announced or not, or packed, so that nobody knows its size.

How slowly it may come is for the protocol to say (protocol.py).
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import refusal
from server.operation.matching import takes_body

UPLOADS = ("/v1/files", "/v1/documents")
_PACKED = "Send the body as it is, without Content-Encoding; an upload may be a file that ends in .gz or .zst"


class BodyLimit:
    """ASGI middleware: 413 for more than `limit` bytes, 415 for what is packed. Uploads have a limit of their own, and
    go to disk piece by piece.
    """

    def __init__(self, app: ASGIApp, limit: int, uploads: int) -> None:
        self._app, self._limit, self._uploads = app, limit, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = scope["path"] in UPLOADS and scope["method"] == "POST"
        try:
            body = _Body(scope, receive, self._uploads if upload else self._limit)
            inner = body.receive if upload else await body.whole() if takes_body(scope) else body.none()
        except HTTPException as refused:
            await refusal(refused)(scope, receive, send)
            return
        await self._app(scope, inner, send)  # what an upload's reader is told there is answered there


class _Body:
    """What a client sends, counted."""

    def __init__(self, scope: Scope, receive: Receive, limit: int) -> None:
        """Raises HTTPException for what the headers tell."""
        headers = dict(scope["headers"])
        self._receive, self._limit, self._size = receive, limit, 0
        self._over = b"content-length" not in headers and b"transfer-encoding" not in headers
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise HTTPException(415, _PACKED)
        announced = headers.get(b"content-length", b"0")
        self._check(int(announced) if announced.isdigit() else 0)

    async def receive(self) -> Message:
        """Returns the next piece. Raises HTTPException."""
        if self._over:
            return await self._receive()
        message = await self._receive()
        self._size += len(message.get("body", b""))
        self._over = not message.get("more_body", False)
        self._check(self._size)
        return message

    def none(self) -> Receive:
        """Returns what gives an empty body: whoever sends one to a route that takes none is answered without it."""
        return self._replay({"type": "http.request", "body": b"", "more_body": False})

    async def whole(self) -> Receive:
        """Reads all of it; returns what gives it as one message, for a client may send it byte by byte."""
        content, gone = bytearray(), False
        while not self._over:
            message = await self.receive()
            content += message.get("body", b"")
            gone = message["type"] == "http.disconnect"
        whole = {"type": "http.request", "body": bytes(content), "more_body": False}
        return self._replay({"type": "http.disconnect"} if gone else whole)

    def _replay(self, message: Message) -> Receive:
        waiting = [message]

        async def replay() -> Message:
            return waiting.pop() if waiting else await self._receive()

        return replay

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise HTTPException(
                413, f"The body is larger than {self._limit:,} bytes; send fewer or shorter texts per request"
            )
