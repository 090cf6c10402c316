"""Servers that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from probe.models import metered
from tests.textonly.serving import Running, Server, free_port

Serve = Callable[..., tuple[str, Running]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server, on a port if one is named; gives its address."""
    ended: list[Running] = []

    def start(server: Server, port: int | None = None) -> tuple[str, Running]:
        port = port or free_port()
        ended.append(Running(server.app, port))
        return f"http://127.0.0.1:{port}/v1", ended[-1]

    yield start
    for running in ended:
        running.end()


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metered, "_BACKOFF", 0.01)
    monkeypatch.setattr(metered, "_LONGEST", 0.05)
