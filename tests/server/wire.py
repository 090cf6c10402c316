"""Bytes to a server and bytes from it: what no HTTP client would send."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

JSON = b"POST /v1/probe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CLOSE = b"Connection: close\r\n"


@dataclass(frozen=True)
class Heard:
    """raw: all that came until the server closed the connection, or was silent for a while."""

    raw: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        return [int(part[:3]) for part in self.raw.split(b"HTTP/1.1 ")[1:]]

    @property
    def error(self) -> dict[str, Any]:
        """The envelope of the only answer."""
        found: dict[str, Any] = json.loads(self.raw.partition(b"\r\n\r\n")[2])["error"]
        return found


def sized(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def chunked(pieces: Iterable[bytes]) -> bytes:
    parts = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return b"Transfer-Encoding: chunked\r\n\r\n" + parts + b"0\r\n\r\n"


def form(**fields: str) -> bytes:
    """Returns the body of a form up to the content of its file."""
    parts = [_PART % (name.encode(), b"", value.encode()) for name, value in fields.items()]
    return b"\r\n".join([*parts, _PART % (b"file", b'; filename="a.jsonl"', b"")])


_PART = b'--B\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s'


def say(port: int, *parts: bytes, silence: float = 20.0) -> Heard:
    """Sends all parts before it listens, as plain clients do."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=silence) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            while piece := connection.recv(1 << 16):
                found += piece
        except TimeoutError:
            return Heard(found, closed=False)
        except OSError:  # closed on what was being sent
            pass
    return Heard(found, closed=True)
