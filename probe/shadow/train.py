"""Training of causal language models: rows of token ids in, a trained copy of the model out.

Rows of like length share a padded batch, the learning rate warms up and decays as a cosine. Knows nothing of texts,
members or non-members.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from transformers import PreTrainedModel

_IGNORED = -100

Model = TypeVar("Model", bound=PreTrainedModel)
Rows = Sequence[list[int]]
Progress = Callable[[str, float, float], None]  # label, share done, loss in nats per token


@dataclass(frozen=True)
class Recipe:
    """How one model is trained. muon: matrices between embedding and head by Muon (Jordan et al. 2024): fewer
    epochs are needed.
    """

    epochs: int
    rate: float
    tokens: int  # per optimiser step
    decay: float = 0.1
    seed: int = 0
    muon: bool = False


def silent(label: str, share: float, loss: float) -> None:
    pass


def train(model: Model, rows: Rows, recipe: Recipe, held_out: Rows = (), progress: Progress = silent) -> Model:
    """Returns a trained copy of `model`; with `held_out` rows, as it was after the epoch when their loss was least."""
    model = copy.deepcopy(model).train()
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    epochs = [list(_batches(rows, recipe.tokens, generator)) for _ in range(recipe.epochs)]
    total, step = sum(map(len, epochs)), 0
    optimisers = _optimisers(model, recipe)
    schedules = [torch.optim.lr_scheduler.LambdaLR(one, lambda step: _rate(step, total)) for one in optimisers]
    best, least = model.state_dict(), math.inf
    for epoch, batches in enumerate(epochs, 1):
        for batch in batches:
            loss = _step(model, batch, optimisers)
            for schedule in schedules:
                schedule.step()
            step += 1
            progress(f"epoch {epoch} of {recipe.epochs}", step / total, loss)
        if held_out:
            now = evaluate(model, held_out)
            progress(f"held-out after epoch {epoch}", step / total, now)
            if now < least:
                best, least = copy.deepcopy(model.state_dict()), now
    model.load_state_dict(best)
    model.train(False)
    return model


def _optimisers(model: PreTrainedModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    ends = {id(end.weight) for end in (model.get_input_embeddings(), model.get_output_embeddings()) if end is not None}
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    inner = [one for one in matrices if recipe.muon and one.dim() == 2 and id(one) not in ends]
    chosen = set(map(id, inner))
    outer = [one for one in matrices if id(one) not in chosen]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() == 1]  # norms are not decayed
    groups = [{"params": outer, "weight_decay": recipe.decay}, {"params": vectors, "weight_decay": 0.0}]
    found: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98))]
    if inner:  # at steps as large as AdamW's, so that one rate serves both
        found.append(torch.optim.Muon(inner, lr=recipe.rate, weight_decay=recipe.decay, adjust_lr_fn="match_rms_adamw"))
    return found


def _step(model: PreTrainedModel, batch: Rows, optimisers: Sequence[torch.optim.Optimizer]) -> float:
    loss = _loss(model, batch)
    model.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimiser in optimisers:
        optimiser.step()
    return float(loss.item())


@torch.inference_mode()
def evaluate(model: PreTrainedModel, rows: Rows) -> float:
    """Returns the mean loss of a batch of rows in nats per token."""
    training = model.training
    model.eval()
    batches = list(_batches(rows, 4096, torch.Generator().manual_seed(0)))
    sizes = [sum(map(len, batch)) for batch in batches]
    total = sum(_loss(model, batch).item() * size for batch, size in zip(batches, sizes, strict=True))
    model.train(training)
    return total / sum(sizes)


def _loss(model: PreTrainedModel, batch: Rows) -> torch.Tensor:
    width = max(map(len, batch))
    ids = torch.full((len(batch), width), 0)
    labels = torch.full((len(batch), width), _IGNORED)
    for index, row in enumerate(batch):
        ids[index, : len(row)] = labels[index, : len(row)] = torch.tensor(row)
    ids, labels = ids.to(model.device), labels.to(model.device)
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]  # right padding: causal attention never sees it
    return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1))


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


def _rate(step: int, total: int) -> float:
    warm_up = max(1, min(100, total // 20))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, total - warm_up))))
