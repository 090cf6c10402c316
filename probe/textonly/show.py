"""The estimate and the scores for a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text as Line

from probe.models.budget import Usage
from probe.show import console, excerpt
from probe.textonly.ask import NOT_REQUESTED, Asked, Scored
from probe.textonly.passages import Passage
from probe.textonly.plan import Plan
from probe.textonly.quiz import Mean
from probe.types import Score


def estimate(made: Plan) -> str:
    """Returns in one line what the plan takes."""
    usage = made.estimate
    price = "no price without --price-in and --price-out" if made.price is None else f"price about {made.price:,.4g}"
    return (
        f"{usage.requests:,} requests, about {usage.input:,} tokens in and at most {usage.output:,} out, retries not "
        f"counted: {price}."
    )


def scores(asked: Asked, passages: Sequence[Passage]) -> None:
    """Prints a row per passage, the reasons for what is missing, the mean over passages and what it took."""
    grid = Table("text", "samia", "samia_zlib", "quiz", "no letter", "begins")
    for result, passage in zip(asked.results, passages, strict=True):
        cells = [_number(score) for score in (result.samia, result.samia_zlib, result.quiz)]
        unparsable = "" if result.unparsable is None else str(result.unparsable)
        grid.add_row(*map(Line, (_name(result), *cells, unparsable, excerpt(passage.text, 30))))
    console.print(grid)
    for result in asked.results:
        for name, score in (("samia", result.samia), ("quiz", result.quiz)):
            if score.reason and score.reason != NOT_REQUESTED:
                console.print(Line(f"{_name(result)}: no {name}: {score.reason}"))
    if any(result.quiz.value is not None for result in asked.results):
        console.print(Line(f"{_mean(asked)}."))
    console.print(Line(f"{_spent(asked.usage, asked.price)}. Note: {asked.note}."))


def lines(asked: Asked) -> Iterator[dict[str, Any]]:
    """Yields an object per passage, then one for all."""
    for result in asked.results:
        yield {"object": "ask.text", **asdict(result)}
    rest = {"usage": asdict(asked.usage), "price": asked.price, "note": asked.note}
    yield {"object": "ask", "quiz": asdict(asked.quiz), **rest}


def _mean(asked: Asked) -> str:
    found = asked.quiz
    if not isinstance(found, Mean):
        return f"No mean over passages: {found.reason}"
    return (
        f"Quiz over {found.passages} passages: {found.accuracy:.3f}, {found.confidence:.0%} interval "
        f"[{found.low:.3f}, {found.high:.3f}]; guessing gives {found.chance:.2f}"
    )


def _spent(usage: Usage, price: float | None) -> str:
    cost = "" if price is None else f", price {price:,.4g}"
    return f"Asked {usage.requests:,} requests, {usage.input:,} tokens in, {usage.output:,} out{cost}"


def _name(result: Scored) -> str:
    return excerpt(str(result.index if result.id is None else result.id), 30)


def _number(score: Score) -> str:
    return "" if score.value is None else f"{score.value:.3f}"
