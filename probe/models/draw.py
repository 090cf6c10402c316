"""Many samples of many prompts, asked side by side: one prompt's failure is its own, and a dead server ends it soon."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product

from probe.errors import ModelError, OverBudget
from probe.models.wire import GIVE_UP, Refused
from probe.types import Unscored

Advance = Callable[[int, int], None]


class Draw:
    """One run. `ask` gives sample s of prompt i; it may raise OverBudget and ModelError."""

    def __init__(self, ask: Callable[[int, int], str]) -> None:
        self._ask = ask
        self._failed: dict[int, Unscored] = {}
        self._row = 0

    def __call__(
        self, prompts: int, samples: int, concurrency: int, progress: Advance | None = None
    ) -> list[list[str] | Unscored]:
        """Returns all samples of each prompt, or why there are none, in order."""
        jobs = list(product(range(prompts), range(samples)))
        drawn: list[list[str]] = [[] for _ in range(prompts)]
        pool = ThreadPoolExecutor(concurrency)
        try:
            for done, ((index, _), text) in enumerate(zip(jobs, pool.map(self._one, jobs), strict=True), 1):
                drawn[index].append(text)
                if progress:
                    progress(done, len(jobs))
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupted run must not go on spending
        return [self._failed.get(index) or texts for index, texts in enumerate(drawn)]

    def _one(self, job: tuple[int, int]) -> str:
        """Returns a sample; nothing where its prompt has failed, for then the others are not worth their price."""
        index, sample = job
        if self._row >= GIVE_UP:
            self._failed.setdefault(index, Unscored(f"not asked: the server failed {GIVE_UP} requests in a row"))
        if index in self._failed:
            return ""
        try:
            text = self._ask(index, sample)
        except (OverBudget, ModelError) as error:
            self._failed.setdefault(index, Unscored(str(error)))
            self._row += not isinstance(error, OverBudget | Refused)
            return ""
        self._row = 0
        return text
