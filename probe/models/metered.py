"""Requests to a paid server: bounded tries with growing pauses, every one of them held to a budget.

No message holds a text or a key of the caller's.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import httpx2

from probe.errors import InputError, ModelError
from probe.models.budget import NOTHING, Bill, Meter, Usage
from probe.models.remote import AGAIN, TRIES

_REMEDY = "is it up, and is this its API's base?"
_BACKOFF, _LONGEST = 0.5, 30.0  # seconds: doubled after each try, and the most that a Retry-After is heeded
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)  # nobody bills what never arrived


class Refused(ModelError):
    """The server answered that it does not take this request; another may be taken."""


class Line:
    """A server's API by its base address, and what was spent there. Usable from several threads."""

    def __init__(self, base: str, key: str | None, meter: Meter, concurrency: int, timeout: float) -> None:
        """timeout: seconds. Raises InputError for what is no address."""
        if not base.startswith(("http://", "https://")):
            raise InputError(f"{base or 'nothing'} is no server's address; name one as http://host:8001/v1.", "target")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx2.Limits(max_connections=concurrency)
        try:
            url = httpx2.URL(base.rstrip("/") + "/")
        except httpx2.InvalidURL as error:
            raise InputError(f"{base} is no address: {error}.", "target") from error
        self._open = partial(httpx2.Client, base_url=url, headers=headers, timeout=timeout, limits=limits)
        self._base, self._meter = base, meter

    def open(self) -> httpx2.Client:
        """Returns a client for one run."""
        return self._open()

    def send(self, client: httpx2.Client, path: str, body: dict[str, Any] | None = None, bound: Usage = NOTHING) -> Any:
        """Posts the body, or gets the path where there is none; each try is paid at most `bound`.

        Raises OverBudget where a try does not fit the budget, Refused, and ModelError once all tries are spent.
        """
        reason, pause = "", 0.0
        for attempt in range(TRIES):
            time.sleep(pause)
            pause = _BACKOFF * 2**attempt
            with self._meter.hold(bound) as bill:
                try:
                    answer = client.request("POST" if body else "GET", path, json=body)
                except httpx2.RequestError as error:
                    reason = type(error).__name__
                    bill.real = NOTHING if isinstance(error, _UNSENT) else bound
                    continue
                except UnicodeEncodeError as error:
                    bill.real = NOTHING
                    raise Refused("the text is not valid Unicode") from error
                if answer.status_code < 400:
                    return self._read(answer, bill)
                bill.real = NOTHING
            reason = f"status {answer.status_code}"
            if answer.status_code not in AGAIN:
                raise Refused(f"the server at {self._base} refused: {reason}")
            pause = max(pause, _asked_pause(answer))
        remedy = "it limits requests: lower MEMPROBE_REMOTE_CONCURRENCY." if reason.endswith("429") else _REMEDY
        raise ModelError(f"the server at {self._base} failed: {reason}; {remedy}")

    def _read(self, answer: httpx2.Response, bill: Bill) -> Any:
        try:
            found = answer.json()
        except ValueError as error:
            raise Refused(f"the server at {self._base} answered no JSON; is this its API's base?") from error
        bill.real = _usage(found) or bill.real
        return found


def _usage(answer: Any) -> Usage | None:
    """Returns the server's own count for one request, or None where it gives none."""
    found = answer.get("usage") if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        return None
    tokens_in, tokens_out = found.get("prompt_tokens"), found.get("completion_tokens")
    if isinstance(tokens_in, int) and isinstance(tokens_out, int) and min(tokens_in, tokens_out) >= 0:
        return Usage(1, tokens_in, tokens_out)
    return None


def _asked_pause(answer: httpx2.Response) -> float:
    """Returns the seconds that the server asks to wait; dates, and anything else, count as none."""
    asked = answer.headers.get("retry-after", "")
    return min(float(asked), _LONGEST) if asked.isascii() and asked.isdigit() else 0.0
