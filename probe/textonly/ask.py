"""The flow for targets that only generate: passages -> plan -> answers -> scores.

No verdict comes of it: these scores have no calibration here, and the result says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from probe.models.budget import Usage
from probe.models.draw import Advance
from probe.models.generate import GenerateEngine
from probe.scores import samia
from probe.textonly import quiz
from probe.textonly.passages import Passage
from probe.textonly.plan import Options, Plan, plan
from probe.types import Score, Unscored

NOTE = "scores only: text-only attacks are uncalibrated here"
NOT_REQUESTED = "not requested"
_UNASKED = Unscored(NOT_REQUESTED)
Answer = list[str] | Unscored


@dataclass(frozen=True, slots=True)
class Scored:
    """What is said of one passage; every score is higher for a likelier member. `unparsable`: answers of the quiz."""

    index: int
    id: str | None
    samia: Score
    samia_zlib: Score
    quiz: Score
    unparsable: int | None = None

    @property
    def failed(self) -> bool:
        """Whether there is no score at all."""
        return self.samia.value is None and self.quiz.value is None


@dataclass(frozen=True, slots=True)
class Asked:
    """All passages, their mean accuracy in the quiz, and what it took by the server's own count.

    usage: of this engine so far. price: in the currency of its prices, None without any.
    """

    results: tuple[Scored, ...]
    quiz: quiz.Mean | Unscored
    usage: Usage
    price: float | None
    note: str = NOTE


def ask(
    engine: GenerateEngine, passages: Sequence[Passage], options: Options | None = None,
    progress: Advance | None = None,
) -> Asked:  # fmt: skip
    """Asks and scores; a passage that fails is a score with a reason. Raises what `plan` does, and ModelError."""
    made = plan(engine, passages, options or Options())
    total = made.samia.requests + made.quiz.requests

    def shifted(before: int) -> Advance:
        return lambda done, _: progress(before + done, total) if progress else None

    drawn = made.samia.generate(engine, shifted(0))
    chosen = made.quiz.generate(engine, shifted(made.samia.requests))
    results = tuple(_results(passages, made, iter(drawn), iter(chosen)))
    return Asked(results, _mean(results), engine.used, engine.budget.price_of(engine.used))


def _results(
    passages: Sequence[Passage], made: Plan, drawn: Iterator[Answer], chosen: Iterator[Answer]
) -> Iterator[Scored]:  # fmt: skip
    for index, passage in enumerate(passages):
        plain, weighted = _samia(made.splits.get(index, _UNASKED), drawn)
        marked = _quiz(made.orders.get(index, _UNASKED), chosen)
        yield Scored(
            index, passage.id, plain, weighted,
            Score(reason=marked.reason) if isinstance(marked, Unscored) else Score(marked.accuracy),
            None if isinstance(marked, Unscored) else marked.unparsable,
        )  # fmt: skip


def _samia(parts: samia.Split | Unscored, drawn: Iterator[Answer]) -> tuple[Score, Score]:
    if isinstance(parts, Unscored):
        return Score(reason=parts.reason), Score(reason=parts.reason)
    found = next(drawn)
    if isinstance(found, Unscored):
        return Score(reason=found.reason), Score(reason=found.reason)
    added = [samia.continuation(answer, parts) for answer in found]
    return Score(samia.samia(parts.suffix, added)), Score(samia.samia_zlib(parts.suffix, added))


def _quiz(orders: tuple[quiz.Order, ...] | Unscored, chosen: Iterator[Answer]) -> quiz.Mark | Unscored:
    """A passage is marked only where all of its orders were answered: some of them alone would favour a letter."""
    if isinstance(orders, Unscored):
        return orders
    answers = [next(chosen) for _ in orders]
    failed = [answer.reason for answer in answers if isinstance(answer, Unscored)]
    if failed:
        return Unscored(f"{len(failed)} of {len(orders)} questions failed: {failed[0]}")
    return quiz.mark(orders, [answer[0] for answer in answers if not isinstance(answer, Unscored)])


def _mean(results: Sequence[Scored]) -> quiz.Mean | Unscored:
    return quiz.mean([result.quiz.value for result in results if result.quiz.value is not None])
