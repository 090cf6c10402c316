"""Who asked what, a line of JSON each: hashes of texts, never a text.

A plain hash of a telephone number is found by trying all numbers, so hashes are keyed (HMAC-SHA256) by a secret beside
the file. Whoever has both, and a text, can tell who asked about it.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from probe.access.belonging import give
from probe.errors import InputError


class Record:
    """A file that only grows, readable by its owner only; whoever rotates it may move it away at any time."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError where it cannot be written: a service that cannot say who asked does not start."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path, self._secret, self._lock = folder / "audit.jsonl", _secret(folder / "audit.key"), threading.Lock()
        os.close(self._open())

    def hasher(self) -> hmac.HMAC:
        return hmac.new(self._secret, digestmod="sha256")

    def hashed(self, text: str) -> str:
        found = self.hasher()
        found.update(text.strip().encode("utf-8", "surrogatepass"))  # white space around a text is not part of it
        return found.hexdigest()

    def note(self, facts: Mapping[str, Any], hashes: Sequence[str] = ()) -> None:
        """Adds a line, with the hash of every text: what a request may hold bounds it."""
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **facts}
        if hashes:
            line |= {"texts": len(hashes), "hashes": list(hashes)}
        written = (json.dumps(line) + "\n").encode()
        with self._lock, os.fdopen(self._open(), "ab") as file:  # os.write may stop half way through a long line
            file.write(written)

    def lines(self, key: str = "", text: str | None = None) -> Iterator[dict[str, Any]]:
        """Yields the lines of a key, or that tell of a text. Raises InputError for a line that is none."""
        hashed = None if text is None else self.hashed(text)
        with self.path.open(encoding="utf-8") as file:
            for number, row in enumerate(file, 1):
                try:
                    line: dict[str, Any] = json.loads(row)
                except ValueError as error:
                    raise InputError(f"Line {number} of {self.path} is not as it was written.") from error
                if (not key or line.get("key") == key) and (hashed is None or hashed in line.get("hashes", ())):
                    yield line

    def _open(self) -> int:
        mode = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            file = os.open(self.path, mode | os.O_EXCL, 0o600)  # what a link leads to is given to nobody
        except FileExistsError:
            return os.open(self.path, mode, 0o600)
        give(file, self.path.parent)
        return file


def _secret(path: Path) -> bytes:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            give(file.fileno(), path.parent)
            file.write(secrets.token_bytes(32))
    except FileExistsError:
        pass
    return path.read_bytes()
