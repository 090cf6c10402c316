"""Reads a document in a process of its own, which has an end in time and memory whatever the file does to its reader.

python -m probe.documents.apart .ENDING: bytes on stdin, JSON on stdout, {"document": ...} or {"error": ...}
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePath
from threading import Thread
from typing import IO, Any

from probe.documents.document import Document
from probe.documents.limits import BYTES, MEMORY, SECONDS, check
from probe.documents.read import kind_of, read_bytes
from probe.errors import InputError
from probe.wanted import still_wanted

_LOOK = 0.1  # seconds between two looks whether the document is still wanted


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
    """Raises InputError for what is broken, locked, without text, too large, or takes too long. The process ends with
    what is raised here: it outlives nobody who waits for it.
    """
    ending = kind_of(name)
    check("bytes", len(content), BYTES)
    command = [sys.executable, "-P", "-m", "probe.documents.apart", ending]
    with subprocess.Popen(  # noqa: S603 - words of our own
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            said = _said(process, content, seconds)
        finally:
            process.kill()
    try:
        found = json.loads(said)
    except ValueError as error:  # it was ended: by its memory, or by what the file did to its reader
        raise InputError(
            "The document cannot be read within its limits: it is damaged or built to harm.", "file"
        ) from error
    if "error" in found:
        raise InputError(found["error"], "file")
    return replace(Document.from_json(found["document"]), name=PurePath(name).name)


def _said(process: subprocess.Popen[bytes], content: bytes, seconds: float) -> bytes:
    """Returns what the process writes, given this to read. Raises InputError, and what tells that nobody waits."""
    until, given = time.monotonic() + seconds, process.stdin
    process.stdin = None  # or `communicate`, asked again, would leave out what was not written the first time
    Thread(target=_give, args=(given, content), daemon=True).start()
    while time.monotonic() < until:
        still_wanted()
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=min(_LOOK, seconds))[0]
    raise InputError(f"Reading the document takes more than {seconds:g} s: split it.", "file")


def _give(pipe: IO[bytes], content: bytes) -> None:
    with suppress(OSError), pipe:  # it was ended meanwhile
        pipe.write(content)


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
