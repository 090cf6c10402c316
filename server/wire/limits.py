"""Refuses a body before it is held: too large, announced or not, too large for the disk that uploads lie on until they
are read, or packed, so that nobody knows its size.

How slowly it may come is for the protocol to say (protocol.py).
"""

from __future__ import annotations

import logging
import shutil
import tempfile

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from probe.documents.limits import BYTES
from probe.scans.room import FREE, FULL
from server.errors import refusal
from server.operation.matching import takes_body

FORM = 1 << 20  # bytes that the other fields of a form may take beside its file
UPLOADS = {"/v1/files": None, "/v1/documents": BYTES + FORM}  # the most that the route reads, None for no such limit
_HELD = 1 << 20  # bytes of an upload that starlette holds in memory before it goes to disk
_PACKED = "Send the body as it is, without Content-Encoding; an upload may be a file that ends in .gz or .zst"
_LOG = logging.getLogger(__name__)


class BodyLimit:
    """ASGI middleware: 413 for more than `limit` bytes, 415 for what is packed. Uploads have limits of their own, and
    go to disk piece by piece: 507 where it is all but full.
    """

    def __init__(self, app: ASGIApp, limit: int, uploads: int) -> None:
        self._app, self._limit, self._uploads = app, limit, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            inner = await self._inner(scope, receive)
        except HTTPException as refused:
            await refusal(refused)(scope, receive, send)
            return
        await self._app(scope, inner, send)  # what an upload's reader is told there is answered there

    async def _inner(self, scope: Scope, receive: Receive) -> Receive:
        """Returns what gives the body to the route. Raises HTTPException."""
        if scope["path"] in UPLOADS and scope["method"] == "POST":
            return _Upload(scope, receive, min(self._uploads, UPLOADS[scope["path"]] or self._uploads)).receive
        body = _Body(scope, receive, self._limit)
        return await body.whole() if takes_body(scope) else body.none()


class _Body:
    """What a client sends, counted."""

    remedy = "send fewer or shorter texts per request"

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
            raise HTTPException(413, f"The body is larger than {self._limit:,} bytes; {self.remedy}")


class _Upload(_Body):
    """One that goes to disk."""

    remedy = "split the file"
    _looked = 0  # pieces of _HELD that were there at the last look at the disk

    def _check(self, size: int) -> None:
        """size: what came, or all that is announced."""
        super()._check(size)
        if size // _HELD <= self._looked:
            return
        self._looked = self._size // _HELD
        if shutil.disk_usage(tempfile.gettempdir()).free - (size - self._size) < FREE:
            _LOG.error("The disk of temporary files is all but full: an upload is refused.")
            raise HTTPException(507, FULL)
