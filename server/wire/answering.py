"""The outermost layer: a request gets its id, its answer names it, and one line of the log tells of both.

What nobody foresaw becomes a 500 here, logged without its message, which may quote a text.
"""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from probe.logs import described, saying
from server.errors import crowded, ending, unexpected
from server.operation.asked import HEADER, Asked, begin
from server.operation.metrics import Metrics

GONE = 499  # in logs and metrics, as nginx has it: the client went away, or was given up, before there was an answer
CROWDED = "memprobe.crowded"  # in a connection's state: there are too many of them
_CLOSE = (b"connection", b"close")
_LOG = logging.getLogger(__name__)


class Answering:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked, begun = Asked.of(scope), time.monotonic()
        begin(asked)
        answer = _Answer(scope, receive, send, asked.id)
        with saying(request=asked.id):
            try:
                await self._answer(scope, answer.receive, answer)
            finally:
                self._tell(asked, answer.status or GONE, time.monotonic() - begun)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        if scope.get("state", {}).get(CROWDED):
            await crowded()(scope, receive, answer)
            return
        try:
            await self._app(scope, receive, answer)
        except asyncio.CancelledError:  # the service ends, and its grace is over
            if not answer.status:
                await ending()(scope, receive, answer)
        except Exception as error:
            _LOG.error("An unexpected error.", extra={"facts": {"error": described(error)}})
            if not answer.status:  # else half of an answer is sent, and the server cuts the connection
                await unexpected()(scope, receive, answer)

    def _tell(self, asked: Asked, status: int, seconds: float) -> None:
        self._metrics.answered(asked, status, seconds)
        facts = {"method": asked.method, "route": asked.route, "status": status, "ms": round(1000 * seconds, 1)}
        _LOG.info("Answered.", extra={"facts": facts | asked.counts})


class _Answer:
    """Sends, and remembers the status. A connection of whose request a body is left unread is closed behind the answer:
    what comes on it would have to be read to its end before the next request.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, name: str) -> None:
        self._receive, self._send, self._header = receive, send, (HEADER.lower().encode(), name.encode())
        self._unread = _announced(dict(scope["headers"]))
        self.status: int | None = None

    async def receive(self) -> Message:
        message = await self._receive()
        self._unread = self._unread and bool(message.get("more_body"))
        return message

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            closing = [_CLOSE] if self._unread else []
            message = {**message, "headers": [*message.get("headers", []), self._header, *closing]}
        await self._send(message)


def _announced(headers: dict[bytes, bytes]) -> bool:
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
