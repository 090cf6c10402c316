"""How long a connection may take to say what it wants: uvicorn itself waits for the head of a request for ever.

What ends a slow body is limits.py; what ends an idle connection between two requests is uvicorn's timeout_keep_alive.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD = 30.0  # seconds for a request line and all headers to come
RESERVED = 256  # file descriptors that connections leave to files, databases and models


class Patient(H11Protocol):
    """uvicorn's protocol, which closes a connection whose request does not begin within `head` seconds."""

    head: ClassVar[float] = HEAD
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait()
        else:
            self._heard()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        super().connection_lost(exc)

    def _wait(self) -> None:
        """Counts from the first byte of a head, or from the connection: more bytes bring no more time."""
        if self._waiting is None:
            self._waiting = self.loop.call_later(self.head, self.transport.close)

    def _heard(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


def connections() -> int:
    """Returns how many may be open at once, after raising the limit of file descriptors as far as it goes: a database
    that cannot be opened would fail requests that were accepted.
    """
    try:
        import resource
    except ImportError:  # no Unix
        return 1 << 12
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (1 << 16) if soft == resource.RLIM_INFINITY else max(RESERVED, soft - RESERVED)
