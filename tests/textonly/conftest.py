"""Servers that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from probe.models import reply, wire
from tests.serving import Running, servers
from tests.textonly.serving import Server

Serve = Callable[..., tuple[str, Running]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server, on a port if one is named; gives its address."""
    with servers() as begin:

        def start(server: Server, port: int | None = None) -> tuple[str, Running]:
            running = begin(server.app, port)
            return running.address, running

        yield start


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_BACKOFF", 0.01)
    monkeypatch.setattr(reply, "_LONGEST", 0.05)
