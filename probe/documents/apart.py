"""Reads a document in a process of its own, which has an end in time and memory whatever the file does to its reader.

python -m probe.documents.apart .ENDING: bytes on stdin, JSON on stdout, {"document": ...} or {"error": ...}
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from probe.documents.document import Document
from probe.documents.limits import BYTES, MEMORY, SECONDS, check
from probe.documents.read import kind_of, read_bytes
from probe.errors import InputError


def read_file(path: Path) -> Document:
    """Raises InputError for what cannot be read."""
    try:
        if not path.is_file():
            raise InputError(f"{path} is no file.", "file")
        check("bytes", path.stat().st_size, BYTES)
        return read_apart(path.read_bytes(), path.name)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "file") from error


def read_apart(content: bytes, name: str, seconds: float = SECONDS) -> Document:
    """Raises InputError for what is broken, locked, without text, too large, or takes too long."""
    ending = kind_of(name)
    check("bytes", len(content), BYTES)
    command = [sys.executable, "-P", "-m", "probe.documents.apart", ending]
    try:
        done = subprocess.run(  # noqa: S603 - words of our own
            command, input=content, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"Reading the document takes more than {seconds:g} s: split it.", "file") from error
    try:
        found = json.loads(done.stdout)
    except ValueError as error:  # it was ended: by its memory, or by what the file did to its reader
        raise InputError(
            "The document cannot be read within its limits: it is damaged or built to harm.", "file"
        ) from error
    if "error" in found:
        raise InputError(found["error"], "file")
    return replace(Document.from_json(found["document"]), name=PurePath(name).name)


def main() -> None:
    _bound()
    try:
        answer: dict[str, Any] = {"document": read_bytes(sys.stdin.buffer.read(), f"document{sys.argv[1]}").as_json()}
    except InputError as error:
        answer = {"error": str(error)}
    except (MemoryError, RecursionError):
        answer = {"error": "The document takes more memory than it may: split it."}
    except Exception as error:  # whatever a file of a stranger raises; its message may hold text
        answer = {"error": f"The document cannot be read ({type(error).__name__}): it is damaged or built to harm."}
    sys.stdout.write(json.dumps(answer))


def _bound() -> None:
    """Bounds this process's memory and time."""
    try:
        import resource
    except ImportError:  # no Unix: the time is bounded by who began this
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
