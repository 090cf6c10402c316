"""HTTP by hand: sockets that send what a client library would not."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

PATIENCE = 60.0  # seconds until what does not happen has failed


class Raw:
    """One connection to the loopback."""

    def __init__(self, port: int, window: int | None = None) -> None:
        """window: bytes of answers that the kernel holds here."""
        self.socket = socket.socket()
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def drip(self, data: bytes, every: float) -> bool:
        """Sends byte after byte; returns whether the other end took them all without an answer."""
        self.socket.settimeout(every)
        try:
            for begin in range(len(data)):
                self.socket.sendall(data[begin : begin + 1])
                try:
                    if self.socket.recv(1, socket.MSG_PEEK) is not None:
                        return False
                except TimeoutError:
                    continue
        except OSError:
            return False
        finally:
            self.socket.settimeout(PATIENCE)
        return True

    def answer(self) -> tuple[int, Any]:
        """Returns status and JSON of one answer of known length."""
        head, _, rest = self._until(b"\r\n\r\n").partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        length = int(next(line for line in lines if line.startswith("content-length:")).split(":")[1])
        while len(rest) < length:
            rest += self._some()
        return int(lines[0].split()[1]), json.loads(rest[:length])

    def rest(self) -> bytes:
        """Returns all until the other end closes, or resets, the connection."""
        found, end = bytearray(), time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                part = self.socket.recv(1 << 16)
            except ConnectionResetError:
                return bytes(found)
            if not part:
                return bytes(found)
            found += part
        raise AssertionError("the connection stays open")

    def _until(self, mark: bytes) -> bytes:
        found = b""
        while mark not in found:
            found += self._some()
        return found

    def _some(self) -> bytes:
        part = self.socket.recv(1 << 16)
        assert part, "the connection was closed before the answer"
        return part


def request(path: str, body: bytes | None = None, *headers: str, method: str = "", length: int | None = None) -> bytes:
    """Returns a request's bytes; length: what is announced, where it is not that of the body."""
    lines = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")
