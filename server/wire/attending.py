"""Work for a request goes on as long as somebody waits for it, and no longer than it may.

The work runs in a task of its own, so that an answer can be given while a thread of it cannot be ended. Time counts
from the end of the body, which the protocol watches (protocol.py), or from the beginning where the route takes none,
to the beginning of the answer: uploads and streams may take longer.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from probe.logs import described
from server.errors import late
from server.operation.matching import route_of, takes_body

_LOG = logging.getLogger(__name__)
_left: set[asyncio.Task[None]] = set()  # work that was told to end; a task that nobody holds may vanish


class Attending:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send, self._seconds)
        if route_of(scope) and not takes_body(scope):  # else the route is heard reading it
            exchange.begin()
        work = asyncio.create_task(_run(self._app, scope, exchange))
        watch = asyncio.create_task(exchange.watch())
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not (exchange.late or exchange.gone):
                await work
        finally:
            watch.cancel()
            if not work.done():
                exchange.over = True
                _leave(work)
        if exchange.late:
            await late(self._seconds)(scope, receive, send)


class _Exchange:
    """What came of a request, and what was sent. late: its time was over before there was an answer."""

    def __init__(self, receive: Receive, send: Send, seconds: float) -> None:
        self._receive, self._send, self._seconds = receive, send, seconds
        self._whole, self._ended = asyncio.Event(), asyncio.Event()
        self._limit: asyncio.Timeout | None = None
        self._started = self._complete = False
        self.gone = self.late = self.over = False

    def begin(self) -> None:
        """Nothing is read before the work begins."""
        self._whole.set()

    async def receive(self) -> Message:
        if self._whole.is_set():  # from now on the watch is the one that listens
            await self._ended.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        self.gone = message["type"] == "http.disconnect"
        if not message.get("more_body"):
            self._whole.set()
        return message

    async def send(self, message: Message) -> None:
        if self.over or self.late or self.gone:
            return
        if not self._started:
            self._started = True
            if self._limit:
                with suppress(RuntimeError):  # it ran out at this very moment
                    self._limit.reschedule(None)
        self._complete = message["type"] == "http.response.body" and not message.get("more_body")
        await self._send(message)

    async def watch(self) -> None:
        """Returns once the client is gone, the answer is complete, or its time is over."""
        await self._whole.wait()
        try:
            async with asyncio.timeout(None if self._started else self._seconds) as self._limit:
                await self._disconnected()
        except TimeoutError:
            if not self._started:
                self.late = True
                return
            await self._disconnected()
        self.gone = not self._complete
        self._ended.set()

    async def _disconnected(self) -> None:
        while not self.gone and (await self._receive())["type"] != "http.disconnect":
            pass


async def _run(app: ASGIApp, scope: Scope, exchange: _Exchange) -> None:
    await app(scope, exchange.receive, exchange.send)


def _leave(work: asyncio.Task[None]) -> None:
    """Ends work for which nobody waits; what it still raises is told, not lost."""
    _left.add(work)
    work.cancel()
    work.add_done_callback(_buried)


def _buried(task: asyncio.Task[None]) -> None:
    _left.discard(task)
    if not task.cancelled() and (error := task.exception()):
        _LOG.warning("Work that was given up failed.", extra={"facts": {"error": described(error)}})
