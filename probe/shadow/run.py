"""A training as it stands: weights, optimisers and schedule, written to a checkpoint and read back.

Knows steps, not batches or epochs. A step's learning rate warms up and decays as a cosine.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from probe.errors import ModelError
from probe.shadow.lessons import Lesson, Rows
from probe.shadow.private import Guard
from probe.shadow.recipe import Recipe


@dataclass
class Run:
    """key: of recipe and rows; total: steps. best: the weights of the least held-out loss so far."""

    model: Any
    key: str
    total: int
    optimisers: list[torch.optim.Optimizer]
    schedules: list[torch.optim.lr_scheduler.LambdaLR]
    step: int = 0
    best: dict[str, torch.Tensor] | None = None
    least: float = math.inf
    guard: Guard | None = None

    @classmethod
    def begin(cls, model: PreTrainedModel, recipe: Recipe, rows: Rows, key: str, total: int) -> Run:
        """Raises ModelError where the recipe's epsilon takes what is not installed."""
        optimisers = _optimisers(model, recipe)
        schedules = [torch.optim.lr_scheduler.LambdaLR(one, lambda step: _rate(step, total)) for one in optimisers]
        guard = Guard(model, optimisers[0], rows, recipe) if recipe.epsilon else None
        return cls(model, key, total, optimisers, schedules, guard=guard)

    def learn(self, lesson: Lesson, batch: Rows) -> float:
        """Takes one step; returns the loss."""
        loss = self.guard.learn(lesson, self.model, batch) if self.guard else self._learn(lesson, batch)
        for schedule in self.schedules:
            schedule.step()
        self.step += 1
        return loss

    def _learn(self, lesson: Lesson, batch: Rows) -> float:
        self.model.zero_grad()
        loss = lesson(self.model, batch)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        return float(loss.item())

    def compare(self, held_out_loss: float) -> None:
        """Keeps the weights where the held-out loss is the least so far."""
        if held_out_loss < self.least:
            self.best, self.least = copy.deepcopy(self.model.state_dict()), held_out_loss

    def finish(self) -> Any:
        """Returns the model with the best weights, the last where nothing was held out."""
        if self.guard:
            self.guard.release()
        if self.best is not None:
            self.model.load_state_dict(self.best)
        return self.model.train(False)

    def _dice(self) -> dict[str, torch.Tensor]:
        """Returns how far every stream of chance is: noise that came again would be no noise."""
        found = {"cpu": torch.get_rng_state()}
        if self.model.device.type == "cuda":
            found["cuda"] = torch.cuda.get_rng_state(self.model.device)
        return found | ({"noise": self.guard.noise.get_state()} if self.guard else {})

    def _throw(self, state: dict[str, torch.Tensor]) -> None:
        torch.set_rng_state(state["cpu"])
        if self.model.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"], self.model.device)
        if self.guard:
            self.guard.noise.set_state(state["noise"])

    def save(self, path: Path) -> None:
        """Under another name first: a file of the right name is whole."""
        part = path.with_name(path.name + ".part")
        state = {
            "key": self.key, "step": self.step, "model": self.model.state_dict(),
            "optimisers": [one.state_dict() for one in self.optimisers],
            "schedules": [one.state_dict() for one in self.schedules], "best": self.best, "least": self.least,
            "dice": self._dice(),
        }  # fmt: skip
        torch.save(state, part)
        part.replace(path)

    def restore(self, path: Path) -> None:
        """Raises ModelError for a damaged file or one of another training."""
        try:
            state = torch.load(path, weights_only=True, map_location="cpu")
            if state["key"] != self.key:
                raise ValueError("other texts or another recipe")
            self.model.load_state_dict(state["model"])
            for kind in ("optimisers", "schedules"):
                for one, kept in zip(getattr(self, kind), state[kind], strict=True):
                    one.load_state_dict(kept)
            self.step, self.best, self.least = state["step"], state["best"], state["least"]
            self._throw(state["dice"])
        except Exception as error:  # whatever a file of unknown content raises
            raise ModelError(f"{path} is no checkpoint of this training ({error}): delete it to begin anew.") from error


def _optimisers(model: PreTrainedModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    ends = {id(end.weight) for end in (model.get_input_embeddings(), model.get_output_embeddings()) if end is not None}
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    inner = [one for one in matrices if recipe.muon and not recipe.epsilon and one.dim() == 2 and id(one) not in ends]
    chosen = set(map(id, inner))
    outer = [one for one in matrices if id(one) not in chosen]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() == 1]  # norms are not decayed
    groups = [{"params": outer, "weight_decay": recipe.decay}, {"params": vectors, "weight_decay": 0.0}]
    found: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98))]
    if inner:  # at steps as large as AdamW's, so that one rate serves both
        found.append(torch.optim.Muon(inner, lr=recipe.rate, weight_decay=recipe.decay, adjust_lr_fn="match_rms_adamw"))
    return found


def _rate(step: int, total: int) -> float:
    warm_up = max(1, min(100, total // 20))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, total - warm_up))))
