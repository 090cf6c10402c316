"""The end of a connection whose client still sends, or is gone already; on real sockets."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from server.wire import lingering
from server.wire.lingering import Lingering


class Received(asyncio.Protocol):
    """The server's end."""

    def __init__(self) -> None:
        self.data, self.lost = b"", asyncio.Event()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


Scenario = Callable[[socket.socket, Received], Coroutine[Any, Any, None]]


def run(scenario: Scenario) -> None:
    """Runs it with a client's socket and the other end of its connection."""

    async def whole() -> None:
        made: asyncio.Queue[Received] = asyncio.Queue()

        def make() -> Received:
            made.put_nowait(received := Received())
            return received

        async with await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0) as server:
            with socket.create_connection(server.sockets[0].getsockname(), 30) as client:
                client.settimeout(30)
                received = await made.get()
                await asyncio.sleep(0)
                await scenario(client, received)
                await asyncio.wait_for(received.lost.wait(), 30)

    asyncio.run(whole())


def around(received: Received, unread: bool) -> Lingering:
    return Lingering(received.transport, lambda: unread, asyncio.get_running_loop())


def test_a_client_that_still_sends_reads_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "SECONDS", 0.5)

    async def scenario(client: socket.socket, received: Received) -> None:
        transport = around(received, unread=True)
        transport.write(b"refused")
        transport.close()
        transport.close()
        transport.write(b"and nothing more")
        assert transport.is_closing()
        await asyncio.to_thread(client.sendall, b"x" * 1_000_000)
        assert await asyncio.to_thread(client.recv, 100) == b"refused"
        assert await asyncio.to_thread(client.recv, 100) == b""

    run(scenario)


def test_one_whose_request_is_read_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "SECONDS", 1000)

    async def scenario(client: socket.socket, received: Received) -> None:
        transport = around(received, unread=False)
        transport.write(b"answered")
        transport.close()
        assert await asyncio.to_thread(client.recv, 100) == b"answered"

    run(scenario)


def test_one_that_is_gone_already_is_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "SECONDS", 1000)

    async def scenario(client: socket.socket, received: Received) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        with pytest.raises(OSError, match="not connected"):
            received.transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
        around(received, unread=True).close()

    run(scenario)
