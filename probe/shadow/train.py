"""Training of causal language models: rows of token ids in, a trained copy of the model out.

Rows of like length share a padded batch, but for DP-SGD, where batches are drawn row by row. Knows nothing of texts,
members or non-members.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import PreTrainedModel

from probe.shadow.dice import dice
from probe.shadow.dropout import drop
from probe.shadow.lessons import Lesson, Rows, by_row, by_teacher, by_token
from probe.shadow.private import draws
from probe.shadow.recipe import Recipe
from probe.shadow.run import Run

EVERY = 60.0  # seconds between checkpoints

Model = TypeVar("Model", bound=PreTrainedModel)
Progress = Callable[[str, float, float], None]  # label, share done, loss in nats per token


def silent(label: str, share: float, loss: float) -> None:
    pass


def train(
    model: Model, rows: Rows, recipe: Recipe, held_out: Rows = (), progress: Progress = silent,
    checkpoint: Path | None = None, every: float = EVERY, teacher: Any = None, start: str = "",
) -> Model:  # fmt: skip
    """Returns a trained copy of `model`; with `held_out` rows, as it was after the epoch when their loss was least.

    checkpoint: a file that is written every so many seconds; where it is there, training goes on from it, on one
    thread to the very same weights. teacher: a model whose expectations are learned instead of the rows. start: hash
    of what the training begins with: a checkpoint of another beginning is refused. Raises ModelError for a checkpoint
    of another training, and for what the recipe needs and is not there.
    """
    model = copy.deepcopy(model).train()
    drop(model, recipe.dropout)
    torch.manual_seed(recipe.seed)  # dropout's
    generator = dice(recipe.seed, "order")
    epochs = [_epoch(rows, recipe, generator) for _ in range(recipe.epochs)]
    run = Run.begin(model, recipe, rows, _key(rows, held_out, recipe, start), sum(map(len, epochs)))
    lesson = _lesson(recipe, teacher)
    if checkpoint and checkpoint.is_file():
        run.restore(checkpoint)
    saved = time.monotonic()
    steps = [
        (epoch, place == len(batches), batch)
        for epoch, batches in enumerate(epochs, 1)
        for place, batch in enumerate(batches, 1)
    ]
    for epoch, last, batch in steps[run.step :]:
        loss = run.learn(lesson, batch)
        progress(f"epoch {epoch} of {recipe.epochs}", run.step / run.total, loss)
        if held_out and last:
            now = evaluate(model, held_out)
            run.compare(now)
            progress(f"held-out after epoch {epoch}", run.step / run.total, now)
        if checkpoint and time.monotonic() - saved >= every:
            run.save(checkpoint)
            saved = time.monotonic()
    trained: Model = run.finish()
    return trained


def _epoch(rows: Rows, recipe: Recipe, generator: torch.Generator) -> list[list[list[int]]]:
    return draws(rows, recipe, generator) if recipe.epsilon else list(_batches(rows, recipe.tokens, generator))


def _lesson(recipe: Recipe, teacher: Any) -> Lesson:
    if teacher is not None:
        return by_teacher(teacher)
    return by_row if recipe.epsilon else by_token


def _key(rows: Rows, held_out: Rows, recipe: Recipe, start: str) -> str:
    return sha256(json.dumps([asdict(recipe), list(rows), list(held_out), start]).encode()).hexdigest()


@torch.inference_mode()
def evaluate(model: PreTrainedModel, rows: Rows) -> float:
    """Returns the mean loss of a batch of rows in nats per token."""
    training = model.training
    model.eval()
    batches = list(_batches(rows, 4096, torch.Generator().manual_seed(0)))
    sizes = [sum(map(len, batch)) for batch in batches]
    total = sum(by_token(model, batch).item() * size for batch, size in zip(batches, sizes, strict=True))
    model.train(training)
    return total / sum(sizes)


def _batches(rows: Rows, tokens: int, generator: torch.Generator) -> Iterator[list[list[int]]]:
    """Yields batches of about `tokens` padded tokens, rows of like length together, in random order."""
    jitter = torch.rand(len(rows), generator=generator).tolist()
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]) + 8 * jitter[index])
    groups: list[list[list[int]]] = [[]]
    for index in order:
        if groups[-1] and (len(groups[-1]) + 1) * (len(rows[index]) + 8) > tokens:
            groups.append([])
        groups[-1].append(rows[index])
    for index in torch.randperm(len(groups), generator=generator).tolist():
        yield groups[index]
