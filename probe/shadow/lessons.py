"""What a model is to get better at on a batch of rows: its loss, a scalar with a gradient, nats per token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

import torch
from torch.nn.functional import cross_entropy

Rows = Sequence[list[int]]
Lesson = Callable[[Any, Rows], torch.Tensor]
_IGNORED = -100


def by_token(model: Any, batch: Rows) -> torch.Tensor:
    """Every token counts the same."""
    ids, labels = _padded(model, batch)
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]  # right padding: causal attention never sees it
    return cross_entropy(logits.reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1), ignore_index=_IGNORED)


def by_row(model: Any, batch: Rows) -> torch.Tensor:
    """Every row counts the same, and its share of the gradient is its own: as DP-SGD needs it."""
    ids, labels = _padded(model, batch)
    logits = model(input_ids=ids, use_cache=False, **_places(model, ids)).logits[:, :-1]
    losses = cross_entropy(logits.transpose(1, 2), labels[:, 1:], ignore_index=_IGNORED, reduction="none")
    return (losses.sum(1) / (labels[:, 1:] != _IGNORED).sum(1)).mean()


def by_teacher(teacher: Any) -> Lesson:
    """Returns the cross-entropy with what the teacher expects at every place (Hinton et al. 2015), temperature 1."""

    def lesson(model: Any, batch: Rows) -> torch.Tensor:
        ids, labels = _padded(model, batch)
        kept = labels[:, 1:] != _IGNORED
        with torch.no_grad():
            expected = teacher(input_ids=ids, use_cache=False).logits[:, :-1][kept].softmax(-1)
        return cross_entropy(model(input_ids=ids, use_cache=False).logits[:, :-1][kept], expected)

    return lesson


def _places(model: Any, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """Returns each row's own positions: of those that rows share, a gradient would have no row."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    if "position_ids" not in signature(inner.forward).parameters:
        return {}
    return {"position_ids": torch.arange(ids.shape[1], device=ids.device).expand(ids.shape)}


def _padded(model: Any, batch: Rows) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns ids and labels, [rows, tokens]."""
    width = max(map(len, batch))
    ids = torch.full((len(batch), width), 0)
    labels = torch.full((len(batch), width), _IGNORED)
    for index, row in enumerate(batch):
        ids[index, : len(row)] = labels[index, : len(row)] = torch.tensor(row)
    return ids.to(model.device), labels.to(model.device)
