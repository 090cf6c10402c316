"""Requests to a paid server, every try of them held to a budget."""

from __future__ import annotations

from typing import Any

import httpx2

from probe.errors import InputError
from probe.models.budget import NOTHING, Meter, Usage
from probe.models.reply import Reply
from probe.models.wire import Exchange, Wire, fault

_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, UnicodeEncodeError)
_MOST = 2**53  # tokens: nobody's count of one request, and no float overflows on it


class Line:
    """A server's API by its base address, and what was spent there. Usable from several threads."""

    def __init__(self, base: str, key: str | None, meter: Meter, concurrency: int, timeout: float) -> None:
        """timeout: seconds. Raises InputError for what is no address."""
        if not base.startswith(("http://", "https://")):
            raise InputError(f"{base or 'nothing'} is no server's address; name one as http://host:8001/v1.", "target")
        if wrong := fault(base, key):
            raise InputError(wrong, "target")
        self._wire, self._meter = Wire(base, key, concurrency, timeout), meter

    def open(self) -> httpx2.Client:
        """Returns a client for one run."""
        return self._wire.open()

    def send(self, client: httpx2.Client, path: str, body: dict[str, Any] | None = None, bound: Usage = NOTHING) -> Any:
        """Posts the body, or gets the path where there is none; each try is paid at most `bound`.

        Raises OverBudget where a try does not fit the budget, Refused, and ModelError once all tries are spent.
        """

        def paid(run: Exchange) -> Reply:
            with self._meter.hold(bound) as bill:
                try:
                    reply = run()
                except _UNSENT:
                    bill.real = NOTHING  # nobody bills what never arrived
                    raise
                bill.real = NOTHING if reply.status >= 300 else _usage(reply.value) or bound
                return reply

        method = "POST" if body else "GET"
        return self._wire.send(client, method, path, body, tokens=bound.input + bound.output, around=paid)


def _usage(answer: Any) -> Usage | None:
    """Returns the server's own count for one request, or None where it gives none."""
    found = answer.get("usage") if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        return None
    tokens_in, tokens_out = found.get("prompt_tokens"), found.get("completion_tokens")
    if isinstance(tokens_in, int) and isinstance(tokens_out, int) and min(tokens_in, tokens_out) >= 0:
        return Usage(1, tokens_in, tokens_out) if max(tokens_in, tokens_out) <= _MOST else None
    return None
