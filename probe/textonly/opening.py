"""From settings and the caller's prices to an engine that holds to the budget."""

from __future__ import annotations

from probe.config import Settings
from probe.errors import InputError
from probe.models.budget import Budget, Prices
from probe.models.chat import Kind
from probe.models.generate import GenerateEngine


def open_engine(
    settings: Settings, price_in: float | None = None, price_out: float | None = None, budget: float | None = None,
    requests: int | None = None, kind: Kind | None = None,
) -> GenerateEngine:  # fmt: skip
    """price_in, price_out: per million tokens. budget: in the same currency. kind: fixes the dialect.

    Raises InputError, and ModelError for the tokenizer.
    """
    if not settings.target:
        raise InputError("Name the server to ask: --target http://host:8001/v1, with #ID behind it.", "target")
    if (price_in is None) != (price_out is None):
        raise InputError("Give both --price-in and --price-out, or neither.", "prices")
    prices = None if price_in is None or price_out is None else Prices(price_in, price_out)
    key = settings.remote_key.get_secret_value() if settings.remote_key else None
    return GenerateEngine(
        settings.target, key=key, tokenizer=settings.tokenizer, kind=kind, budget=Budget(requests, budget, prices),
        concurrency=settings.remote_concurrency,
    )  # fmt: skip
