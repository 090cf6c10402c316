"""What asking a paid server costs: an estimate before the first request, and the server's own count while it runs.

Prices are per million tokens, in whatever currency the caller's figures are. A request counts when the server answered
it, or may have: one that was sent and timed out is counted at its upper bound, because it may still be billed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition

from probe.errors import InputError, OverBudget


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests, and tokens in and out."""

    requests: int = 0
    input: int = 0
    output: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.requests + other.requests, self.input + other.input, self.output + other.output)

    def __sub__(self, other: Usage) -> Usage:
        return Usage(self.requests - other.requests, self.input - other.input, self.output - other.output)


NOTHING = Usage()


@dataclass(frozen=True, slots=True)
class Prices:
    """Per million tokens. Raises InputError for what is no price."""

    input: float
    output: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) and value >= 0 for value in (self.input, self.output)):
            raise InputError("A price must be a number of at least 0 per million tokens.", "prices")

    def of(self, usage: Usage) -> float:
        return (usage.input * self.input + usage.output * self.output) / 1e6


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent; no limit where None. Raises InputError for a price limit without prices."""

    requests: int | None = None
    price: float | None = None
    prices: Prices | None = None

    def __post_init__(self) -> None:
        if self.price is not None and self.prices is None:
            raise InputError("A budget takes the prices: give both --price-in and --price-out.", "budget")
        for limit in (self.requests, self.price):
            if limit is not None and not (math.isfinite(limit) and limit >= 0):
                raise InputError("A budget must be a number of at least 0.", "budget")

    def price_of(self, usage: Usage) -> float | None:
        return self.prices.of(usage) if self.prices else None

    def excess(self, usage: Usage) -> str | None:
        """Returns which limit the usage passes, or None."""
        if self.requests is not None and usage.requests > self.requests:
            return f"{usage.requests:,} requests pass the budget of {self.requests:,}"
        price = self.price_of(usage)
        if self.price is not None and price is not None and price > self.price * (1 + 1e-9):
            return f"a price of {price:,.4g} passes the budget of {self.price:,.4g}"
        return None


@dataclass(slots=True)
class Bill:
    """What one request turned out to cost; its upper bound until something better is known."""

    real: Usage


class Meter:
    """Counts what was used, across threads. What is in flight is held at its bound: the sum stays affordable."""

    def __init__(self, budget: Budget) -> None:
        self.used, self._held = NOTHING, NOTHING
        self._budget, self._changed = budget, Condition()

    @contextmanager
    def hold(self, bound: Usage) -> Iterator[Bill]:
        """Holds the bound while the request runs, then books what it cost. Raises OverBudget where it does not fit."""
        with self._changed:
            while self._budget.excess(self.used + self._held + bound):
                if reason := self._budget.excess(self.used + bound):
                    raise OverBudget(f"not asked, because the budget is used up: with it {reason}")
                self._changed.wait()  # what is in flight may turn out cheaper than its bound
            self._held += bound
        bill = Bill(bound)
        try:
            yield bill
        finally:
            with self._changed:
                self._held -= bound
                self.used += bill.real
                self._changed.notify_all()
