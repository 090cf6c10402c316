"""Bytes of an http(s) URL, by the standard library: no redirect is followed, and a silent server is waited for briefly.

A redirect could lead out of what a service may read; who means another address names it.
"""

from __future__ import annotations

import http.client
import io
import shutil
import tempfile
import urllib.request
from contextlib import ExitStack
from typing import Any
from urllib.error import HTTPError, URLError

from probe.errors import InputError

PATIENCE = 30.0  # seconds that a server may be silent


class Interrupted(Exception):
    """The connection broke off: reading again may give the rest, and what was read is not the whole."""


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Makes of a redirect the error that it is here."""


def fetched(url: str, *, whole: bool = False) -> io.BufferedReader[Any]:
    """Opens a URL. whole: its reader seeks, so all of it is kept on disk. Raises InputError, Interrupted."""
    opener = urllib.request.build_opener(_Stay)
    try:
        answer = opener.open(url, timeout=PATIENCE)
    except HTTPError as error:
        moved = f" (it moved to {error.headers.get('Location')}: name that address)" if 300 <= error.code < 400 else ""
        raise InputError(f"{url} cannot be opened: the server answers {error.code}{moved}.") from error
    except (URLError, http.client.HTTPException, OSError, ValueError) as error:
        raise Interrupted(f"{url} cannot be opened: {error}") from error
    stream = io.BufferedReader(_Answer(answer))
    if not whole:
        return stream
    with stream, ExitStack() as stack:  # nothing stays open where it breaks off
        kept: Any = stack.enter_context(tempfile.TemporaryFile())
        shutil.copyfileobj(stream, kept)
        kept.seek(0)
        stack.pop_all()
    return io.BufferedReader(kept)


class _Answer(io.RawIOBase):
    """An answer's bytes; one that ends before its time is no end."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self._answer = answer

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            size = self._answer.readinto(buffer)
        except (OSError, http.client.HTTPException) as error:
            raise Interrupted(f"the connection broke off: {error}") from error
        if not size and self._answer.length:
            raise Interrupted(f"the connection broke off {self._answer.length:,} bytes before the end")
        return size

    def close(self) -> None:
        self._answer.close()
        super().close()
