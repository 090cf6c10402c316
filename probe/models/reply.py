"""One exchange with a server that nobody here vouches for: bounded in time and in size, whatever it does.

A client's time-outs are of each read and write, so that a server which drips bytes never meets one; and a few bytes of
gzip, or of brackets, may stand for gigabytes.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeVar

import httpx2

DRIPPING = 2  # time-outs that one exchange may take in all
_LONGEST = 30.0  # seconds: the most that a Retry-After is heeded
_ROOM, _PER_TOKEN = 4 * 2**20, 1024  # bytes of an answer, unpacked: any, and more for each token that it speaks of
_PART = 2**16  # bytes that are unpacked at once
_MENTIONED = 200  # characters of the server's own that a message holds
ENCODINGS = {"Accept-Encoding": "gzip"}  # what can be unpacked here
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Reply:
    """value: what the JSON holds; None, where `fault` says what is wrong. pause: seconds that the server asks for."""

    status: int
    value: Any = None
    fault: str | None = None
    pause: float = 0.0


def exchange(client: httpx2.Client, method: str, address: str, body: Any = None, tokens: int = 0) -> Reply:
    """Sends and reads. tokens: that the answer speaks of. Raises RequestError, and UnicodeEncodeError for the body."""
    total = DRIPPING * (client.timeout.read or 0)
    until, most = time.monotonic() + total, _ROOM + _PER_TOKEN * tokens

    def run() -> Reply:
        with client.stream(method, address, json=body) as answer:
            return _read(answer, most, until)

    return _within(total, run)


def parse(content: bytes) -> Any:
    """Raises ValueError for what is no JSON, or nests deeper than can be read."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _within(seconds: float, run: Callable[[], _Result]) -> _Result:
    """Runs in a thread that is left behind where it takes too long: it ends with the client that it uses."""
    result: Future[_Result] = Future()

    def work() -> None:
        try:
            result.set_result(run())
        except BaseException as error:
            result.set_exception(error)

    Thread(target=work, daemon=True).start()
    try:
        return result.result(seconds)
    except TimeoutError as error:
        raise httpx2.ReadTimeout("the answer does not end") from error


def _read(answer: httpx2.Response, most: int, until: float) -> Reply:
    status, parts, size = answer.status_code, list[bytes](), 0
    for part in _parts(answer):
        parts.append(part)
        size += len(part)
        if size > most:
            return Reply(status, fault=f"its answer is larger than {most / 2**20:,.0f} MB")
        if time.monotonic() > until:
            raise httpx2.ReadTimeout("the answer does not end")
    if answer.has_redirect_location:
        return Reply(status, fault=_moved(answer))
    if status >= 300:
        return Reply(status, fault=f"status {status}", pause=_asked_pause(answer))
    try:
        return Reply(status, parse(b"".join(parts)))
    except ValueError:
        return Reply(status, fault="its answer is no JSON")


def _parts(answer: httpx2.Response) -> Iterator[bytes]:
    """Yields the content, unpacked in small parts. Raises DecodingError."""
    packing = answer.headers.get("content-encoding", "identity").lower()
    if packing not in ("identity", "gzip"):
        raise httpx2.DecodingError("an encoding that was not asked for")
    if packing == "identity":
        yield from answer.iter_raw()
        return
    unpacking = zlib.decompressobj(wbits=31)
    try:
        for packed in answer.iter_raw():
            rest = packed
            while rest and not unpacking.eof:
                yield unpacking.decompress(rest, _PART)
                rest = unpacking.unconsumed_tail
        yield unpacking.flush()
    except zlib.error as error:
        raise httpx2.DecodingError("no gzip") from error


def _moved(answer: httpx2.Response) -> str:
    """A redirect is not followed: the texts, and the key, were meant for the address that was named."""
    where = "".join(filter(str.isprintable, answer.headers["location"]))[:_MENTIONED]
    return f"it redirects (status {answer.status_code}) to {where}; name the address that this leads to"


def _asked_pause(answer: httpx2.Response) -> float:
    """Returns the seconds that the server asks to wait; dates, and anything else, count as none."""
    asked = answer.headers.get("retry-after", "")
    return min(float(asked), _LONGEST) if asked.isascii() and asked.isdigit() else 0.0
