"""How much a key may ask: requests in a time, and tokens in a time. Counted by `limits`, in memory or where it can."""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, parse
from limits.errors import ConfigurationError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

from probe.access.keys import Key
from probe.errors import Busy, InputError


def check_rate(text: str, what: str) -> None:
    """Raises InputError for what is no rate."""
    _item(text, what)


def _item(text: str, what: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError as error:
        raise InputError(f"{what} {text!r} is no rate: write 600/minute or 5000000/day.", what) from error


class Quota:
    """rate, budget: of keys that have none of their own; "" for no limit."""

    def __init__(self, storage: str, rate: str, budget: str) -> None:
        """storage: memory:// or another address of limits'. Raises InputError."""
        for text, what in ((rate, "key_rate"), (budget, "key_budget")):
            if text:
                check_rate(text, what)
        try:
            kept = storage_from_string(storage)
        except (ConfigurationError, ImportError) as error:
            raise InputError(f"quota_storage cannot be opened: {error}.", "quota_storage") from error
        self._rate, self._budget = rate, budget
        self._requests, self._tokens = MovingWindowRateLimiter(kept), FixedWindowRateLimiter(kept)

    def take(self, key: Key) -> None:
        """Counts a request. Raises Busy for one too many, or for one more when the tokens are spent."""
        if (text := key.rate or self._rate) and not self._requests.hit(item := parse(text), key.id, "requests"):
            reset = self._requests.get_window_stats(item, key.id, "requests").reset_time
            said = text.replace("/", " times a ")
            raise Busy(f"This key may ask {said}; wait, or send more texts a request.", _wait(reset))
        if (text := key.budget or self._budget) and not self._tokens.test(item := parse(text), key.id, "tokens"):
            reset = self._tokens.get_window_stats(item, key.id, "tokens").reset_time
            said = text.replace("/", " tokens a ")
            raise Busy(f"This key's budget of {said} is spent; wait until it is renewed.", _wait(reset))

    def spend(self, key: Key, tokens: int) -> None:
        """Counts tokens that were read; the last request may go beyond the budget."""
        if (text := key.budget or self._budget) and tokens > 0:
            self._tokens.hit(parse(text), key.id, "tokens", cost=tokens)


def _wait(reset: float) -> int:
    return max(1, math.ceil(reset - time.time()))
