"""HTTP on a socket as uvicorn's h11 protocol speaks it, with patience that ends.

A request's headers must be there within some seconds and some bytes; a body must keep coming, and an answer must be
taken, at some rate; whoever is answered before his body was read can still read the answer. h11, not httptools: its
parser bounds what it holds of a message that is not complete.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from server.errors import envelope
from server.wire.answering import CROWDED
from server.wire.lingering import Lingering

_BUFFER = 65_536  # bytes that asyncio holds of an answer before it asks to wait
_LOOK = 256  # bytes by which headers may be longer than they may
_STATUSES = {431: "Request Header Fields Too Large", 408: "Request Timeout", 400: "Bad Request"}


@dataclass(frozen=True, slots=True)
class Patience:
    """Limits of a connection; settings of the same names say what they are."""

    header_seconds: float
    header_bytes: int
    body_seconds: float
    body_rate: int
    connections: int


class Patient(H11Protocol):
    """One connection. What it waits for, and until when, is decided anew after everything that comes."""

    transport: Lingering

    def __init__(self, *arguments: Any, patience: Patience, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._patience = patience
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._awaited: object = None  # the state of the client that the timer is for
        self._since, self._bytes, self._refused = 0.0, 0, False

    # what comes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(Lingering(cast(asyncio.Transport, transport), self._unread, self.loop))
        if len(self.connections) > self._patience.connections:
            self.app_state = {**self.app_state, CROWDED: True}
        self._await(h11.IDLE)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():  # what still comes is read so that the client can read, too
            return
        self._bytes += len(data)
        while data and not self.transport.is_closing():
            # headers in pieces: h11 looks at its bound only where what it was given ends
            size = self._unbound() if self.conn.their_state is h11.IDLE else len(data)
            super().data_received(data[:size])
            data = data[size:]

    def _unbound(self) -> int:
        """Returns how many bytes of headers may come until h11 must look."""
        return max(_LOOK, self._patience.header_bytes - len(self.conn.trailing_data[0]))

    def handle_events(self) -> None:
        super().handle_events()
        self._await(self.conn.their_state)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport.lost = True
        for timer in (self._timer, self._stalled):
            if timer:
                timer.cancel()
        super().connection_lost(exc)

    # headers and bodies that do not come

    def _await(self, state: object) -> None:
        """Begins to wait for a request's headers (IDLE) or its body (SEND_BODY), or for nothing."""
        idle = state is h11.IDLE and self.cycle is not None and not self.conn.trailing_data[0]
        wanted = None if idle or state not in (h11.IDLE, h11.SEND_BODY) else state  # keep-alive has its own timer
        if wanted is self._awaited:
            return
        if self._timer:
            self._timer.cancel()
        self._timer, self._awaited = None, wanted
        if wanted is not None:
            self._since, self._bytes = self.loop.time(), 0
            self._timer = self.loop.call_later(self._allowed(), self._late)

    def _allowed(self) -> float:
        if self._awaited is h11.IDLE:
            return self._patience.header_seconds
        return self._patience.body_seconds + self._bytes / self._patience.body_rate

    def _late(self) -> None:
        now = self.loop.time()
        if self._awaited is h11.SEND_BODY and self.flow.read_paused:  # it is we who do not read
            self._since = now
        if (left := self._since + self._allowed() - now) > 0:
            self._timer = self.loop.call_later(left, self._late)
        elif self._awaited is h11.IDLE and not self.conn.trailing_data[0]:
            self.transport.close()  # nothing was asked
        elif self._awaited is h11.IDLE:
            most = self._patience.header_seconds
            self._refuse(408, f"The headers were not complete within {most:g} seconds.", "header_timeout")
        else:
            most, rate = self._patience.body_seconds, self._patience.body_rate
            message = f"The body came too slowly: {most:g} seconds are allowed, and one more for every {rate:,} bytes."
            self._refuse(408, message, "body_timeout")

    # answers that nobody takes

    def pause_writing(self) -> None:
        super().pause_writing()
        if not self._stalled:
            seconds = self._patience.body_seconds + _BUFFER / self._patience.body_rate
            self._stalled = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled:
            self._stalled.cancel()
            self._stalled = None

    # refusals

    def send_400_response(self, msg: str) -> None:
        """Called while the parser's error is being handled."""
        status = getattr(sys.exception(), "error_status_hint", 400)
        if status == 431:
            limit = self._patience.header_bytes
            self._refuse(431, f"The headers are longer than {limit:,} bytes: send fewer.", "headers_too_large")
        else:
            self._refuse(400, "This is no valid HTTP request.", "invalid_http")

    def _refuse(self, status: int, message: str, code: str) -> None:
        answered = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not answered:
            answer = envelope(status, message, code, headers={"Connection": "close"})
            reply = h11.Response(status_code=status, headers=answer.raw_headers, reason=_STATUSES[status])
            with suppress(h11.LocalProtocolError):  # HEAD takes no body
                for event in (reply, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(event) or b"")
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # whoever works on it is told that nobody waits
            self.cycle.message_event.set()
        self.transport.close()

    def _unread(self) -> bool:
        """Whether more of a request may come that nobody reads."""
        return self._refused or self.conn.their_state in (h11.SEND_BODY, h11.ERROR)

    def shutdown(self) -> None:
        with suppress(h11.LocalProtocolError):  # refused, and still lingering
            super().shutdown()


def speaking(patience: Patience) -> Callable[..., Patient]:
    """Returns what makes a connection."""

    def make(*arguments: Any, **named: Any) -> Patient:
        return Patient(*arguments, patience=patience, **named)

    return make
