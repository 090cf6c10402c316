"""Dropout in a model that was made without: on what attention and feed-forward add to the residual stream."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import dropout

from probe.errors import ModelError


def drop(model: Any, share: float) -> None:
    """Makes every block of the model forget a share of what it adds, while it is in training mode.

    Raises ModelError where no stack of blocks is found.
    """
    if not share:
        return
    stacks = [part for part in model.modules() if isinstance(part, torch.nn.ModuleList) and len(part)]
    if not stacks:
        raise ModelError("dropout finds no blocks in this architecture: leave it out of the recipe.")
    for block in max(stacks, key=lambda stack: sum(one.numel() for one in stack.parameters())):
        for part in block.children():
            if any(one.dim() > 1 for one in part.parameters()):  # norms have vectors only
                part.register_forward_hook(lambda part, _, out: _dropped(out, share) if part.training else out)


def _dropped(out: Any, share: float) -> Any:
    if isinstance(out, tuple):
        return (dropout(out[0], share), *out[1:])
    return dropout(out, share)
