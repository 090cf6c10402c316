"""An engine for jobs: every pass waits its turn in the thread that alone touches the models, between requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from probe.models.around import Around
from probe.models.base import NO_EXTRAS, OWN, Engine, Extras, Sampler
from probe.models.writing import Prompt, cost, write
from probe.types import Tokens, TokenStats, Unscored

T = TypeVar("T")


class Take(Protocol):
    """Runs work in the models' thread and waits for it."""

    def __call__(self, work: Callable[[], T]) -> T: ...


class Turns(Around):
    """The engine, one pass at a time."""

    def __init__(self, engine: Engine, take: Take, read: Callable[[int], None] = lambda tokens: None) -> None:
        """read: is told how many tokens each pass read or wrote."""
        super().__init__(engine)
        self._take, self._read = take, read

    def load(self) -> None:
        """The service loaded it before it was ready."""

    def score(self, texts: Sequence[Tokens], extras: Extras = NO_EXTRAS) -> list[TokenStats | Unscored]:
        found = self._take(lambda: self._engine.score(texts, extras))
        self._read(sum(len(tokens.ids) for tokens in texts))
        return found

    def write(self, prompts: Sequence[Prompt], samples: int, sampler: Sampler = OWN) -> list[list[str] | Unscored]:
        found = self._take(lambda: write(self._engine, prompts, samples, sampler))
        self._read(cost(prompts, samples))
        return found
