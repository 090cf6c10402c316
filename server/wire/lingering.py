"""The end of a connection whose client still sends: what comes is thrown away for a moment, so that the answer arrives.

Closed at once, the kernel would answer what comes with a reset, and the client's kernel would drop the answer unread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

SECONDS = 2.0


class Lingering(asyncio.Transport):
    """A transport around another; `unread` says whether more may come that nobody reads."""

    def __init__(
        self, transport: asyncio.Transport, unread: Callable[[], bool], loop: asyncio.AbstractEventLoop
    ) -> None:  # fmt: skip
        super().__init__()
        self._transport, self._unread, self._loop = transport, unread, loop
        self._closing = self.lost = False

    def close(self) -> None:
        if self.lost or not self._unread():
            self._transport.close()
        elif not self._closing:
            self._closing = True
            self._transport.resume_reading()
            try:
                if self._transport.can_write_eof():
                    self._transport.write_eof()
            except OSError:  # the client is gone already
                self._transport.close()
            self._loop.call_later(SECONDS, self._transport.close)

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def abort(self) -> None:
        self._transport.abort()

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._closing:
            self._transport.write(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._transport.get_protocol()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)
