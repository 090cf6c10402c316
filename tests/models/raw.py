"""A real HTTP server that writes what it is told to, byte by byte."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Written = bytes | Iterable[bytes]
Answer = Callable[[str, Any], Written]


def reply(content: Any, status: int = 200, **headers: str) -> bytes:
    """Returns a whole answer; content that is not bytes becomes JSON. Underscores in header names become dashes."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    lines = [f"HTTP/1.1 {status} said", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def drip(begin: bytes) -> Iterator[bytes]:
    """Yields the beginning, and then a letter every twentieth of a second, for half a minute."""
    yield begin
    for _ in range(600):
        time.sleep(0.05)
        yield b"x"


@contextmanager
def raw(answer: Answer) -> Iterator[str]:
    """Gives the address of a server that answers a path and a body with bytes, or with parts of them."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.close_connection = True
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
            said = answer(self.path, body)
            try:
                for part in [said] if isinstance(said, bytes) else said:
                    self.wfile.write(part)
                    self.wfile.flush()
            except OSError:
                return

        do_POST = do_GET  # noqa: N815 - as the base class finds it

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Keeps quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
