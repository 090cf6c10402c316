"""What asking costs: refused before the first request, counted while it runs, stopped where the budget ends."""

from __future__ import annotations

from typing import Any

import pytest

from probe.errors import InputError, OverBudget
from probe.models import wire
from probe.models.budget import Budget, Prices, Usage
from probe.models.generate import GenerateEngine
from probe.types import Unscored
from tests.textonly.conftest import Serve, fast, serve
from tests.textonly.serving import Server

__all__ = ["fast", "serve"]  # fixtures
PROMPTS = ["Return a new list", "The iterator yields each", "If not, it is"]


def said(prompt: str) -> str:
    return f"heard {prompt}"


def test_an_interrupted_run_stops_spending(serve: Serve) -> None:
    server = Server("completions", reply=said)
    address, _ = serve(server)

    def interrupt(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GenerateEngine(address, concurrency=2).generate(["x"] * 500, 1, 5, progress=interrupt)
    assert server.asked < 100


def test_a_refusal_to_pay_comes_before_any_request(serve: Serve) -> None:
    server = Server("completions", reply=said)
    address, _ = serve(server)
    for budget, words in (
        (Budget(requests=6), r"7 requests pass the budget of 6\. Ask fewer"),
        (Budget(price=1e-5, prices=Prices(1, 2)), "a price of .* passes the budget of 1e-05"),
    ):
        with pytest.raises(OverBudget, match=words):
            GenerateEngine(address, budget=budget).generate(PROMPTS, 2, 5)
    assert server.asked == 0
    assert GenerateEngine(address, budget=Budget(requests=7)).generate(PROMPTS, 2, 5)  # one finds the dialect


def test_the_server_s_own_count_stops_it_midway(serve: Serve) -> None:
    server = Server("completions", reply=said)
    address, _ = serve(server)
    prices = Prices(1e6, 0)  # one per token in
    free = GenerateEngine(address)
    budget = Budget(price=(free.opening + free.estimate(["x"] * 20, 1, 5)).input, prices=prices)
    engine = GenerateEngine(address, budget=budget, concurrency=4)
    server.inflation = 5  # 50 tokens in for what was estimated as 17
    found = engine.generate(["x"] * 20, 1, 5)
    good = [entry for entry in found if not isinstance(entry, Unscored)]
    assert good == [["heard x"]] * len(good) and 6 <= len(good) <= 9
    assert all("the budget is used up" in entry.reason for entry in found if isinstance(entry, Unscored))
    assert server.asked == 1 + len(good) == engine.used.requests
    assert budget.price and engine.used.input <= budget.price + 4 * (50 - 17)  # what was in flight was dearer


def test_what_may_have_been_billed_counts(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    server = Server("completions", reply=lambda prompt: time.sleep(0.5 * (prompt == "x")) or "")
    address, _ = serve(server)
    engine = GenerateEngine(address, timeout=0.2)
    assert engine.dialect
    before = engine.used
    monkeypatch.setattr(wire, "TRIES", 2)
    (found,) = engine.generate(["x"], 1, 5)
    assert isinstance(found, Unscored) and "failed: ReadTimeout" in found.reason
    assert engine.used - before == engine.estimate(["x"], 2, 5)


def test_wrong_budgets() -> None:
    wrong: list[Any] = [lambda: Budget(price=1), lambda: Budget(requests=-1), lambda: Prices(float("nan"), 1)]
    for make in wrong:
        with pytest.raises(InputError):
            make()


def test_tokens_are_counted_by_a_named_tokenizer_or_estimated() -> None:
    from tests.tiny import ASSETS

    plain, exact = GenerateEngine("http://x"), GenerateEngine("http://x", tokenizer=str(ASSETS / "target"))
    assert plain.count("nine char") == 3 and plain.count("漢字漢字") == 3
    assert 1 < exact.count("Return a new list") < 10
    assert plain.estimate(["x" * 40, "y"], 3, [7, 8]) == Usage(6, 3 * (10 + 1 + 2 * 16), 3 * 15)
