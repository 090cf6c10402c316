"""A server's API: requests with bounded tries and growing pauses, and the reason once none is answered.

No message holds a text or a key of the caller's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import httpx2

from probe.errors import ModelError
from probe.models.reply import ENCODINGS, Reply, exchange

TRIES, GIVE_UP = 4, 32  # of one request; texts in a row after which the rest of a call is not asked any more
_BACKOFF = 0.5  # seconds, doubled after each try
_AGAIN = frozenset((408, 429, 500, 502, 503, 504))
_REMEDY = "check that it is up, and that this is its API's base"
_REMEDIES = {
    "status 401": "name its key in MEMPROBE_REMOTE_KEY", "status 403": "name its key in MEMPROBE_REMOTE_KEY",
    "status 404": "check that this is its API's base: it mostly ends in /v1",
    "status 429": "it limits requests: lower MEMPROBE_REMOTE_CONCURRENCY",
    "ReadTimeout": "it accepts requests and does not answer in time: look whether it is overloaded, or still loading",
}  # fmt: skip
Exchange = Callable[[], Reply]


class Refused(ModelError):
    """The server answered that it does not take this request; another may be taken."""


class Wire:
    """One server; usable from several threads. `failures`: tries that failed so far."""

    def __init__(
        self, base: str, key: str | None = None, concurrency: int = 16, timeout: float = 120.0, *,
        name: str = "server", remedies: Mapping[str, str] = _REMEDIES,
    ) -> None:  # fmt: skip
        """timeout: seconds. name, remedies: for messages. The address and key are those that `fault` finds none in."""
        headers = {**ENCODINGS, **({"Authorization": f"Bearer {key}"} if key else {})}
        self.open: Callable[[], httpx2.Client] = partial(
            httpx2.Client, base_url=base.rstrip("/") + "/", headers=headers, timeout=timeout,
            limits=httpx2.Limits(max_connections=concurrency),
        )  # fmt: skip
        self.failures = 0
        self._name, self._remedies = f"the {name} at {base}", remedies

    def send(
        self, client: httpx2.Client, method: str, address: str, body: dict[str, Any] | None = None, *, tokens: int = 0,
        around: Callable[[Exchange], Reply] = lambda run: run(),
    ) -> Any:  # fmt: skip
        """Returns the JSON of the answer. tokens: that it speaks of. around: runs each try.

        Raises Refused, ModelError once all tries are spent, and what `around` does.
        """
        reason, pause = "", 0.0
        for attempt in range(TRIES):
            time.sleep(pause)
            pause = _BACKOFF * 2**attempt
            try:
                reply = around(partial(exchange, client, method, address, body, tokens))
            except httpx2.RequestError as error:
                reason = type(error).__name__
            except UnicodeEncodeError as error:
                raise Refused("the text is not valid Unicode") from error
            else:
                if reply.fault is None:
                    return reply.value
                reason, pause = reply.fault, max(pause, reply.pause)
                if reply.status not in _AGAIN:
                    raise Refused(self._said(reason))
            self.failures += 1
        raise ModelError(self._said(reason))

    def _said(self, reason: str) -> str:
        remedy = "" if ";" in reason else f"; {self._remedies.get(reason, _REMEDY)}"
        return f"{self._name} failed: {reason}{remedy}"


def fault(base: str, key: str | None = None) -> str | None:
    """Returns why no request can be sent to this address, or with this key."""
    try:
        httpx2.URL(base)
    except httpx2.InvalidURL as error:
        return f"{base} is no address ({error}): write http://HOST:PORT/v1."
    if key and not key.isascii():
        return "The bearer key (MEMPROBE_REMOTE_KEY) holds letters beyond ASCII, which no header can carry."
    return None
