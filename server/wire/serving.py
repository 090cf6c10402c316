"""The service on its socket: uvicorn with our protocol and our logs, and an end that finishes what is open.

SIGTERM or Ctrl-C: no new connection is taken, streams end and the scans' worker hands back its task at once; open
requests have the grace to be answered, and the job that runs has what is left of it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import socket
from contextlib import suppress
from types import FrameType
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from probe.config import Settings
from probe.logs import described, install
from server.service import Service
from server.wire.protocol import Patience, speaking

_FILES = 1024  # that the service opens beside its connections
_LOG = logging.getLogger(__name__)


def serve(app: FastAPI, settings: Settings, level: str = "info") -> None:
    """Serves until SIGTERM or Ctrl-C."""
    install(settings.log_format, level)
    _allow_files(settings.connections)
    patience = Patience(
        settings.header_seconds, settings.header_bytes, settings.body_seconds, settings.body_rate, settings.connections
    )
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, http=cast(Any, speaking(patience)), ws="none", log_config=None,
        log_level=level, access_log=False, server_header=False, backlog=settings.backlog,
        h11_max_incomplete_event_size=settings.header_bytes, timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.grace_seconds,
    )  # fmt: skip
    service: Service = app.state.service
    with suppress(KeyboardInterrupt):
        Server(config, service).run()  # and raises SIGTERM again, which ends any process but the first of a container
    if service.hangs:  # the interpreter would wait for its thread
        os._exit(1)


class Server(uvicorn.Server):
    """uvicorn's server, which tells the service of its end at once."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(_unhandled)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.end()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit and sig == signal.SIGINT:  # Ctrl-C again: at once, whatever is still open
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        super().handle_exit(sig, frame)


def _unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """asyncio's own handler would write out the exception's message, and what callbacks were called with."""
    _LOG.error("An error in the event loop.", extra={"facts": {"error": described(context.get("exception"))}})


def _allow_files(connections: int) -> None:
    """Raises the process's limit of open files to what the connections need, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        _LOG.warning(
            "Only %d files may be open, %d are wanted: raise the limit (ulimit -n), or lower MEMPROBE_CONNECTIONS.",
            allowed, wanted,
        )  # fmt: skip
