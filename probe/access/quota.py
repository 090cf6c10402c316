"""How much a key may ask: requests in a time, and tokens in a time. Counted by `limits`, in memory or where it can."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from limits import RateLimitItem, parse, parse_many
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter

from probe.access.keys import Key
from probe.errors import InputError, OverQuota, Uncounted
from probe.logs import described

_LOG = logging.getLogger(__name__)
_TOKENS = "tokens"
_PATIENT = {"socket_timeout": 0.25, "socket_connect_timeout": 0.25}  # seconds: every request is counted first
_REST = 1.0  # seconds in which a storage that did not answer is not asked again
_HOW = "memory://, or redis://HOST:PORT with memprobe[redis] installed and a password in it percent-encoded"
_SAME = 2.0  # seconds by which a storage that counts whole ones may name the same moment differently


def check_rate(text: str, what: str) -> None:
    """Raises InputError for what is no rate, for several, and for one that lets nothing through."""
    try:
        item: RateLimitItem
        item, *more = parse_many(text)
    except ValueError as error:
        raise InputError(f"{what} {text!r} is no rate: write 600/minute or 5000000/day.", what) from error
    if more:
        raise InputError(f"{what} {text!r} holds {len(more) + 1} limits, and one is kept: write 600/minute.", what)
    if not item.amount:
        raise InputError(f"{what} {text!r} lets nothing through: write 1/minute or more, or revoke the key.", what)


class Quota:
    """rate, budget: of keys that have none of their own; "" for no limit."""

    def __init__(self, storage: str, rate: str, budget: str) -> None:
        """storage: memory:// or another address of limits'. Raises InputError, also where nothing answers there."""
        for text, what in ((rate, "key_rate"), (budget, "key_budget")):
            if text:
                check_rate(text, what)
        self.away, self._silent = not storage.startswith("memory:"), 0.0
        options = _PATIENT if storage.startswith(("redis", "valkey")) else {}
        try:
            kept = storage_from_string(storage, wrap_exceptions=True, **options)
        except Exception:  # of whatever library, about an address that may hold a password
            raise InputError(f"quota_storage cannot be opened: write {_HOW}.", "quota_storage") from None
        self._rate, self._budget = rate, budget
        self._requests, self._tokens = MovingWindowRateLimiter(kept), FixedWindowRateLimiter(kept)
        if not self.answers():
            raise InputError("quota_storage does not count: start it, or mend its address.", "quota_storage")

    def answers(self) -> bool:
        """Returns whether anything can be counted now."""
        try:
            with self._counting():
                self._tokens.storage.incr("answers", 60)
        except StorageError:
            return False
        return True

    def take(self, key: Key) -> None:
        """Counts a request. Raises OverQuota for one too many, Uncounted."""
        if not (text := key.rate or self._rate):
            return
        with self._needed():
            if not self._requests.hit(item := parse(text), key.id, "requests"):
                reset = self._requests.get_window_stats(item, key.id, "requests").reset_time
                said = text.replace("/", " times a ")
                raise OverQuota(f"This key may ask {said}; wait, or send more texts a request.", _wait(reset))

    def whole(self, key: Key) -> int | None:
        """Returns the tokens of a key's whole budget, None where it has none. Raises OverQuota where it is spent,
        Uncounted.
        """
        if not (text := key.budget or self._budget):
            return None
        item = parse(text)
        with self._needed():
            if not self._tokens.test(item, key.id, _TOKENS):
                raise self._refused(text, item, key, 1)
        return int(item.amount)

    def hold(self, key: Key, tokens: int) -> float:
        """Takes tokens that are yet to be read; returns when the budget is renewed, in seconds since 1970, 0 where
        there is none. Raises OverQuota where fewer are left, Uncounted.
        """
        if not (text := key.budget or self._budget):
            return 0.0
        item = parse(text)
        with self._needed():
            fits = self._tokens.test(item, key.id, _TOKENS, cost=tokens)
            if fits and self._tokens.hit(item, key.id, _TOKENS, cost=tokens):
                return self._until(item, key)
            if fits:  # others took them in between, and what does not fit is counted all the same
                self.give_back(key, tokens, self._until(item, key))
            raise self._refused(text, item, key, tokens)

    def spend(self, key: Key, tokens: int) -> None:
        """Counts tokens that were read beyond those held; they may go beyond the budget."""
        if (text := key.budget or self._budget) and tokens > 0:
            self._after_the_fact(lambda: self._tokens.hit(parse(text), key.id, _TOKENS, cost=tokens))

    def give_back(self, key: Key, tokens: int, until: float) -> None:
        """Takes back tokens that were held and not read; until: what `hold` returned. Those of a budget that was
        renewed since are gone: they would be tokens on top of the new one.
        """
        if (text := key.budget or self._budget) and tokens > 0:
            self._after_the_fact(lambda: self._return(parse(text), key, tokens, until))

    def _return(self, item: RateLimitItem, key: Key, tokens: int, until: float) -> None:
        if abs(self._until(item, key) - until) < min(_SAME, item.get_expiry() / 2):
            self._tokens.storage.incr(item.key_for(key.id, _TOKENS), item.get_expiry(), amount=-tokens)

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Asks the storage, except for a moment after it was silent: what hangs must not hold up one request after the
        other. Raises StorageError.
        """
        if time.monotonic() < self._silent:
            raise StorageError(TimeoutError("it did not answer a moment ago"))
        try:
            yield
        except StorageError:
            self._silent = time.monotonic() + _REST
            raise

    @contextmanager
    def _needed(self) -> Iterator[None]:
        """What cannot be counted is not let in."""
        try:
            with self._counting():
                yield
        except StorageError as error:
            raise Uncounted("Requests cannot be counted now, so none is let in; ask again in a moment.") from error

    def _after_the_fact(self, count: Callable[[], object]) -> None:
        """What was read already is not undone because it cannot be counted."""
        try:
            with self._counting():
                count()
        except StorageError as error:
            _LOG.error("Tokens that were read were not counted.", extra={"facts": {"error": described(error)}})

    def _until(self, item: RateLimitItem, key: Key) -> float:
        return float(self._tokens.get_window_stats(item, key.id, _TOKENS).reset_time)

    def _refused(self, text: str, item: RateLimitItem, key: Key, tokens: int) -> OverQuota:
        reset, left = self._tokens.get_window_stats(item, key.id, _TOKENS)
        said = f"This key's budget of {text.replace('/', ' tokens a ')}"
        if not left:
            return OverQuota(f"{said} is spent; wait until it is renewed.", _wait(reset))
        way = "send less, or wait until it is renewed"
        if tokens > item.amount:
            way = "send it in parts, or ask the operator for a key with a larger budget"
        return OverQuota(f"This takes about {tokens:,} tokens. {said} has {left:,} left: {way}.", _wait(reset))


def _wait(reset: float) -> int:
    return max(1, math.ceil(reset - time.time()))
