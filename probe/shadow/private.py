"""DP-SGD by Opacus: each row's gradient is cut to a norm, and noise is added to their sum (Abadi et al. 2016).

Batches are Poisson draws, as the accountant assumes. Adjacent are trainings with and without one row.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import torch

from probe.errors import InputError, ModelError
from probe.shadow.dice import dice
from probe.shadow.lessons import Lesson, Rows
from probe.shadow.recipe import Recipe

_ROOM = 1 << 29  # bytes of the gradients of rows that are held at once


def share(rows: Rows, recipe: Recipe) -> float:
    """Returns the chance of a row to be in a batch: batches have recipe.tokens in the mean."""
    return min(1.0, recipe.tokens / max(1, sum(map(len, rows))))


def steps(rows: Rows, recipe: Recipe) -> int:
    return max(1, round(1 / share(rows, recipe)))


def draws(rows: Rows, recipe: Recipe, generator: torch.Generator) -> list[list[list[int]]]:
    """Returns the batches of one epoch; one may be empty."""
    flips = torch.rand(steps(rows, recipe), len(rows), generator=generator) < share(rows, recipe)
    return [[rows[place] for place in flip.nonzero().flatten().tolist()] for flip in flips]


def noise(rows: Rows, recipe: Recipe) -> float:
    """Returns the noise's deviation in units of clip, by the privacy loss distribution (Gopi et al. 2021).

    Raises ModelError where Opacus is not installed, InputError where epsilon is out of reach.
    """
    return _noise(recipe.epsilon, recipe.delta, share(rows, recipe), steps(rows, recipe) * recipe.epochs)


def terms(rows: Rows, recipe: Recipe) -> dict[str, float]:
    """Returns what the promise rests on, for whoever does the accounting again. Raises as `noise`."""
    return {
        "noise": noise(rows, recipe), "share": share(rows, recipe), "steps": steps(rows, recipe) * recipe.epochs,
    }  # fmt: skip


@cache
def _noise(epsilon: float, delta: float, rate: float, count: int) -> float:
    try:
        from opacus.accountants.utils import get_noise_multiplier
    except ImportError as error:
        raise ModelError("epsilon takes Opacus: pip install memprobe[dp].") from error
    try:
        with warnings.catch_warnings():
            # of Renyi's bound, which only says where to look, and of log 0 where every row is in every batch
            warnings.filterwarnings("ignore", module=r"opacus\.")
            found: float = get_noise_multiplier(
                target_epsilon=epsilon, target_delta=delta, sample_rate=rate, steps=count, accountant="prv",
                eps_error=epsilon / 100,
            )  # fmt: skip
    except (RuntimeError, ValueError) as error:
        raise InputError(f"No noise is found for epsilon {epsilon:g} ({error}): name another.", "epsilon") from error
    return found


class Guard:
    """Stands between a model and its optimiser while it is trained."""

    def __init__(self, model: Any, optimiser: torch.optim.Optimizer, rows: Rows, recipe: Recipe) -> None:
        deviation = noise(rows, recipe)
        from opacus import GradSampleModule
        from opacus.optimizers import DPOptimizer

        # a stream of its own: from the noise nobody must learn whom the batches took
        self.noise = dice(recipe.seed, "noise", next(model.parameters()).device)
        self._watched = GradSampleModule(model, loss_reduction="mean")
        self._optimiser = DPOptimizer(
            optimiser, noise_multiplier=deviation, max_grad_norm=recipe.clip,
            expected_batch_size=max(1, round(share(rows, recipe) * len(rows))), generator=self.noise,
        )  # fmt: skip
        self._most = max(1, _ROOM // (4 * sum(one.numel() for one in self._optimiser.params)))
        self._tokens = recipe.tokens

    def learn(self, lesson: Lesson, model: Any, batch: Rows) -> float:
        """Takes one step; returns the mean loss of the rows."""
        total, parts = 0.0, list(self._parts(batch)) or [[]]
        for number, part in enumerate(parts, 1):
            total += self._measure(lesson, model, part) * len(part)
            self._optimiser.signal_skip_step(number < len(parts))
            self._optimiser.step()
            self._optimiser.zero_grad()
        return total / max(1, len(batch))

    def release(self) -> None:
        self._watched.to_standard_module()

    def _measure(self, lesson: Lesson, model: Any, part: Rows) -> float:
        if not part:  # noise alone: that nobody was drawn must not show
            for one in self._optimiser.params:
                one.grad_sample = one.new_zeros((0, *one.shape))
            return 0.0
        loss = lesson(model, part)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Full backward hook is firing")  # tokens have no gradient
            torch.autograd.backward(loss)
        return float(loss.item())

    def _parts(self, batch: Rows) -> Iterator[Sequence[list[int]]]:
        """Yields rows of like length, as many as there is room for."""
        part: list[list[int]] = []
        for row in sorted(batch, key=len):
            if part and (len(part) >= self._most or (len(part) + 1) * len(row) > 4096):
                yield part
                part = []
            part.append(row)
        if part:
            yield part
