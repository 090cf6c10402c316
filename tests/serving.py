"""HTTP servers inside the test process, each in a thread, that end with their test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.system.conftest import free_port


def local(app: FastAPI, raised: bool = True) -> TestClient:
    """Returns a client of this machine; raised: what the service fails with is raised here."""
    return TestClient(
        app, "http://127.0.0.1", client=("127.0.0.1", 50_000), raise_server_exceptions=raised, follow_redirects=True
    )


class Running(uvicorn.Server):
    """uvicorn in a thread."""

    def __init__(self, app: FastAPI, port: int | None = None) -> None:
        self.port = port or free_port()
        self.address = f"http://127.0.0.1:{self.port}/v1"
        super().__init__(uvicorn.Config(app, port=self.port, log_level="critical"))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        for _ in range(100):
            if self.started:
                return
            time.sleep(0.05)
        raise RuntimeError("the server did not start")

    def end(self) -> None:
        self.should_exit = self.force_exit = True
        self.thread.join(10)


Start = Callable[..., Running]


@contextmanager
def servers() -> Iterator[Start]:
    """Gives a function that starts an app, on a port if one is named; all are ended with the context."""
    started: list[Running] = []

    def start(app: FastAPI, port: int | None = None) -> Running:
        started.append(Running(app, port))
        return started[-1]

    try:
        yield start
    finally:
        for running in started:
            running.end()
