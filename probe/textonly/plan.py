"""What will be asked of a target that only generates, and what that takes; nothing is sent here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from probe.errors import InputError
from probe.models.budget import Usage
from probe.models.draw import Advance
from probe.models.generate import GenerateEngine
from probe.scores import samia
from probe.textonly import quiz
from probe.textonly.passages import Passage
from probe.types import Unscored

Attack = Literal["samia", "quiz", "both"]
_GO_ON = "Go on with this text, word for word as in its source if you know it. Write the continuation only."
_LETTER = 16  # tokens of a quiz answer: room for "The answer is B."


@dataclass(frozen=True, slots=True)
class Options:
    """permutations: orders of each passage's quiz. temperature: of samia's samples; the quiz is asked at 0."""

    attack: Attack = "both"
    samples: int = samia.SAMPLES
    permutations: int = quiz.ALL
    temperature: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.attack not in get_args(Attack):
            raise InputError(f"No attack named {self.attack}. There are: {', '.join(get_args(Attack))}.", "attack")
        if self.samples < 1:
            raise InputError("At least one sample must be asked for.", "samples")
        quiz.orders(self.permutations)  # a wrong number is named before anything is asked


@dataclass(frozen=True, slots=True)
class Batch:
    """What one call of the engine asks. sizes: the most tokens of each answer."""

    prompts: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    samples: int = 1
    temperature: float = 0.0
    seed: int = 0
    instruction: str = ""

    @property
    def requests(self) -> int:
        return len(self.prompts) * self.samples

    def estimate(self, engine: GenerateEngine) -> Usage:
        return engine.estimate(self.prompts, self.samples, self.sizes, self.instruction)

    def generate(self, engine: GenerateEngine, progress: Advance) -> list[list[str] | Unscored]:
        """Asks what `plan` has found affordable. Raises what GenerateEngine.generate does."""
        return engine.generate(
            self.prompts, self.samples, self.sizes, self.temperature, self.seed, instruction=self.instruction,
            progress=progress, afforded=True,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """Per passage its halves and its orders, or why there are none; an attack that was not requested has no entries.

    The prompts of `samia` and `quiz` are those of the passages that have some, in order.
    """

    splits: dict[int, samia.Split | Unscored]
    orders: dict[int, tuple[quiz.Order, ...] | Unscored]
    samia: Batch
    quiz: Batch
    estimate: Usage
    price: float | None


def plan(engine: GenerateEngine, passages: Sequence[Passage], options: Options) -> Plan:
    """Raises InputError where there is nothing to ask, and OverBudget where that may cost too much."""
    attack = options.attack
    splits = {} if attack == "quiz" else {i: samia.split(passage.text) for i, passage in enumerate(passages)}
    orders = {} if attack == "samia" else {i: _orders(i, passage, options) for i, passage in enumerate(passages)}
    asked = (_samia(engine, list(splits.values()), options), _quiz(passages, orders))
    if not any(batch.prompts for batch in asked):
        why = dict.fromkeys(e.reason for e in (*splits.values(), *orders.values()) if isinstance(e, Unscored))
        raise InputError(f"There is nothing to ask: {'; '.join(why) or 'there is no text'}.")
    estimate = asked[0].estimate(engine) + asked[1].estimate(engine)
    engine.afford(estimate)
    estimate += engine.opening
    return Plan(splits, orders, *asked, estimate, engine.budget.price_of(estimate))


def _orders(index: int, passage: Passage, options: Options) -> tuple[quiz.Order, ...] | Unscored:
    if not passage.paraphrases:
        return Unscored('the quiz takes three "paraphrases" of each text')
    return tuple(quiz.orders(options.permutations, f"{options.seed}:{index}"))  # no choice of orders is shared by all


def _samia(engine: GenerateEngine, splits: Sequence[samia.Split | Unscored], options: Options) -> Batch:
    halves = [parts for parts in splits if isinstance(parts, samia.Split)]
    sizes = tuple(samia.room(engine.count(parts.suffix)) for parts in halves)
    prompts = tuple(parts.prefix for parts in halves)
    return Batch(prompts, sizes, options.samples, options.temperature, options.seed, _GO_ON)


def _quiz(
    passages: Sequence[Passage], orders: dict[int, tuple[quiz.Order, ...] | Unscored]
) -> Batch:  # fmt: skip
    prompts = tuple(
        quiz.question((passages[i].text, *passages[i].paraphrases), order)
        for i, drawn in orders.items()
        if not isinstance(drawn, Unscored)
        for order in drawn
    )
    return Batch(prompts, (_LETTER,) * len(prompts))
